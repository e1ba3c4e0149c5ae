//! The weights before training.

use super::network::Network;
use super::parameter::{Kept, Part};
use crate::float::Number;
use crate::graph::{Graph, Op, Params, Role};
use crate::random::Rng;
use std::collections::BTreeMap;

/// Normally distributed weights: with the variance 2 / n for n numbers that an output sums (He et al. 2015), 1 / n in the last
/// layer, which no ReLU follows. Every layer has random numbers of its own.
pub(super) fn random<R: Number>(network: &mut Network<R>, graph: &Graph, seed: u64) {
    let last = graph.nodes().iter().rev().find(|node| matches!(node.op, Op::Conv { .. })).map(|node| node.name.clone());
    let outputs = outputs(graph);
    let mut count = 0;
    network.kept(&mut |layer, part, kept| {
        let (Part::Weight, Kept::Parameter(weights)) = (part, kept) else { return };
        let depth = weights.values.len() / outputs.get(layer).copied().unwrap_or(1).max(1);
        let gain = if last.as_deref() == Some(layer) { 1.0 } else { 2.0 };
        let deviation = (gain / depth.max(1) as f64).sqrt();
        count += 1;
        let mut rng = Rng::new(Rng::new(seed ^ count << 32).next_u64());
        weights.values.iter_mut().for_each(|w| *w = R::of(deviation * normal(&mut rng)));
    });
}

/// Output channels of each convolution.
fn outputs(graph: &Graph) -> BTreeMap<String, usize> {
    let of = |node: &crate::graph::Node| match node.op {
        Op::Conv { outputs, .. } => Some((node.name.clone(), outputs)),
        _ => None,
    };
    graph.nodes().iter().filter_map(of).collect()
}

/// A normally distributed number (Box and Muller 1958).
fn normal(rng: &mut Rng) -> f64 {
    let (radius, angle) = (rng.uniform(1e-9, 1.0), rng.uniform(0.0, std::f64::consts::TAU));
    (-2.0 * radius.ln()).sqrt() * angle.cos()
}

/// The parameters of a float network with the same layers. Bases of weights start at the deviation of their weights.
///
/// # Errors
/// A parameter is missing, or has another shape.
pub(super) fn take<R: Number>(network: &mut Network<R>, graph: &Graph, float: &Params) -> Result<(), String> {
    let outputs = outputs(graph);
    let mut problem = Ok(());
    network.kept(&mut |layer, part, kept| {
        let role = match part {
            Part::Weight => Role::Weight,
            Part::Bias => Role::Bias,
            Part::Gamma | Part::Beta | Part::Mean | Part::Variance => Role::BatchNorm,
            Part::Basis => {
                let count = outputs.get(layer).copied().unwrap_or(0);
                if let (Kept::Basis(bases), Ok(weights)) = (kept, float.get(layer, Role::Weight)) {
                    start_bases(bases, weights.f32(), count);
                }
                return;
            }
        };
        let row = match part {
            Part::Beta => 1,
            Part::Mean => 2,
            Part::Variance => 3,
            _ => 0,
        };
        let to = match kept {
            Kept::Parameter(parameter) => &mut parameter.values,
            Kept::Statistic(numbers) => numbers,
            Kept::Basis(_) => return,
        };
        match float.get(layer, role).map(|tensor| tensor.f32().get(row * to.len()..(row + 1) * to.len())) {
            Ok(Some(numbers)) => to.iter_mut().zip(numbers).for_each(|(to, &x)| *to = R::of(f64::from(x))),
            Ok(None) => problem = Err(format!("layer '{layer}' has another shape in the float network")),
            Err(missing) => problem = Err(missing),
        }
    });
    problem
}

/// Bases like the original's initial ones for weights of this deviation.
fn start_bases(bases: &mut [f32], weights: &[f32], outputs: usize) {
    let (bits, depth) = (bases.len() / outputs.max(1), weights.len() / outputs.max(1));
    for (basis, row) in bases.chunks_exact_mut(bits.max(1)).zip(weights.chunks_exact(depth.max(1))) {
        let squares: f64 = row.iter().map(|&w| f64::from(w) * f64::from(w)).sum();
        let unit = 0.6745 * (squares / depth as f64).sqrt().max(1e-8) / f64::from(1u32 << (bits - 1));
        basis.iter_mut().enumerate().for_each(|(j, v)| *v = (unit * f64::from(1u32 << j)) as f32);
    }
}
