//! Parameters that look trained.

use super::super::oracle::{self, LevelValues, NodeResult};
use super::super::rng::Rng;
use lq_infer::internals::graph::{Graph, Op, ParamSpec, Params, Role, Tensor};
use std::collections::BTreeMap;

/// Parameters of `graph` that look trained: batch norms have the statistics of their inputs and bases match them. The
/// oracle computes these inputs node by node. Otherwise values would leave the range that the statistics promise.
pub fn calibrated(graph: &Graph, input: &[f64], images: usize, rng: &mut Rng) -> Params {
    let mut tensors: BTreeMap<String, Tensor> = BTreeMap::new();
    for spec in graph.parameters().unwrap() {
        tensors.insert(spec.name(), initial(&spec, graph, rng));
    }
    let mut params = Params::new(graph, tensors.clone()).unwrap();
    let mut results: Vec<NodeResult> = Vec::new();
    for (id, node) in graph.nodes().iter().enumerate() {
        let fitted = match node.op {
            Op::BatchNorm { .. } => Some(("batch_norm", fit_batch_norm(&results[node.inputs[0]], rng))),
            Op::Quantize { bits, .. } => Some(("basis", fit_activation_basis(&results[node.inputs[0]], bits, rng))),
            _ => None,
        };
        if let Some((suffix, tensor)) = fitted {
            tensors.insert(format!("{}/{suffix}", node.name), tensor);
            params = Params::new(graph, tensors.clone()).unwrap();
        }
        results.push(oracle::node(graph, &params, id, &results, input, images, LevelValues::Exact));
    }
    params
}

/// Final weights, and preliminary batch norms and activation bases that are fitted later.
fn initial(spec: &ParamSpec, graph: &Graph, rng: &mut Rng) -> Tensor {
    let count = spec.shape.iter().product::<usize>();
    let floats = |data: Vec<f32>| Tensor::from_f32(spec.shape.clone(), data);
    match spec.role {
        Role::Weight => {
            let deviation = (2.0 / spec.shape[1..].iter().product::<usize>() as f64).sqrt();
            floats((0..count).map(|_| (deviation * rng.normal()) as f32).collect())
        }
        Role::Planes => Tensor::from_u32(spec.shape.clone(), random_planes(spec, graph, rng)),
        Role::WeightBasis => floats(weight_basis(spec.shape[0], spec.shape[1], rng)),
        Role::Bias => floats((0..count).map(|_| (0.5 * rng.normal()) as f32).collect()),
        Role::BatchNorm | Role::ActivationBasis => floats(vec![1.0; count]),
    }
}

/// Random bits for all channels, and zeros past the last channel.
fn random_planes(spec: &ParamSpec, graph: &Graph, rng: &mut Rng) -> Vec<u32> {
    let node = graph.nodes().iter().find(|n| n.name == spec.layer).unwrap();
    let Op::Conv { groups, .. } = node.op else { panic!("{} has no planes", node.op) };
    let channels = graph.facts().unwrap()[node.inputs[0]].shape.c / groups;
    let (words, bits) = (spec.shape[3], spec.shape[4]);
    let mask = |word: usize| (0..32).filter(|b| word * 32 + b < channels).fold(0u32, |m, b| m | 1 << b);
    let count = spec.shape.iter().product::<usize>();
    (0..count).map(|i| rng.next() as u32 & mask(i / bits % words)).collect()
}

/// `[bits, out]`: mostly each element about half the one before, some negative, some equal.
fn weight_basis(bits: usize, outputs: usize, rng: &mut Rng) -> Vec<f32> {
    let mut basis = vec![0.0; bits * outputs];
    for o in 0..outputs {
        for i in 0..bits {
            let sign = if rng.chance(0.15) { -1.0 } else { 1.0 };
            basis[i * outputs + o] = (sign * 0.1 * rng.uniform(0.7, 1.3) * 0.5f64.powi(i as i32)) as f32;
        }
        if bits > 1 && rng.chance(0.1) {
            basis[outputs + o] = basis[o];
        }
    }
    basis
}

/// Rows gamma, beta, mean and variance for the values of `x`, with the inaccuracy of a moving average.
fn fit_batch_norm(x: &NodeResult, rng: &mut Rng) -> Tensor {
    let channels = x.shape[2];
    // The variance of a few numbers may be small by chance, and that of a constant channel is 0. Dividing by a tiny
    // deviation would only amplify rounding errors, so it gets a lower bound.
    let mean_square = x.values.iter().map(|v| v * v).sum::<f64>() / x.values.len() as f64;
    let least = mean_square / (x.values.len() / channels).min(9) as f64;
    let mut rows = vec![0f32; 4 * channels];
    for c in 0..channels {
        let values: Vec<f64> = x.values.iter().skip(c).step_by(channels).copied().collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / values.len() as f64;
        let variance = variance.max(least);
        rows[c] = gamma(rng) as f32;
        rows[channels + c] = (0.15 + 0.3 * rng.normal()) as f32;
        rows[2 * channels + c] = (mean + 0.05 * variance.sqrt() * rng.normal()) as f32;
        rows[3 * channels + c] = (variance * rng.uniform(0.8, 1.25)) as f32;
    }
    Tensor::from_f32(vec![4, channels], rows)
}

/// Mostly around 1, some negative, a few 0 or nearly so, as weight decay leaves the channels that a network does not
/// need.
fn gamma(rng: &mut Rng) -> f64 {
    let size = match rng.below(30) {
        0 => 0.0,
        1 => 10f64.powi(-(rng.between(4, 30) as i32)),
        _ => rng.uniform(0.6, 1.4),
    };
    if rng.chance(0.2) { -size } else { size }
}

/// A basis whose levels cover the values of `x`.
fn fit_activation_basis(x: &NodeResult, bits: usize, rng: &mut Rng) -> Tensor {
    let mean_square = x.values.iter().map(|v| v * v).sum::<f64>() / x.values.len() as f64;
    let reach = 2.5 * if mean_square > 0.0 { mean_square.sqrt() } else { 1.0 };
    let mut shape: Vec<f64> = (0..bits).map(|j| 2f64.powi(j as i32) * rng.uniform(0.85, 1.15)).collect();
    let last = bits - 1;
    match rng.below(8) {
        0 => shape.reverse(),
        1 => shape = (0..bits).map(|_| rng.uniform(0.2, 1.0)).collect(),
        2 => shape[rng.below(bits)] *= if bits > 1 { -0.4 } else { 1.0 },
        3 => shape[0] = shape[last],
        4 if bits > 2 => shape[1] = shape[0] + shape[2],
        5 if bits > 1 => shape[0] = 0.0,
        _ => {}
    }
    let total: f64 = shape.iter().map(|v| v.abs()).sum();
    Tensor::from_f32(vec![bits], shape.into_iter().map(|v| (v / total * reach) as f32).collect())
}
