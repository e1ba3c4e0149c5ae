//! Random parameters of the kernel problems: anything that a file may contain.

use super::super::rng::Rng;
use lq_infer::internals::graph::{Dtype, Fact, Graph, Node, Op, ParamSpec, Params, Role, Tensor};
use lq_infer::internals::quant::{live_bits, words};
use std::collections::BTreeMap;

fn real(rng: &mut Rng, low: f32, high: f32) -> f32 {
    rng.uniform(f64::from(low), f64::from(high)) as f32
}

fn reals(rng: &mut Rng, count: usize, low: f32, high: f32) -> Vec<f32> {
    (0..count).map(|_| real(rng, low, high)).collect()
}

/// Random parameters: unsorted bases with negative elements, gammas of both signs, and variances close to those of the
/// convolutions' results.
pub fn params(graph: &Graph, seed: u64) -> Params {
    let mut rng = Rng::new(seed);
    let specs = graph.parameters().unwrap();
    let tensors: BTreeMap<String, Tensor> =
        specs.iter().map(|spec| (spec.name(), tensor(graph, spec, &mut rng))).collect();
    Params::new(graph, tensors).unwrap()
}

fn tensor(graph: &Graph, spec: &ParamSpec, rng: &mut Rng) -> Tensor {
    let count = spec.shape.iter().product();
    if spec.dtype == Dtype::U32 {
        return Tensor::from_u32(spec.shape.clone(), planes(graph, spec, count, rng));
    }
    let data = match spec.role {
        Role::BatchNorm => batch_norm(graph, spec, rng),
        // Elements with an even index are large; the others may be negative. They are not sorted.
        Role::ActivationBasis => {
            (0..count).map(|i| if i % 2 == 0 { 0.4 + 0.1 * i as f32 } else { real(rng, -0.2, 0.9) }).collect()
        }
        Role::WeightBasis => reals(rng, count, -0.3, 1.0),
        _ => reals(rng, count, -0.5, 0.5),
    };
    Tensor::from_f32(spec.shape.clone(), data)
}

fn planes(graph: &Graph, spec: &ParamSpec, count: usize, rng: &mut Rng) -> Vec<u32> {
    let facts = graph.facts().unwrap();
    let node = graph.nodes().iter().find(|n| n.name == spec.layer).unwrap();
    let channels = group_channels(node, &facts);
    let (row, bits) = (words(channels), spec.shape[4]);
    (0..count).map(|i| rng.next() as u32 & live_bits(channels, i / bits % row)).collect()
}

/// Input channels of one group of a convolution.
fn group_channels(conv: &Node, facts: &[Fact]) -> usize {
    let Op::Conv { groups, .. } = conv.op else { panic!("{} is no convolution", conv.op) };
    facts[conv.inputs[0]].shape.c / groups
}

fn batch_norm(graph: &Graph, spec: &ParamSpec, rng: &mut Rng) -> Vec<f32> {
    let channels = spec.shape[1];
    let node = graph.nodes().iter().find(|n| n.name == spec.layer).unwrap();
    let variance = match &graph.nodes()[node.inputs[0]] {
        n @ Node { op: Op::Conv { window, .. }, .. } => {
            0.3 * (window.taps() * group_channels(n, &graph.facts().unwrap())) as f32
        }
        _ => 1.0,
    };
    let gammas = (0..channels).map(|c| if c % 5 == 3 { real(rng, -1.2, -0.2) } else { real(rng, 0.2, 1.2) });
    let mut data: Vec<f32> = gammas.collect();
    data.extend(reals(rng, channels, -0.5, 0.8));
    data.extend(vec![0.0; channels]);
    data.extend(reals(rng, channels, 0.5 * variance, 1.5 * variance));
    data
}
