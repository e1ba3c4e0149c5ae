//! The scale of every real tensor.
//!
//! A tensor gets range R (a bound that ordinary values stay far inside) and the scale 2^-frac with frac = 30 -
//! ceil(log2 R), so that |x| <= R fits a value. The rules:
//!
//! * after a batch norm: R = max over channels of |beta| + 16 |gamma|, that is 16 standard deviations;
//! * a convolution: the most its weights can give; an addition: the sum; others keep their input's R;
//! * if a batch norm reads the tensor (also through a max pooling) its statistics describe the tensor itself, and
//!   R = |mean| + 16 deviations is used where smaller.
//!
//! At 16 deviations a typical value (one deviation of the widest channel) keeps 30 - 4 = 26 bits; narrower channels and
//! sums along a residual stream cost a few (the bundled ResNet-20's streams have 23 and 24 fractional bits).
//! What lies beyond R saturates, which is part of the definition of the model's output.
//!
//! Tensors that are added, pooled, clamped or joined into each other share one frac, so that these operations need no rescaling.

use super::affine::BatchNorm;
use crate::fixed::{VALUE_BITS, ceil_log2};
use crate::graph::{Graph, Node, NodeId, Op, Params, Role, Weights};
use crate::quant::{Encoding, Levels};

/// Standard deviations that are represented.
const DEVIATIONS: f64 = 16.0;
/// Scales are kept inside +-this, far from the limits of `f64`.
const MAX_FRAC: i32 = 200;

/// Fractional bits per node (meaningless for nodes that hold codes).
pub fn scales(graph: &Graph, params: &Params, input_range: f64) -> Result<Vec<i32>, String> {
    let ranges = ranges(graph, params, input_range)?;
    let groups = groups(graph);
    let mut widest = vec![0f64; ranges.len()];
    for (id, &range) in ranges.iter().enumerate() {
        widest[groups[id]] = widest[groups[id]].max(range);
    }
    let frac = |id: NodeId| {
        let range = widest[groups[id]];
        // An all-zero tensor may have any scale.
        let frac = if range > 0.0 { VALUE_BITS - ceil_log2(range) } else { 0 };
        match frac {
            f if (-MAX_FRAC..=MAX_FRAC).contains(&f) => Ok(f),
            f => Err(format!("layer '{}': values around {range:e} need {f} fractional bits", graph.nodes()[id].name)),
        }
    };
    (0..ranges.len()).map(frac).collect()
}

fn ranges(graph: &Graph, params: &Params, input_range: f64) -> Result<Vec<f64>, String> {
    let facts = graph.facts()?;
    let statistics = statistics(graph, params)?;
    let mut ranges: Vec<f64> = Vec::with_capacity(facts.len());
    for (id, node) in graph.nodes().iter().enumerate() {
        let input = node.inputs.first().map_or(0.0, |&i| ranges[i]);
        let rule = match &node.op {
            Op::Input { .. } => input_range,
            Op::Conv { .. } => {
                let leaves =
                    graph.leaves(node.inputs[0]).into_iter().map(|i| (facts[i].shape.c, ranges[i])).collect::<Vec<_>>();
                conv_bound(node, params, &leaves)?
            }
            Op::BatchNorm { .. } => {
                let bn = BatchNorm::of(graph, params, id)?;
                widest(bn.beta.iter().zip(&bn.gamma))
            }
            Op::Add => node.inputs.iter().map(|&i| ranges[i]).sum(),
            Op::Concat => node.inputs.iter().map(|&i| ranges[i]).fold(0.0, f64::max),
            Op::Quantize { encoding, .. } => level_bound(params, &node.name, *encoding)?,
            Op::Relu | Op::MaxPool { .. } | Op::AvgPool { .. } | Op::PadChannels { .. } => input,
        };
        let range = statistics[id].map_or(rule, |s| s.min(rule));
        if !range.is_finite() {
            return Err(format!("layer '{}': its values have no finite bound", node.name));
        }
        ranges.push(range);
    }
    Ok(ranges)
}

fn widest<'a>(pairs: impl Iterator<Item = (&'a f64, &'a f64)>) -> f64 {
    pairs.map(|(centre, deviation)| centre.abs() + DEVIATIONS * deviation.abs()).fold(0.0, f64::max)
}

