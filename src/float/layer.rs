//! The layers of a network in float32, on some pictures at a time.

use super::moves::Move;
use super::patches::Geometry;
use super::product::{Extent, View, add_product};
use crate::graph::{Encoding, Fact, Graph, Node, Op, Params, RealWeights, Role, Ties};
use crate::quant::Levels;
use crate::tensor::{Shape, Window};
use rayon::prelude::*;

/// Output pixels whose patches are multiplied at once.
pub(super) const PIXELS: usize = 96;

/// A layer that is ready to run.
pub(crate) enum Layer {
    /// Passes its input on: the input itself, and quantizers of a network in float.
    Same,
    Conv(Conv),
    /// A batch norm as a factor and a summand for each channel.
    Affine {
        factor: Vec<f32>,
        summand: Vec<f32>,
    },
    Relu,
    Quantize(Levels, Ties),
    Move(Move),
}

/// A convolution that is ready to run.
pub(crate) struct Conv {
    geometry: Geometry,
    /// `[groups, depth, outputs of a group]`.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Conv {
    /// A convolution with weights `[out, kh, kw, in]`.
    pub(crate) fn new(geometry: Geometry, weights: &[f32], bias: Vec<f32>) -> Self {
        let (depth, outputs) = (geometry.depth(), geometry.outputs());
        let mut ordered = vec![0.0; weights.len()];
        for (output, row) in weights.chunks_exact(depth).enumerate() {
            let group = &mut ordered[output / outputs * depth * outputs..][..depth * outputs];
            row.iter().enumerate().for_each(|(k, &w)| group[k * outputs + output % outputs] = w);
        }
        Conv { geometry, weights: ordered, bias }
    }

    fn run(&self, picture: &[f32], to: &mut [f32]) {
        let Geometry { to: shape, groups, .. } = self.geometry;
        let (depth, outputs) = (self.geometry.depth(), self.geometry.outputs());
        let mut patches = vec![0.0; PIXELS.min(shape.pixels()) * depth];
        for (block, to) in to.chunks_mut(PIXELS * shape.c).enumerate() {
            to.chunks_exact_mut(shape.c).for_each(|pixel| pixel.copy_from_slice(&self.bias));
            let rows = to.len() / shape.c;
            for group in 0..groups {
                let patches = &mut patches[..rows * depth];
                self.geometry.fill(picture, group, block * PIXELS, patches, depth);
                let weights = &self.weights[group * depth * outputs..][..depth * outputs];
                let extent = Extent { rows, depth, columns: outputs };
                let (a, b) = (View::of(patches, depth), View::of(weights, outputs));
                add_product(&mut to[group * outputs..], shape.c, a, b, extent);
            }
        }
    }
}

/// The bases and parameters of a layer as it is stored.
pub(crate) fn layer(graph: &Graph, facts: &[Fact], id: usize, params: &Params) -> Result<Layer, String> {
    let node = &graph.nodes()[id];
    Ok(match &node.op {
        Op::Input { .. } => Layer::Same,
        Op::Conv { weights, bias, .. } => {
            let geometry = geometry(node, facts, id);
            let stored = RealWeights::of(params, &node.name, *weights)?;
            let rows: Vec<f32> =
                (0..geometry.to.c).flat_map(|output| stored.channel(output, geometry.inputs()).into_owned()).collect();
            let zeros = || Ok(vec![0.0; geometry.to.c]);
            let bias = if *bias { params.get(&node.name, Role::Bias).map(|b| b.f32().to_vec()) } else { zeros() };
            Layer::Conv(Conv::new(geometry, &rows, bias?))
        }
        Op::BatchNorm { epsilon } => affine(params.get(&node.name, Role::BatchNorm)?.f32(), *epsilon),
        Op::Quantize { encoding, ties, .. } => {
            quantizer(params.get(&node.name, Role::ActivationBasis)?.f32(), *encoding, *ties)
        }
        Op::Relu => Layer::Relu,
        op => Layer::Move(Move::of(op).ok_or("is no layer that can be run")?),
    })
}

