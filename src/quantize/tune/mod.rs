//! Tuning of a quantized network as a whole, so that it gives what the float network gives.
//!
//! Layer by layer, each is the best for the inputs that it gets; together they are not. Here all of them move at once, down
//! the gradient of the squared difference from the float network, at the ends of its blocks and of the network. Rounding to
//! levels has no gradient: it is passed through as if nothing had been rounded (the straight-through estimator, as in the
//! training of LQ-Nets). What moves are the real weights behind the codes, all bases, batch norms, and layers in float that
//! read what is quantized.

mod adam;
mod node;

use super::tape::Tape;
use crate::error::Result;
use crate::float::{self, Layer, Pass, Ready, backward};
use crate::graph::{Fact, Graph, NodeId, Op, Params, RealWeights, Role, Tensor, Weights};
use crate::quant;
use crate::random::Rng;
use crate::tensor::Shape;
use adam::Parameter;
use node::{Kind, Node, quantized};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Pictures of a step.
const BATCH: usize = 32;
/// Parts of a step's pictures whose gradients are summed by themselves. Their number is fixed, whatever the threads.
const PARTS: usize = 4;

/// Multiply-accumulates of the float network, over all pictures and epochs, that are spent unless the caller says more.
const MACS: u64 = 175_000_000_000;
/// Most epochs that are spent so.
const MOST_EPOCHS: u64 = 8;

/// How far and how long a network is tuned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    /// How often all pictures are seen.
    pub epochs: usize,
    /// First steps of weights behind codes, as a share of their size.
    pub weights: f32,
    /// First steps of everything else, as a share of its size.
    pub others: f32,
}

impl Tuning {
    /// Settings chosen on training pictures of CIFAR-10, without epochs.
    pub const USUAL: Tuning = Tuning { epochs: 0, weights: 0.005, others: 0.01 };

    /// As many epochs as take about a minute on two processors of 2024, at most eight; none for large networks. The number
    /// depends on the network and the pictures alone, not on the machine's speed.
    pub fn usual(graph: &Graph, pictures: usize) -> Self {
        let macs = graph.macs().unwrap_or(u64::MAX).saturating_mul(pictures.max(1) as u64).max(1);
        Tuning { epochs: (MACS / macs).min(MOST_EPOCHS) as usize, ..Tuning::USUAL }
    }
}

/// The network in the form in which it is tuned.
pub(super) struct Tuner<'a> {
    graph: &'a Graph,
    facts: &'a [Fact],
    /// Layers with parameters that move.
    nodes: BTreeMap<NodeId, Node>,
    /// All others, and those of the float network.
    fixed: BTreeMap<NodeId, Ready>,
    float: Vec<Layer>,
    /// Whether something before is quantized.
    active: Vec<bool>,
    /// Where both networks are compared, with the inverse of the mean square there.
    taps: Vec<(NodeId, f32)>,
}

impl<'a> Tuner<'a> {
    /// The quantized network `low`; `graph` is its graph, and `float` has the parameters of the float network.
    pub(super) fn new(
        graph: &'a Graph,
        facts: &'a [Fact],
        low: &Params,
        float: &Params,
        tuning: &Tuning,
    ) -> Result<Self, String> {
        let mut tuner = Tuner {
            graph,
            facts,
            nodes: BTreeMap::new(),
            fixed: BTreeMap::new(),
            float: Vec::new(),
            active: vec![false; facts.len()],
            taps: Vec::new(),
        };
        for (id, node) in graph.nodes().iter().enumerate() {
            let reads_active = node.inputs.iter().any(|&input| tuner.active[input]);
            let is_quantized = match node.op {
                Op::Quantize { .. } => true,
                Op::Conv { weights, .. } => weights != Weights::Float,
                _ => false,
            };
            tuner.active[id] = reads_active || is_quantized;
            tuner.float.push(float::float_layer(graph, facts, id, float)?);
            match trained(graph, facts, id, low, tuning)? {
                Some(node) if tuner.active[id] => drop(tuner.nodes.insert(id, node)),
                _ => drop(tuner.fixed.insert(id, Ready::of(float::layer(graph, facts, id, low)?))),
            }
            let is_last = id + 1 == facts.len();
            if tuner.active[id] && (is_last || matches!(node.op, Op::Add | Op::MaxPool { .. })) {
                tuner.taps.push((id, 0.0));
            }
        }
        Ok(tuner)
    }

