//! Graphs that bytes describe. Most bytes give a graph that is accepted.

use super::Draws;
use crate::target::checked;
use lq_infer::internals::graph::preprocess::Normalize;
use lq_infer::internals::graph::{ConvOptions, Encoding, Graph, GraphBuilder, NodeId, Op, Ties, Weights};
use lq_infer::internals::tensor::{Shape, Window};

/// Most nodes.
const MAX_NODES: usize = 24;
const CHANNELS: [usize; 12] = [1, 2, 3, 4, 5, 8, 16, 31, 32, 33, 40, 70];

/// A graph and the numbers that its first layer receives.
pub fn build(draws: &mut Draws) -> Option<(Graph, Normalize)> {
    let pixels = draws.below(4) == 0;
    let channels = if pixels { 3 } else { draws.pick(&CHANNELS) };
    let mut builder = GraphBuilder::new(Shape { h: draws.between(1, 9), w: draws.between(1, 9), c: channels });
    let mut nodes = vec![builder.input()];
    while !draws.is_empty() && nodes.len() < MAX_NODES {
        nodes.push(push(&mut builder, &nodes, draws));
    }
    let last = nodes[nodes.len() - 1];
    let Shape { h, w, .. } = builder.shape(last);
    builder.dense("last", last, draws.between(1, 9), [h.max(1), w.max(1)]);
    let normalize = match pixels {
        true => Normalize::Channel { mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.25] },
        false => Normalize::TensorOnly { range: draws.pick(&[0.01, 1.0, 6.0, 1000.0]) },
    };
    checked(builder.finish()).map(|graph| (graph, normalize))
}

/// Adds a node that reads one of the last nodes.
fn push(builder: &mut GraphBuilder, nodes: &[NodeId], draws: &mut Draws) -> NodeId {
    let name = &format!("n{}", nodes.len());
    let read = |draws: &mut Draws| nodes[nodes.len() - 1 - draws.pick(&[0, 0, 0, 1, 2, 3]).min(nodes.len() - 1)];
    let x = read(draws);
    let shape = builder.shape(x);
    match draws.below(16) {
        0..=3 => conv(builder, name, x, draws),
        4..=7 => {
            let encoding = draws.pick(&[Encoding::ZeroOne, Encoding::PlusMinus]);
            builder.quantize_with(name, x, draws.between(1, 8), encoding, draws.pick(&[Ties::Below, Ties::Above]))
        }
        8 | 9 => builder.batch_norm_with(name, x, draws.pick(&[1e-5, 1e-3, 0.0])),
        10 => builder.relu(name, x),
        11 => {
            let window = window(shape, draws);
            builder.max_pool(name, x, window)
        }
        12 => {
            let Window { kernel, stride, .. } = window(shape, draws);
            builder.avg_pool(name, x, Window { kernel, stride, ..Window::valid(1, 1) })
        }
        13 => {
            let other = nodes.iter().rev().find(|node| **node != x && builder.shape(**node) == shape);
            let other = other.copied().unwrap_or(x);
            builder.add(name, x, other)
        }
        14 => {
            let Shape { h, w, .. } = shape;
            let fits = |node: &&NodeId| {
                let shape = builder.shape(**node);
                [shape.h, shape.w] == [h, w]
            };
            let parts: Vec<NodeId> = nodes.iter().rev().filter(fits).take(draws.between(1, 4)).copied().collect();
            builder.concat(name, &parts)
        }
        _ => {
            let more = draws.below(40);
            builder.push(name, Op::PadChannels { channels: shape.c + more, before: draws.between(0, more) }, &[x])
        }
    }
}

fn conv(builder: &mut GraphBuilder, name: &str, x: NodeId, draws: &mut Draws) -> NodeId {
    let shape = builder.shape(x);
    let weights = match draws.below(10) {
        0 | 1 => Weights::Float,
        bits => Weights::Planes { bits: bits - 1 },
    };
    let divisors: Vec<usize> = (1..=shape.c).filter(|n| shape.c % n == 0).collect();
    let groups = if draws.below(3) == 0 && !divisors.is_empty() { draws.pick(&divisors) } else { 1 };
    let outputs = if groups == 1 { draws.pick(&CHANNELS) } else { groups * draws.between(1, 3) };
    let bias = draws.below(2) == 1;
    let window = window(shape, draws);
    builder.conv_with(name, x, outputs, window, ConvOptions { weights, bias, groups })
}

/// A window that mostly fits.
fn window(shape: Shape, draws: &mut Draws) -> Window {
    let mut pair = |from: usize, to: usize| [draws.between(from, to), draws.between(from, to)];
    let kernel = [pair(1, 4)[0].min(shape.h.max(1)), pair(1, 4)[1].min(shape.w.max(1))];
    let (stride, before, after, dilation) = (pair(1, 3), pair(0, 2), pair(0, 2), pair(1, 2));
    let within = |pad: [usize; 2]| [pad[0].min(kernel[0] - 1), pad[1].min(kernel[1] - 1)];
    let fits = [0, 1].map(|d| (kernel[d] - 1) * dilation[d] < [shape.h, shape.w][d]);
    let dilation = if fits == [true; 2] { dilation } else { [1; 2] };
    Window { kernel, stride, before: within(before), after: within(after), dilation }
}
