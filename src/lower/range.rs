//! The scale of every real tensor.
//!
//! A tensor gets range R (a bound that ordinary values stay far inside) and the scale 2^-frac with frac = 30 -
//! ceil(log2 R), so that |x| <= R fits a value. The rules:
//!
//! * a batch norm: R = max over channels of |beta| + 16 |gamma|, that is 16 standard deviations;
//! * a convolution: the largest result that its weights allow; if no batch norm reads the result, at most 16 standard
//!   deviations under the assumption of independent inputs;
//! * an addition: the sum of its operands' R; a concatenation: the largest R of its members; a quantizer: the largest
//!   level; other operations keep their input's R;
//! * if a batch norm reads the tensor, directly or through a max pooling, its statistics describe the tensor itself,
//!   and R = |mean| + 16 deviations is used where that is smaller.
//!
//! At 16 deviations a typical value (one deviation of the widest channel) keeps 30 - 4 = 26 bits. Narrower channels and
//! sums along a residual stream cost a few of them (the bundled ResNet-20's streams have 23 and 24 fractional bits).
//! Values beyond R saturate, which is part of the definition of the model's output.
//!
//! Tensors that are added, pooled, clamped or concatenated into each other share one frac, so that these operations
//! need no rescaling.

use super::affine::BatchNorm;
use crate::fixed::{VALUE_BITS, ceil_log2};
use crate::graph::{Fact, Graph, Kind, Node, NodeId, Op, Params, Role, Weights};
use crate::quant::{Encoding, Levels, channel_basis, code_at, words};

/// Standard deviations inside the range of a tensor.
const DEVIATIONS: f64 = 16.0;
/// Largest magnitude of a scale's exponent, far from the limits of `f64`.
const MAX_FRAC: i32 = 200;