    /// Tunes on `pictures`, whose tensors `input` holds; `seed` orders them.
    pub(super) fn tune(
        &mut self,
        input: &Tape,
        pictures: usize,
        tuning: &Tuning,
        seed: u64,
        progress: &dyn Fn(usize, usize),
    ) -> Result<()> {
        let targets = self.targets(input, pictures)?;
        let steps = pictures.div_ceil(BATCH) * tuning.epochs;
        let (mut rng, mut order, mut count) = (Rng::new(seed), (0..pictures).collect::<Vec<usize>>(), 0);
        for _ in 0..tuning.epochs {
            rng.shuffle(&mut order);
            for batch in order.chunks(BATCH) {
                progress(count, steps);
                let gradients = self.gradients(batch, input, &targets)?;
                // From full length down to none, slowly at both ends.
                let left = 1.0 - count as f32 / steps as f32;
                count += 1;
                let scale = left * left * (3.0 - 2.0 * left);
                for (id, raw) in gradients {
                    if let Some(node) = self.nodes.get_mut(&id) {
                        let gradients = node.gradients(raw);
                        let all = node.parameters.par_iter_mut().zip(gradients);
                        all.for_each(|(parameter, gradient)| parameter.step(&gradient, count, scale));
                    }
                }
            }
        }
        progress(steps, steps);
        Ok(())
    }

    /// What the float network gives at the taps, for all pictures. Sets the taps' scales.
    fn targets(&mut self, input: &Tape, pictures: usize) -> Result<Vec<Tape>> {
        let length = |&(id, _): &(NodeId, f32)| self.facts[id].shape.elements();
        let tapes = self.taps.iter().map(|tap| Tape::new(length(tap))).collect::<Result<Vec<_>>>()?;
        let mut squares = vec![0f64; tapes.len()];
        for first in (0..pictures).step_by(BATCH) {
            let count = BATCH.min(pictures - first);
            let all = input.read(first, count)?;
            let results: Vec<Vec<Vec<f32>>> = all.par_chunks_exact(input.length).map(|x| self.at_taps(x)).collect();
            for (at, result) in results.iter().enumerate() {
                for ((tape, result), sum) in tapes.iter().zip(result).zip(&mut squares) {
                    *sum += result.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / result.len() as f64;
                    tape.write(first + at, result)?;
                }
            }
        }
        for ((_, scale), sum) in self.taps.iter_mut().zip(squares) {
            *scale = if sum > 0.0 { (pictures as f64 / sum) as f32 } else { 0.0 };
        }
        Ok(tapes)
    }

    /// What the float network gives at the taps for one picture.
    fn at_taps(&self, picture: &[f32]) -> Vec<Vec<f32>> {
        let results = self.forward(picture, |id| &self.float[id]);
        self.taps.iter().map(|&(id, _)| results[id].clone()).collect()
    }

