//! The oracle: what a portable graph means, in the most obvious loops over unpacked `f64` numbers.
//!
//! It reads the graph and its parameters and nothing else of the library: it unpacks weights, forms levels, thresholds and
//! shapes by its own few lines, so that a mistake in packing, lowering or a kernel cannot hide in shared code.

use lq_infer::graph::{Graph, NodeId, Op, Params, Role, Weights};
use lq_infer::tensor::Window;

/// What the levels of activations and weights are worth in a convolution.
///
/// The original multiplies levels that it formed in `f32`; the integer formulation multiplies sums of basis elements that
/// nothing rounded. Codes are the same, values differ by up to 2^-24 of a level.
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
    /// `[image, h, w, c]`. For quantizers the values of the levels.
    pub values: Vec<f64>,
    /// What a quantizer gave.
    pub quantized: Option<Quantized>,
}

/// The codes of a quantizer, and how close each decision was.
#[derive(Clone, Debug, Default)]
pub struct Quantized {
    /// `[image, h, w, c]`
    pub codes: Vec<u8>,
    /// Distance of each activation to the nearest threshold, `[image, h, w, c]`.
    pub distances: Vec<f64>,
    /// Root mean square of the activations: the unit in which a distance is small or not.
    pub scale: f64,
}

impl NodeResult {
    /// Numbers in one image.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    fn at(&self, image: usize, y: usize, x: usize, c: usize) -> f64 {
        let [h, w, channels] = self.shape;
        self.values[((image * h + y) * w + x) * channels + c]
    }
}

/// The results of all nodes for `images` images; `input` is what the first layer receives, `[image, h, w, c]`.
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
    let source = |k: usize| &before[node.inputs[k]];
    match &node.op {
        Op::Input { shape } => {
            NodeResult { shape: [shape.h, shape.w, shape.c], values: input.to_vec(), quantized: None }
        }
        Op::Conv { outputs, window, weights, bias, .. } => {
            let x = source(0);
            let w = match weights {
                Weights::Float => floats(params, &node.name, Role::Weight),
                Weights::Planes { bits } => unpack(params, &node.name, *outputs, window, x.shape[2], *bits, levels),
            };
            let bias = if *bias { floats(params, &node.name, Role::Bias) } else { vec![0.0; *outputs] };
            conv(x, images, *outputs, window, &w, &bias)
        }
        Op::BatchNorm { epsilon } => batch_norm(source(0), &floats(params, &node.name, Role::BatchNorm), *epsilon),
        Op::Relu => map(source(0), |v| v.max(0.0)),
        Op::Quantize { .. } => {
            let basis = params.get(&node.name, Role::ActivationBasis).unwrap().f32();
            quantize(source(0), before_relu(graph, id, before), basis, levels)
        }
        Op::MaxPool { window } => pool(source(0), images, window, |taps| taps.iter().copied().fold(f64::MIN, f64::max)),
        Op::AvgPool { window } => pool(source(0), images, window, |taps| taps.iter().sum::<f64>() / taps.len() as f64),
        Op::Add => {
            let (a, b) = (source(0), source(1));
            let values = a.values.iter().zip(&b.values).map(|(a, b)| a + b).collect();
            NodeResult { shape: a.shape, values, quantized: None }
        }
        Op::PadChannels { channels } => pad_channels(source(0), *channels),
        Op::Concat => todo!("concatenation"),
    }
}

fn floats(params: &Params, layer: &str, role: Role) -> Vec<f64> {
    params.get(layer, role).unwrap().f32().iter().map(|&v| f64::from(v)).collect()
}

fn map(x: &NodeResult, f: impl Fn(f64) -> f64) -> NodeResult {
    NodeResult { shape: x.shape, values: x.values.iter().map(|&v| f(v)).collect(), quantized: None }
}