/// What the batch norms that read each node say about its values, directly or through max poolings.
fn statistics(graph: &Graph, params: &Params) -> Result<Vec<Option<f64>>, String> {
    let mut least: Vec<Option<f64>> = vec![None; graph.nodes().len()];
    // Consumers follow what they read, so from the back each node is complete when it is passed on.
    for (id, node) in graph.nodes().iter().enumerate().rev() {
        let range = match node.op {
            Op::BatchNorm { .. } => {
                let bn = BatchNorm::of(graph, params, id)?;
                Some(widest(bn.mean.iter().zip(&bn.deviation)))
            }
            Op::MaxPool { .. } => least[id],
            _ => None,
        };
        for &input in &node.inputs {
            least[input] = match (least[input], range) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
    }
    Ok(least)
}

/// The most that a convolution can give for the (channels, range) of each part of its input.
fn conv_bound(node: &Node, params: &Params, parts: &[(usize, f64)]) -> Result<f64, String> {
    let Op::Conv { outputs, window, weights, bias, groups } = &node.op else { return Ok(0.0) };
    let widest = parts.iter().map(|p| p.1).fold(0.0, f64::max);
    let channels = parts.iter().map(|p| p.0).sum::<usize>() / groups;
    // What all inputs of an output channel add up to, taps aside.
    let inputs = if *groups == 1 { parts.iter().map(|&(c, r)| c as f64 * r).sum() } else { channels as f64 * widest };
    let bias = if *bias { Some(params.get(&node.name, Role::Bias)?.f32()) } else { None };
    let bias = |c: usize| bias.map_or(0.0, |b| f64::from(b[c].abs()));
    let channel: Box<dyn Fn(usize) -> f64> = match weights {
        Weights::Float => {
            let (data, row) = (params.get(&node.name, Role::Weight)?.f32(), window.taps() * channels);
            Box::new(move |c| data[c * row..][..row].iter().map(|v| f64::from(v.abs())).sum::<f64>() * widest)
        }
        Weights::Planes { .. } => {
            let basis = params.get(&node.name, Role::WeightBasis)?.f32();
            let most = move |c| basis.iter().skip(c).step_by(*outputs).map(|v| f64::from(v.abs())).sum::<f64>();
            Box::new(move |c| most(c) * window.taps() as f64 * inputs)
        }
    };
    Ok((0..*outputs).map(|c| channel(c) + bias(c)).fold(0.0, f64::max))
}

fn level_bound(params: &Params, layer: &str, encoding: Encoding) -> Result<f64, String> {
    let levels = Levels::of_activations(params.get(layer, Role::ActivationBasis)?.f32(), encoding);
    Ok(levels.values.iter().map(|v| f64::from(v.abs())).fold(0.0, f64::max))
}

/// Concatenations that exist as one value tensor: those that anything but a convolution with weight planes reads, and what
/// they consist of.
fn joined(graph: &Graph) -> Vec<bool> {
    let mut joined = vec![false; graph.nodes().len()];
    joined.last_mut().into_iter().for_each(|last| *last = true);
    for (id, node) in graph.nodes().iter().enumerate().rev() {
        let reads_values = match node.op {
            Op::Conv { weights: Weights::Planes { .. }, .. } => false,
            Op::Concat => joined[id],
            _ => true,
        };
        node.inputs.iter().for_each(|&i| joined[i] |= reads_values);
    }
    joined
}

/// Representative of each node's scale group.
fn groups(graph: &Graph) -> Vec<NodeId> {
    let joined = joined(graph);
    let mut parent: Vec<NodeId> = (0..graph.nodes().len()).collect();
    fn root(parent: &[NodeId], mut id: NodeId) -> NodeId {
        while parent[id] != id {
            id = parent[id];
        }
        id
    }
    for (id, node) in graph.nodes().iter().enumerate() {
        let shared = match node.op {
            Op::Add | Op::Relu | Op::MaxPool { .. } | Op::AvgPool { .. } | Op::PadChannels { .. } => true,
            Op::Concat => joined[id],
            _ => false,
        };
        if shared {
            for &input in &node.inputs {
                let (a, b) = (root(&parent, input), root(&parent, id));
                parent[a.max(b)] = a.min(b);
            }
        }
    }
    (0..parent.len()).map(|id| root(&parent, id)).collect()
}