    fn forward<'b>(&'b self, picture: &[f32], layer: impl Fn(NodeId) -> &'b Layer) -> Vec<Vec<f32>> {
        let mut results: Vec<Vec<f32>> = vec![picture.to_vec()];
        for id in 1..self.facts.len() {
            let mut result = vec![0.0; self.facts[id].shape.elements()];
            layer(id).picture(&self.read(id, &results), &mut result, self.facts[id].shape);
            results.push(result);
        }
        results
    }

    fn read<'b>(&self, id: NodeId, results: &'b [Vec<f32>]) -> Vec<(&'b [f32], Shape)> {
        let inputs = self.graph.nodes()[id].inputs.iter();
        inputs.map(|&input| (results[input].as_slice(), self.facts[input].shape)).collect()
    }

    /// The sum of the gradients of the pictures of a batch.
    fn gradients(&self, batch: &[usize], input: &Tape, targets: &[Tape]) -> Result<BTreeMap<NodeId, Vec<Vec<f32>>>> {
        let ready: BTreeMap<NodeId, Ready> = self.nodes.iter().map(|(&id, node)| (id, node.ready())).collect();
        let part = |pictures: &[usize]| {
            let zeros = |node: &Node| node.raw_lengths().into_iter().map(|n| vec![0f32; n]).collect::<Vec<_>>();
            let mut sums: BTreeMap<NodeId, Vec<Vec<f32>>> = self.nodes.iter().map(|(&id, n)| (id, zeros(n))).collect();
            for &picture in pictures {
                let targets = targets.iter().map(|tape| tape.read(picture, 1)).collect::<Result<Vec<_>>>()?;
                self.picture(&input.read(picture, 1)?, &targets, &ready, &mut sums);
            }
            Ok(sums)
        };
        let parts: Vec<_> = batch.par_chunks(BATCH.div_ceil(PARTS)).map(part).collect::<Result<_>>()?;
        let add = |mut a: BTreeMap<NodeId, Vec<Vec<f32>>>, b: BTreeMap<NodeId, Vec<Vec<f32>>>| {
            for (a, b) in a.values_mut().flatten().zip(b.values().flatten()) {
                a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            }
            a
        };
        Ok(parts.into_iter().reduce(add).unwrap_or_default())
    }

    /// Adds the gradients of one picture.
    fn picture(
        &self,
        picture: &[f32],
        targets: &[Vec<f32>],
        ready: &BTreeMap<NodeId, Ready>,
        sums: &mut BTreeMap<NodeId, Vec<Vec<f32>>>,
    ) {
        let ready = |id: NodeId| ready.get(&id).unwrap_or_else(|| &self.fixed[&id]);
        let results = self.forward(picture, |id| &ready(id).layer);
        let mut gradients: Vec<Option<Vec<f32>>> =
            results.iter().zip(&self.active).map(|(result, &active)| active.then(|| vec![0.0; result.len()])).collect();
        for (&(id, scale), target) in self.taps.iter().zip(targets) {
            let factor = 2.0 * scale / target.len() as f32;
            let pairs = results[id].iter().zip(target);
            let differences = gradients[id].iter_mut().flatten().zip(pairs);
            differences.for_each(|(g, (x, t))| *g += factor * (x - t));
        }
        for id in (1..results.len()).rev() {
            let Some(gradient) = gradients[id].take() else { continue };
            let inputs = &self.graph.nodes()[id].inputs;
            let (read, to) = (self.read(id, &results), self.facts[id].shape);
            let pass = Pass { inputs: &read, to, result: &results[id], gradient: &gradient };
            let mut into: Vec<Option<Vec<f32>>> = inputs.iter().map(|&input| gradients[input].take()).collect();
            let mut none = Vec::new();
            backward(ready(id), &pass, &mut into, sums.get_mut(&id).unwrap_or(&mut none));
            inputs.iter().zip(into).for_each(|(&input, into)| gradients[input] = into);
        }
    }

    /// The parameters as they are stored, over those of `low`.
    pub(super) fn finish(&self, low: &Params) -> Result<BTreeMap<String, Tensor>, String> {
        let mut tensors = low.tensors().clone();
        for (&id, node) in &self.nodes {
            let (name, op) = (&self.graph.nodes()[id].name, &self.graph.nodes()[id].op);
            let values = |at: usize| node.parameters[at].values.clone();
            let mut put = |role: Role, tensor| drop(tensors.insert(format!("{name}/{}", role.suffix()), tensor));
            let put_bias = |put: &mut dyn FnMut(Role, Tensor), at: usize| {
                if let Some(bias) = node.parameters.get(at) {
                    put(Role::Bias, Tensor::from_f32(vec![bias.values.len()], bias.values.clone()));
                }
            };
            match node.kind {
                Kind::Codes { geometry, bits } => {
                    let (inputs, [height, width], outputs) = (geometry.inputs(), geometry.window.kernel, geometry.to.c);
                    let codes = quantized(&values(0), &values(1), bits, |_, code| code);
                    let shape = vec![outputs, height, width, quant::words(inputs), bits];
                    put(Role::Planes, Tensor::from_u32(shape, quant::pack(&codes, inputs, bits)));
                    let bases = values(1);
                    let bits_first = (0..bits).flat_map(|j| bases.iter().skip(j).step_by(bits)).copied().collect();
                    put(Role::WeightBasis, Tensor::from_f32(vec![bits, outputs], bits_first));
                    put_bias(&mut put, 2);
                }
                Kind::Real { geometry } => {
                    let [height, width] = geometry.window.kernel;
                    let shape = vec![geometry.to.c, height, width, geometry.inputs()];
                    put(Role::Weight, Tensor::from_f32(shape, values(0)));
                    put_bias(&mut put, 1);
                }
                Kind::Affine => {
                    let Op::BatchNorm { epsilon } = op else { continue };
                    let rows = low.get(name, Role::BatchNorm)?.f32();
                    let rows = with_affine(rows, *epsilon, &values(0), &values(1));
                    put(Role::BatchNorm, Tensor::from_f32(vec![4, rows.len() / 4], rows));
                }
                Kind::Levels { .. } => put(Role::ActivationBasis, Tensor::from_f32(vec![values(0).len()], values(0))),
            }
        }
        Ok(tensors)
    }
}