/// Weights `[out, kh, kw, in]` from packed planes `[out, kh, kw, word, plane]`: bit 1 is +basis, bit 0 is -basis.
fn unpack(
    params: &Params,
    layer: &str,
    outputs: usize,
    window: &Window,
    inputs: usize,
    bits: usize,
    levels: LevelValues,
) -> Vec<f64> {
    let planes = params.get(layer, Role::Planes).unwrap().u32();
    let basis = params.get(layer, Role::WeightBasis).unwrap().f32();
    let taps = window.kernel[0] * window.kernel[1];
    let words = inputs.div_ceil(32);
    let mut weights = Vec::new();
    for o in 0..outputs {
        for tap in 0..taps {
            for c in 0..inputs {
                let bit = |i: usize| planes[((o * taps + tap) * words + c / 32) * bits + i] >> (c % 32) & 1;
                let signed = |i: usize| if bit(i) == 1 { basis[i * outputs + o] } else { -basis[i * outputs + o] };
                weights.push(sum((0..bits).map(signed), levels));
            }
        }
    }
    weights
}

/// The sum of basis elements, from element 0 up.
fn sum(terms: impl Iterator<Item = f32>, levels: LevelValues) -> f64 {
    match levels {
        LevelValues::Exact => terms.map(f64::from).sum(),
        LevelValues::Float32 => f64::from(terms.fold(0f32, |a, b| a + b)),
    }
}

fn conv(x: &NodeResult, images: usize, outputs: usize, window: &Window, weights: &[f64], bias: &[f64]) -> NodeResult {
    let [height, width, inputs] = x.shape;
    let [kh, kw] = window.kernel;
    let [out_h, out_w] = output_size(window, [height, width]);
    let mut values = Vec::with_capacity(images * out_h * out_w * outputs);
    for image in 0..images {
        for y in 0..out_h {
            for xx in 0..out_w {
                for o in 0..outputs {
                    let mut total = bias[o];
                    for ky in 0..kh {
                        for kx in 0..kw {
                            let Some((iy, ix)) = tap(window, [y, xx], [ky, kx], [height, width]) else { continue };
                            for c in 0..inputs {
                                let w = weights[((o * kh + ky) * kw + kx) * inputs + c];
                                total += w * x.at(image, iy, ix, c);
                            }
                        }
                    }
                    values.push(total);
                }
            }
        }
    }
    NodeResult { shape: [out_h, out_w, outputs], values, quantized: None }
}

fn output_size(window: &Window, size: [usize; 2]) -> [usize; 2] {
    [0, 1].map(|d| (size[d] + window.before[d] + window.after[d] - window.kernel[d]) / window.stride[d] + 1)
}

/// The input position under a tap, unless it lies in the padding.
fn tap(window: &Window, out: [usize; 2], tap: [usize; 2], size: [usize; 2]) -> Option<(usize, usize)> {
    let at = |d: usize| (out[d] * window.stride[d] + tap[d]) as isize - window.before[d] as isize;
    let inside = |d: usize| at(d) >= 0 && at(d) < size[d] as isize;
    (inside(0) && inside(1)).then(|| (at(0) as usize, at(1) as usize))
}

fn pool(x: &NodeResult, images: usize, window: &Window, reduce: impl Fn(&[f64]) -> f64) -> NodeResult {
    let [height, width, channels] = x.shape;
    let [out_h, out_w] = output_size(window, [height, width]);
    let mut values = Vec::with_capacity(images * out_h * out_w * channels);
    for image in 0..images {
        for y in 0..out_h {
            for xx in 0..out_w {
                for c in 0..channels {
                    let mut taps = Vec::new();
                    for ky in 0..window.kernel[0] {
                        for kx in 0..window.kernel[1] {
                            if let Some((iy, ix)) = tap(window, [y, xx], [ky, kx], [height, width]) {
                                taps.push(x.at(image, iy, ix, c));
                            }
                        }
                    }
                    values.push(reduce(&taps));
                }
            }
        }
    }
    NodeResult { shape: [out_h, out_w, channels], values, quantized: None }
}