/// Fractional bits per node (meaningless for nodes that hold codes).
pub(super) fn scales(graph: &Graph, params: &Params, input_range: f64) -> Result<Vec<i32>, String> {
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
                let leaves = graph.leaves(node.inputs[0]).into_iter();
                let parts: Vec<MemberRange> = leaves.map(|i| MemberRange::of(&facts[i], ranges[i])).collect();
                // Statistics say more than weights do, where there are any.
                let most = conv_bound(node, params, &parts)?;
                if statistics[id].is_some() { most } else { most.min(conv_spread(node, params, &parts)?) }
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

/// The range of each node's values by the statistics of the batch norms that read it, directly or through max poolings.
fn statistics(graph: &Graph, params: &Params) -> Result<Vec<Option<f64>>, String> {
    let mut least: Vec<Option<f64>> = vec![None; graph.nodes().len()];
    // Consumers come after what they read, so going backwards each node is complete when it is visited.
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

/// What a convolution reads from one member of its input.
struct MemberRange {
    channels: usize,
    /// Largest magnitude.
    most: f64,
    /// Sixteen standard deviations.
    spread: f64,
    /// The largest mean that its channels may have in common.
    mean: f64,
}

impl MemberRange {
    /// Codes are rarely at their highest level, of which their root mean square is half at most; of other tensors the
    /// range itself is sixteen deviations, and four for the mean are plenty.
    fn of(fact: &Fact, range: f64) -> Self {
        let (spread, mean) = match fact.kind {
            Kind::Codes { .. } => (DEVIATIONS * range / 2.0, range),
            _ => (range, range / 4.0),
        };
        MemberRange { channels: fact.shape.c, most: range, spread, mean }
    }
}

/// The largest magnitude that a convolution's result can have.
fn conv_bound(node: &Node, params: &Params, parts: &[MemberRange]) -> Result<f64, String> {
    let Op::Conv { outputs, window, weights, groups, .. } = &node.op else { return Ok(0.0) };
    let widest = parts.iter().map(|p| p.most).fold(0.0, f64::max);
    let channels = parts.iter().map(|p| p.channels).sum::<usize>() / groups;
    // Sum of the largest magnitudes of an output channel's inputs at one tap.
    let all = || parts.iter().map(|p| p.channels as f64 * p.most).sum();
    let inputs = if *groups == 1 { all() } else { channels as f64 * widest };
    let bias = biases(node, params)?;
    let channel: Box<dyn Fn(usize) -> f64> = match weights {
        Weights::Float => {
            let (data, row) = (params.get(&node.name, Role::Weight)?.f32(), window.taps() * channels);
            Box::new(move |c| data[c * row..][..row].iter().map(|v| f64::from(v.abs())).sum::<f64>() * widest)
        }
        Weights::Planes { .. } => {
            let basis = params.get(&node.name, Role::WeightBasis)?.f32();
            let most = move |c| channel_basis(basis, *outputs, c).iter().map(|v| f64::from(v.abs())).sum::<f64>();
            Box::new(move |c| most(c) * window.taps() as f64 * inputs)
        }
    };
    Ok((0..*outputs).map(|c| channel(c) + bias(c)).fold(0.0, f64::max))
}

/// Sixteen standard deviations of a convolution's result, if its inputs are independent except for a mean that the
/// channels of a member share: |sum w| mean + sqrt(sum w^2 spread^2). Without this, the bound for several convolutions
/// in a row without a batch norm in between (DenseNet's transitions) would exceed their values a thousandfold. Infinite
/// for grouped convolutions, for which there is no estimate.
fn conv_spread(node: &Node, params: &Params, parts: &[MemberRange]) -> Result<f64, String> {
    let Op::Conv { outputs, window, weights, groups: 1, .. } = node.op else { return Ok(f64::INFINITY) };
    let channels: usize = parts.iter().map(|p| p.channels).sum();
    let bias = biases(node, params)?;
    let weight: Box<dyn Fn(usize, usize, usize) -> f64> = match weights {
        Weights::Float => {
            let data = params.get(&node.name, Role::Weight)?.f32();
            Box::new(move |c, tap, k| f64::from(data[(c * window.taps() + tap) * channels + k]))
        }
        Weights::Planes { bits } => {
            let planes = params.get(&node.name, Role::Planes)?.u32();
            let basis = params.get(&node.name, Role::WeightBasis)?.f32();
            let row = words(channels) * bits;
            Box::new(move |c, tap, k| {
                let code = code_at(&planes[(c * window.taps() + tap) * row..][..row], k, bits);
                let sign = |i: usize| if code >> i & 1 == 1 { 1.0 } else { -1.0 };
                (0..bits).map(|i| sign(i) * f64::from(basis[i * outputs + c])).sum()
            })
        }
    };
    let channel = |c: usize| {
        let (mut start, mut mean, mut square) = (0, 0.0, 0.0);
        for part in parts {
            let own = (0..window.taps()).flat_map(|tap| (start..start + part.channels).map(move |k| (tap, k)));
            let (sum, squares) = own.map(|(tap, k)| weight(c, tap, k)).fold((0.0, 0.0), |(s, q), w| (s + w, q + w * w));
            mean += f64::abs(sum) * part.mean;
            square += squares * part.spread * part.spread;
            start += part.channels;
        }
        mean + square.sqrt() + bias(c)
    };
    Ok((0..outputs).map(channel).fold(0.0, f64::max))
}

/// Magnitude of a convolution's bias per channel.
fn biases(node: &Node, params: &Params) -> Result<impl Fn(usize) -> f64, String> {
    let bias = match node.op {
        Op::Conv { bias: true, .. } => Some(params.get(&node.name, Role::Bias)?.f32()),
        _ => None,
    };
    Ok(move |c: usize| bias.map_or(0.0, |b| f64::from(b[c].abs())))
}

fn level_bound(params: &Params, layer: &str, encoding: Encoding) -> Result<f64, String> {
    let levels = Levels::of_activations(params.get(layer, Role::ActivationBasis)?.f32(), encoding);
    Ok(levels.values.iter().map(|v| f64::from(v.abs())).fold(0.0, f64::max))
}

/// Concatenations that exist as one value tensor: those that anything but a convolution with weight planes reads, and
/// what they consist of.
fn value_concats(graph: &Graph) -> Vec<bool> {
    let mut concats = vec![false; graph.nodes().len()];
    concats.last_mut().into_iter().for_each(|last| *last = true);
    for (id, node) in graph.nodes().iter().enumerate().rev() {
        let reads_values = match node.op {
            Op::Conv { weights: Weights::Planes { .. }, .. } => false,
            Op::Concat => concats[id],
            _ => true,
        };
        node.inputs.iter().for_each(|&i| concats[i] |= reads_values);
    }
    concats
}

/// For each node, the first node among those that share its scale.
fn groups(graph: &Graph) -> Vec<NodeId> {
    let value_concats = value_concats(graph);
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
            Op::Concat => value_concats[id],
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