/// The rows of a batch norm with this factor and summand: gamma and beta change, mean and variance stay.
fn with_affine(rows: &[f32], epsilon: f64, factor: &[f32], summand: &[f32]) -> Vec<f32> {
    let mut rows = rows.to_vec();
    let channels = factor.len();
    for c in 0..channels {
        let deviation = (f64::from(rows[3 * channels + c]) + epsilon).sqrt();
        rows[c] = (f64::from(factor[c]) * deviation) as f32;
        rows[channels + c] = (f64::from(summand[c]) + f64::from(rows[2 * channels + c]) * f64::from(factor[c])) as f32;
    }
    rows
}

/// The layer with its parameters, if it has any.
fn trained(graph: &Graph, facts: &[Fact], id: NodeId, low: &Params, tuning: &Tuning) -> Result<Option<Node>, String> {
    let node = &graph.nodes()[id];
    let get = |role| low.get(&node.name, role).map(|tensor| tensor.f32().to_vec());
    Ok(Some(match &node.op {
        Op::Conv { weights, bias, .. } => {
            let geometry = float::geometry(node, facts, id);
            let stored = RealWeights::of(low, &node.name, *weights)?;
            let channels = (0..geometry.to.c).map(|output| stored.channel(output, geometry.inputs()));
            let rows: Vec<f32> = channels.flat_map(|channel| channel.into_owned()).collect();
            let (kind, mut parameters) = match weights {
                Weights::Planes { bits } => {
                    let bases = get(Role::WeightBasis)?;
                    let outputs = geometry.to.c;
                    let bases = (0..outputs).flat_map(|o| quant::channel_basis(&bases, outputs, o)).collect();
                    let bases = Parameter::new(bases, tuning.others, 0.0);
                    (Kind::Codes { geometry, bits: *bits }, vec![Parameter::new(rows, tuning.weights, 0.0), bases])
                }
                Weights::Float => (Kind::Real { geometry }, vec![Parameter::new(rows, tuning.others, 0.0)]),
            };
            if *bias {
                parameters.push(Parameter::new(get(Role::Bias)?, tuning.others, 0.1));
            }
            Node { kind, parameters }
        }
        Op::BatchNorm { epsilon } => {
            let Layer::Affine { factor, summand } = float::affine(&get(Role::BatchNorm)?, *epsilon) else {
                return Ok(None);
            };
            let pair = [factor, summand].map(|values| Parameter::new(values, tuning.others, 0.1));
            Node { kind: Kind::Affine, parameters: pair.into() }
        }
        Op::Quantize { encoding, ties, .. } => {
            let basis = Parameter::new(get(Role::ActivationBasis)?, tuning.others, 0.0);
            Node { kind: Kind::Levels { encoding: *encoding, ties: *ties }, parameters: vec![basis] }
        }
        _ => return Ok(None),
    }))
}
