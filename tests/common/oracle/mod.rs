//! The oracle: evaluates a portable graph in the most obvious way, with loops over unpacked `f64` numbers.
//!
//! It uses nothing of the library but the graph and its parameters. It unpacks weights and computes levels, thresholds
//! and shapes in a few lines of its own, so that a mistake in packing, lowering or a kernel cannot hide in shared code.

mod quantizers;
mod windows;

use lq_infer::internals::graph::{Graph, NodeId, Op, Params, Role, Weights};

/// How the levels of activations and weights are rounded before they are multiplied.
///
/// The original code multiplies levels that were computed in `f32`; the integer formulation multiplies exact sums of
/// basis elements. Codes are the same in both, values differ by up to 2^-24 of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LevelValues {
    /// Sums of the `f32` basis elements, exact in `f64` for all practical purposes.
    Exact,
    /// The same sums rounded to `f32` after every addition, as the original does.
    Float32,
}

/// The result of one node for a batch of images.
#[derive(Clone, Debug, Default)]
pub struct NodeResult {
    /// Height, width, channels of one image.
    pub shape: [usize; 3],
    /// `[image, h, w, c]`. For quantizers, the values of the levels.
    pub values: Vec<f64>,
    /// The values before they were clamped to 0. An error of an earlier layer makes such a 0 positive only if it
    /// exceeds the magnitude here: the negative number that a ReLU clamped, or minus infinity for a level or a padding
    /// of 0. All other values are the same as in `values`.
    pub unclamped: Vec<f64>,
    /// The result of a quantizer.
    pub quantized: Option<Quantized>,
}

/// The codes of a quantizer, and how close each decision was.
#[derive(Clone, Debug, Default)]
pub struct Quantized {
    /// `[image, h, w, c]`
    pub codes: Vec<u8>,
    /// How large an error of each activation would have to be to change its code, `[image, h, w, c]`.
    pub distances: Vec<f64>,
    /// Root mean square of the activations: the unit in which distances are judged.
    pub scale: f64,
}

impl NodeResult {
    /// A result without clamped values.
    fn new(shape: [usize; 3], values: Vec<f64>) -> Self {
        NodeResult { shape, unclamped: values.clone(), values, quantized: None }
    }

    /// Elements of one image.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Index of an element in `values`.
    fn index(&self, image: usize, [y, x]: [usize; 2], c: usize) -> usize {
        let [h, w, channels] = self.shape;
        ((image * h + y) * w + x) * channels + c
    }
}

/// The results of all nodes for `images` images. `input` is the tensor that the first layer receives,
/// `[image, h, w, c]`.
pub fn evaluate(graph: &Graph, params: &Params, input: &[f64], images: usize, levels: LevelValues) -> Vec<NodeResult> {
    let mut results: Vec<NodeResult> = Vec::new();
    for id in 0..graph.nodes().len() {
        results.push(node(graph, params, id, &results, input, images, levels));
    }
    results
}

/// The result of node `id`, given those of all nodes before it.
pub fn node(
    graph: &Graph,
    params: &Params,
    id: NodeId,
    before: &[NodeResult],
    input: &[f64],
    images: usize,
    levels: LevelValues,
) -> NodeResult {
    let node = &graph.nodes()[id];
    let inputs: Vec<&NodeResult> = node.inputs.iter().map(|&i| &before[i]).collect();
    let tensor = |role| params.get(&node.name, role).unwrap();
    let floats = |role| -> Vec<f64> { tensor(role).f32().iter().map(|&v| f64::from(v)).collect() };
    match &node.op {
        Op::Input { shape } => NodeResult::new([shape.h, shape.w, shape.c], input.to_vec()),
        Op::Conv { outputs, window, weights, bias, groups } => {
            let shape = [*outputs, window.kernel[0], window.kernel[1], inputs[0].shape[2] / groups];
            let weights = match weights {
                Weights::Float => floats(Role::Weight),
                Weights::Planes { bits } => {
                    let (planes, basis) = (tensor(Role::Planes).u32(), tensor(Role::WeightBasis).f32());
                    quantizers::weights(planes, basis, shape, *bits, levels)
                }
            };
            let bias = if *bias { floats(Role::Bias) } else { vec![0.0; *outputs] };
            windows::conv(inputs[0], images, window, &weights, shape, &bias)
        }
        Op::BatchNorm { epsilon } => batch_norm(inputs[0], &floats(Role::BatchNorm), *epsilon),
        Op::Relu => relu(inputs[0]),
        Op::Quantize { encoding, ties, .. } => {
            quantizers::activations(inputs[0], tensor(Role::ActivationBasis).f32(), *encoding, *ties, levels)
        }
        Op::MaxPool { window } => windows::max_pool(inputs[0], images, window),
        Op::AvgPool { window } => windows::avg_pool(inputs[0], images, window),
        Op::Add => add(inputs[0], inputs[1]),
        Op::PadChannels { channels, before } => {
            let after = channels - before - inputs[0].shape[2];
            concat(&[&zeros(inputs[0], *before), inputs[0], &zeros(inputs[0], after)])
        }
        Op::Concat => concat(&inputs),
    }
}

/// `rows` are gamma, beta, mean and variance.
fn batch_norm(x: &NodeResult, rows: &[f64], epsilon: f64) -> NodeResult {
    let channels = x.shape[2];
    let row = |r: usize, c: usize| rows[r * channels + c];
    let normalised = x.values.iter().enumerate().map(|(index, v)| {
        let c = index % channels;
        (v - row(2, c)) / (row(3, c) + epsilon).sqrt() * row(0, c) + row(1, c)
    });
    NodeResult::new(x.shape, normalised.collect())
}

fn relu(x: &NodeResult) -> NodeResult {
    let values = x.values.iter().map(|v| v.max(0.0)).collect();
    NodeResult { shape: x.shape, values, unclamped: x.unclamped.clone(), quantized: None }
}

fn add(a: &NodeResult, b: &NodeResult) -> NodeResult {
    let values: Vec<f64> = a.values.iter().zip(&b.values).map(|(a, b)| a + b).collect();
    let zero = |at: usize| a.unclamped[at].max(b.unclamped[at]);
    let unclamped = values.iter().enumerate().map(|(at, &sum)| if sum == 0.0 { zero(at) } else { sum }).collect();
    NodeResult { shape: a.shape, values, unclamped, quantized: None }
}

/// `channels` channels of zeros with the height and width of `x`.
fn zeros(x: &NodeResult, channels: usize) -> NodeResult {
    let count = x.values.len() / x.shape[2] * channels;
    let (values, unclamped) = (vec![0.0; count], vec![f64::NEG_INFINITY; count]);
    NodeResult { shape: [x.shape[0], x.shape[1], channels], values, unclamped, quantized: None }
}

/// The concatenation of all `parts`, pixel by pixel.
fn concat(parts: &[&NodeResult]) -> NodeResult {
    let channels: usize = parts.iter().map(|p| p.shape[2]).sum();
    let mut joined = NodeResult { shape: [parts[0].shape[0], parts[0].shape[1], channels], ..NodeResult::default() };
    let pixels = parts.iter().map(|p| p.values.len()).sum::<usize>() / channels;
    for pixel in 0..pixels {
        for part in parts {
            let c = part.shape[2];
            joined.values.extend_from_slice(&part.values[pixel * c..][..c]);
            joined.unclamped.extend_from_slice(&part.unclamped[pixel * c..][..c]);
        }
    }
    joined
}