/// A layer as the float network has it, whose parameters are `float`.
pub(crate) fn float_layer(graph: &Graph, facts: &[Fact], id: usize, float: &Params) -> Result<Layer, String> {
    let node = &graph.nodes()[id];
    match &node.op {
        Op::Quantize { .. } => Ok(Layer::Same),
        Op::Conv { .. } => {
            let geometry = geometry(node, facts, id);
            let weights = float.get(&node.name, Role::Weight)?.f32();
            // The quantized network may have a bias where the float network has none.
            let bias =
                float.get(&node.name, Role::Bias).map_or_else(|_| vec![0.0; geometry.to.c], |b| b.f32().to_vec());
            Ok(Layer::Conv(Conv::new(geometry, weights, bias)))
        }
        _ => layer(graph, facts, id, float),
    }
}

/// Where convolution `id` reads and writes.
pub(crate) fn geometry(node: &Node, facts: &[Fact], id: usize) -> Geometry {
    let (window, groups) = match &node.op {
        Op::Conv { window, groups, .. } => (*window, *groups),
        _ => (Window::valid(1, 1), 1),
    };
    Geometry { from: facts[node.inputs[0]].shape, to: facts[id].shape, window, groups }
}

/// A quantizer with this basis.
pub(crate) fn quantizer(basis: &[f32], encoding: Encoding, ties: Ties) -> Layer {
    Layer::Quantize(Levels::of_activations(basis, encoding), ties)
}

/// A batch norm with rows gamma, beta, mean and variance.
pub(crate) fn affine(rows: &[f32], epsilon: f64) -> Layer {
    let channels = rows.len() / 4;
    let row = |r: usize, c: usize| f64::from(rows[r * channels + c]);
    let factor = |c: usize| row(0, c) / (row(3, c) + epsilon).sqrt();
    Layer::Affine {
        factor: (0..channels).map(|c| factor(c) as f32).collect(),
        summand: (0..channels).map(|c| (row(1, c) - row(2, c) * factor(c)) as f32).collect(),
    }
}

impl Layer {
    /// Runs the layer on pictures whose tensors follow each other in each of `inputs`.
    pub(crate) fn run<'a>(&self, inputs: &[(&'a [f32], Shape)], to: Shape) -> Vec<f32> {
        let Some(&(first, from)) = inputs.first() else { return Vec::new() };
        if matches!(self, Layer::Same) {
            return first.to_vec();
        }
        let pictures = first.len() / from.elements();
        let mut result = vec![0.0; pictures * to.elements()];
        result.par_chunks_mut(to.elements()).enumerate().for_each(|(at, result)| {
            let picture =
                |&(all, shape): &(&'a [f32], Shape)| (&all[at * shape.elements()..][..shape.elements()], shape);
            let read: Vec<(&[f32], Shape)> = inputs.iter().map(picture).collect();
            self.picture(&read, result, to);
        });
        result
    }

    /// Runs the layer on one picture.
    pub(crate) fn picture(&self, inputs: &[(&[f32], Shape)], result: &mut [f32], to: Shape) {
        let x = inputs[0].0;
        match self {
            Layer::Same => result.copy_from_slice(x),
            Layer::Conv(conv) => conv.run(x, result),
            Layer::Affine { factor, summand } => {
                for (result, x) in result.chunks_exact_mut(to.c).zip(x.chunks_exact(to.c)) {
                    let constants = factor.iter().zip(summand);
                    result.iter_mut().zip(x).zip(constants).for_each(|((r, x), (f, s))| *r = x * f + s);
                }
            }
            Layer::Relu => result.iter_mut().zip(x).for_each(|(r, x)| *r = x.max(0.0)),
            Layer::Quantize(levels, ties) => {
                result.iter_mut().zip(x).for_each(|(r, &x)| *r = levels.values[rank(levels, x, *ties)]);
            }
            Layer::Move(layer) => layer.forward(inputs, result, to),
        }
    }
}

/// [`Levels::rank`], faster for few levels: without branches that are guessed wrong.
pub(crate) fn rank(levels: &Levels, x: f32, ties: Ties) -> usize {
    match (levels.thresholds.len(), ties) {
        (..16, Ties::Below) => levels.thresholds.iter().map(|&t| usize::from(x > t)).sum(),
        _ => levels.rank(x, ties),
    }
}
