//! Networks of the zoo with random parameters whose statistics match from layer to layer, so that values and codes are
//! distributed as in a trained network. This needs no data: each layer's statistics are derived from those of the
//! layers before.

use crate::error::Error;
use crate::format::{Header, Packed, Provenance, VERSION};
use crate::graph::preprocess::Normalize;
use crate::graph::{Graph, Node, Op, ParamSpec, Params, Role, Tensor, Weights};
use crate::lower::{InputKind, Program, lower};
use crate::quant::live_bits;
use crate::random::Rng;
use crate::session::{Model, program_kind};
use crate::zoo::{self, Definition, Widths};
use std::collections::{BTreeMap, HashMap};

/// The first and largest element of a weight basis.
const UNIT: f64 = 0.03;

/// The integer program of network `id` of the zoo with random parameters, for pixels if it takes them.
///
/// # Errors
/// There is no such network, or it cannot be lowered at these widths.
pub fn random_network(id: &str, widths: &dyn Widths, seed: u64) -> Result<Program, String> {
    let model = random_model(id, widths, seed).map_err(|e| e.to_string())?;
    let Packed { header, params, .. } = model.packed();
    let normalize = &header.preprocess.normalize;
    let kind = program_kind(normalize, InputKind::Pixels);
    lower(&header.graph, params, normalize, kind)
}

/// The integer program of `graph` with random parameters, for pixels or for tensors of magnitudes up to 4.
///
/// # Errors
/// It cannot be lowered.
pub fn random_program(graph: &Graph, kind: InputKind, seed: u64) -> Result<Program, String> {
    let normalize = match kind {
        InputKind::Pixels => Normalize::Channel { mean: [0.5; 3], std: [0.25; 3] },
        InputKind::Tensor => Normalize::TensorOnly { range: 4.0 },
    };
    lower(graph, &params(graph, &mut Rng::new(seed))?, &normalize, kind)
}

/// A model of network `id` of the zoo with random parameters; equal arguments give the same model everywhere. It has no
/// mean image, so networks that need one for pictures take tensors instead.
///
/// # Errors
/// [`Error::Usage`] if there is no such network, or if it cannot have these widths.
pub fn random_model(id: &str, widths: &dyn Widths, seed: u64) -> Result<Model, Error> {
    let network = zoo::find(id).map_err(Error::Usage)?;
    let Definition { graph, preprocess, .. } = network.build(widths).map_err(Error::Usage)?;
    let params = params(&graph, &mut Rng::new(seed)).map_err(Error::Usage)?;
    let source = Provenance {
        kind: "random".into(),
        file: String::new(),
        sha256: String::new(),
        converter: concat!("lq-infer ", env!("CARGO_PKG_VERSION")).into(),
    };
    let header = Header {
        version: VERSION,
        name: format!("{id} {}", graph.widths()),
        network: id.to_owned(),
        graph,
        preprocess,
        labels: Vec::new(),
        source,
        golden: Vec::new(),
    };
    Model::try_from(Packed { header, params, mean_image: None })
}

/// Random parameters for all layers.
fn params(graph: &Graph, rng: &mut Rng) -> Result<Params, String> {
    let squares = mean_squares(graph)?;
    let channels: HashMap<&str, usize> = inputs(graph, |node, input| Ok(graph.facts()?[input].shape.c / groups(node)))?;
    let read: HashMap<&str, f64> = inputs(graph, |_, input| Ok(squares[input]))?;
    let mut tensors = BTreeMap::new();
    for spec in graph.parameters()? {
        let layer = spec.layer.as_str();
        let (channels, square) = (channels.get(layer).copied().unwrap_or(0), read.get(layer).copied().unwrap_or(1.0));
        tensors.insert(spec.name(), tensor(&spec, channels, square, rng));
    }
    Params::new(graph, tensors)
}

/// Computes something for each layer and its first input; the result is indexed by the layer's name.
fn inputs<T>(graph: &Graph, of: impl Fn(&Node, usize) -> Result<T, String>) -> Result<HashMap<&str, T>, String> {
    let reading = graph.nodes().iter().filter_map(|n| Some((n, *n.inputs.first()?)));
    reading.map(|(node, input)| Ok((node.name.as_str(), of(node, input)?))).collect()
}

