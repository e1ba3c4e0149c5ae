//! The rewrites of lowering as text: a small graph before, what becomes of it after.

mod chain;
mod emit;
mod large;
mod range;
mod rows;
mod work;

use super::{InputKind, Program, lower};
use crate::graph::preprocess::Normalize;
use crate::graph::{Graph, GraphBuilder, Params, Role, Tensor, Weights};
use crate::quant::live_bits;
use crate::tensor::{Shape, Window};

/// A graph for an input of this height, width and channels, checked against its text.
pub(crate) fn graph(input: [usize; 3], build: impl FnOnce(&mut GraphBuilder), text: &str) -> Graph {
    let graph = unseen(input, build);
    assert_text(&graph.to_string(), text);
    graph
}

/// The same, for tests that are not about the graph.
pub(crate) fn unseen([h, w, c]: [usize; 3], build: impl FnOnce(&mut GraphBuilder)) -> Graph {
    let mut builder = GraphBuilder::new(Shape { h, w, c });
    build(&mut builder);
    builder.finish().unwrap()
}

/// Compares texts but for indentation, spaces in a row, and empty lines at both ends.
fn assert_text(found: &str, expected: &str) {
    let lines = |text: &str| -> Vec<String> {
        text.trim().lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    assert_eq!(lines(found).join("\n"), lines(expected).join("\n"));
}

/// Numbers that are easy to follow: float weights, weight bases and biases are 1/4, activation bases 1/2, 1, 2 and so
/// on, all bits of weights are 1. Batch norms have gamma 1, beta 0, mean 0 and variance 1.
pub(crate) fn params(graph: &Graph) -> Params {
    let tensor = |spec: &crate::graph::ParamSpec| {
        let count: usize = spec.shape.iter().product();
        let data = match spec.role {
            Role::Weight | Role::WeightBasis | Role::Bias => vec![0.25; count],
            Role::ActivationBasis => (0..count).map(|bit| 0.5 * f32::from(1u16 << bit)).collect(),
            Role::BatchNorm => [1.0, 0.0, 0.0, 1.0].iter().flat_map(|&row| vec![row; count / 4]).collect(),
            Role::Planes => {
                let (words, bits, channels) = (spec.shape[3], spec.shape[4], inputs(graph, &spec.layer));
                let word = |i: usize| live_bits(channels, i / bits % words);
                return Tensor::from_u32(spec.shape.clone(), (0..count).map(word).collect());
            }
        };
        Tensor::from_f32(spec.shape.clone(), data)
    };
    let specs = graph.parameters().unwrap();
    Params::new(graph, specs.iter().map(|spec| (spec.name(), tensor(spec))).collect()).unwrap()
}

/// Input channels of a group of a convolution.
fn inputs(graph: &Graph, layer: &str) -> usize {
    let node = graph.nodes().iter().find(|n| n.name == layer).unwrap();
    let crate::graph::Op::Conv { groups, .. } = node.op else { panic!("{layer} is no convolution") };
    graph.facts().unwrap()[node.inputs[0]].shape.c / groups
}

/// The program of a graph with [`params`], for tensors of magnitude 4 or for pixels.
pub(crate) fn program(graph: &Graph, kind: InputKind) -> Program {
    let normalize = match kind {
        InputKind::Pixels => Normalize::Channel { mean: [0.5; 3], std: [0.25; 3] },
        InputKind::Tensor => Normalize::TensorOnly { range: 4.0 },
    };
    lower(graph, &params(graph), &normalize, kind).unwrap()
}

/// Weights of so many bits.
pub(crate) fn bits(bits: usize) -> Weights {
    Weights::Planes { bits }
}

/// A 1x1 convolution window.
pub(crate) fn point() -> Window {
    Window::valid(1, 1)
}