/// `rows` are gamma, beta, mean and variance.
fn batch_norm(x: &NodeResult, rows: &[f64], epsilon: f64) -> NodeResult {
    let channels = x.shape[2];
    let row = |r: usize, c: usize| rows[r * channels + c];
    let normalised = x.values.iter().enumerate().map(|(index, v)| {
        let c = index % channels;
        (v - row(2, c)) / (row(3, c) + epsilon).sqrt() * row(0, c) + row(1, c)
    });
    NodeResult { shape: x.shape, values: normalised.collect(), quantized: None }
}

fn pad_channels(x: &NodeResult, channels: usize) -> NodeResult {
    let mut values = Vec::new();
    for pixel in x.values.chunks(x.shape[2]) {
        values.extend_from_slice(pixel);
        values.extend(std::iter::repeat_n(0.0, channels - x.shape[2]));
    }
    NodeResult { shape: [x.shape[0], x.shape[1], channels], values, quantized: None }
}

/// What a ReLU directly before quantizer `id` received.
fn before_relu<'a>(graph: &Graph, id: NodeId, before: &'a [NodeResult]) -> Option<&'a NodeResult> {
    let source = &graph.nodes()[graph.nodes()[id].inputs[0]];
    matches!(source.op, Op::Relu).then(|| &before[source.inputs[0]])
}

/// The learned activation quantizer, with levels and thresholds formed in `f32`.
fn quantize(x: &NodeResult, unclamped: Option<&NodeResult>, basis: &[f32], levels: LevelValues) -> NodeResult {
    let table = level_table(basis);
    let thresholds: Vec<f64> = table.windows(2).map(|l| f64::from(0.5 * l[0].0 + 0.5 * l[1].0)).collect();
    let mut result = NodeResult { shape: x.shape, ..NodeResult::default() };
    let mut quantized = Quantized::default();
    for (index, &v) in x.values.iter().enumerate() {
        // At or below every threshold: value 0, code 0, whatever the lowest level is.
        let mut code = 0;
        for (rank, &t) in thresholds.iter().enumerate() {
            if v > t {
                code = table[rank + 1].1;
            }
        }
        let chosen = (0..basis.len()).filter(|j| code >> j & 1 == 1);
        result.values.push(sum(chosen.map(|j| basis[j]), levels));
        quantized.codes.push(code as u8);
        quantized.distances.push(distance(v, unclamped.map(|z| z.values[index]), &thresholds));
    }
    let squares: f64 = x.values.iter().map(|v| v * v).sum();
    quantized.scale = (squares / x.values.len() as f64).sqrt();
    result.quantized = Some(quantized);
    result
}

/// Levels in ascending order with their codes; of equal levels the larger code comes first.
fn level_table(basis: &[f32]) -> Vec<(f32, usize)> {
    let mut table = Vec::new();
    for code in 0..1usize << basis.len() {
        let mut value = 0f32;
        for (j, &u) in basis.iter().enumerate() {
            if code >> j & 1 == 1 {
                value += u;
            }
        }
        table.push((value, code));
    }
    table.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap().then(b.1.cmp(&a.1)));
    table
}

/// Distance of `v` to the nearest threshold. For v = max(z, 0) it is z that must not be near: v is exactly 0 for all negative
/// z, and then no negative threshold can be missed and no other one be exceeded.
fn distance(v: f64, unclamped: Option<f64>, thresholds: &[f64]) -> f64 {
    let nearest = |x: f64, t: &mut dyn Iterator<Item = &f64>| t.map(|t| (x - t).abs()).fold(f64::INFINITY, f64::min);
    match unclamped {
        Some(z) => nearest(z, &mut thresholds.iter().filter(|&&t| t >= 0.0)),
        None => nearest(v, &mut thresholds.iter()),
    }
}