/// The number of groups of a layer's channels.
fn groups(node: &Node) -> usize {
    if let Op::Conv { groups, .. } = node.op { groups } else { 1 }
}

/// The mean square of each node's output, given the weights of [`tensor`].
fn mean_squares(graph: &Graph) -> Result<Vec<f64>, String> {
    let mut squares: Vec<f64> = Vec::new();
    for node in graph.nodes() {
        let read: Vec<f64> = node.inputs.iter().map(|&i| squares[i]).collect();
        squares.push(match node.op {
            Op::Input { .. } | Op::BatchNorm { .. } => 1.0,
            Op::Conv { ref weights, .. } => read[0] * gain(weights, fan_in(graph, node)?),
            // About half of the inputs are negative and become 0.
            Op::Relu => 0.5 * read[0],
            Op::Add => read.iter().sum(),
            _ => read[0],
        });
    }
    Ok(squares)
}

/// How many inputs each output of a convolution depends on.
fn fan_in(graph: &Graph, node: &Node) -> Result<f64, String> {
    let Op::Conv { window, groups, .. } = &node.op else { return Ok(1.0) };
    Ok((window.taps() * graph.facts()?[node.inputs[0]].shape.c / groups) as f64)
}

/// The factor from the mean square of the inputs to that of a sum of `terms` products.
fn gain(weights: &Weights, terms: f64) -> f64 {
    match weights {
        Weights::Float => 1.0,
        Weights::Planes { bits } => terms * (0..*bits).map(|i| (UNIT * 0.5f64.powi(i as i32)).powi(2)).sum::<f64>(),
    }
}

/// A random parameter of a layer that reads `channels` channels with mean square `square`.
fn tensor(spec: &ParamSpec, channels: usize, square: f64, rng: &mut Rng) -> Tensor {
    let count: usize = spec.shape.iter().product();
    let spread = |rng: &mut Rng, size: f64| rng.uniform(0.6 * size, 1.4 * size) as f32;
    let numbers = match spec.role {
        Role::Planes => {
            let (words, bits) = (spec.shape[3], spec.shape[4]);
            let word = |i: usize, rng: &mut Rng| rng.bits() & live_bits(channels, i / bits % words);
            return Tensor::from_u32(spec.shape.clone(), (0..count).map(|i| word(i, rng)).collect());
        }
        Role::Weight => {
            let reach = (3.0 / spec.shape[1..].iter().product::<usize>() as f64).sqrt();
            (0..count).map(|_| rng.uniform(-reach, reach) as f32).collect()
        }
        // Each element is about half of the one before, as in learned bases.
        Role::WeightBasis => (0..count).map(|i| spread(rng, UNIT * 0.5f64.powi((i / spec.shape[1]) as i32))).collect(),
        Role::Bias => (0..count).map(|_| rng.uniform(-0.5, 0.5) as f32).collect(),
        Role::BatchNorm => batch_norm(spec.shape[1], square, rng),
        Role::ActivationBasis => {
            let reach = 2.5 * square.sqrt() / ((1u32 << count) - 1) as f64;
            (0..count).map(|j| spread(rng, reach * f64::from(1u32 << j))).collect()
        }
    };
    Tensor::from_f32(spec.shape.clone(), numbers)
}

/// The rows gamma, beta, mean and variance. One gamma in eight is negative.
fn batch_norm(channels: usize, square: f64, rng: &mut Rng) -> Vec<f32> {
    let mut rows = Vec::with_capacity(4 * channels);
    rows.extend((0..channels).map(|c| (if c % 8 == 5 { -1.0 } else { 1.0 }) * rng.uniform(0.6, 1.2) as f32));
    rows.extend((0..channels).map(|_| rng.uniform(-0.3, 0.5) as f32));
    rows.extend((0..channels).map(|_| rng.uniform(-0.1, 0.1) as f32));
    rows.extend((0..channels).map(|_| (square * rng.uniform(0.7, 1.3)) as f32));
    rows
}
