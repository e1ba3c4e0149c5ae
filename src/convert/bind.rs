//! Binding: variables of a checkpoint become the parameters of a graph.

use super::checkpoint::Checkpoint;
use super::names::{NameRules, TENSORPACK};
use crate::error::{Error, Result};
use crate::graph::{Graph, Node, Op, ParamSpec, Params, Role, Tensor};
use crate::quant;
use std::collections::{BTreeMap, HashMap};

/// A variable that a graph needs, with the shapes it may have (the usual one first).
pub struct Requirement {
    pub variable: String,
    pub shapes: Vec<Vec<usize>>,
}

impl Requirement {
    /// The shapes, for people.
    pub fn expected(&self) -> String {
        self.shapes.iter().map(|shape| format!("{shape:?}")).collect::<Vec<_>>().join(" or ")
    }
}

/// A parameter with what binding must know about its layer.
struct Bound {
    spec: ParamSpec,
    /// Input channels of a convolution.
    inputs: usize,
    /// Whether its window covers its whole input, so that it may be a dense layer in the checkpoint.
    dense: bool,
}

fn bounds(graph: &Graph) -> Result<Vec<Bound>, String> {
    let facts = graph.facts()?;
    let nodes: HashMap<&str, &Node> = graph.nodes().iter().map(|n| (n.name.as_str(), n)).collect();
    let layer = |spec: ParamSpec| {
        let (inputs, dense) = match nodes.get(spec.layer.as_str()).map(|n| (&n.op, facts[n.inputs[0]].shape)) {
            Some((Op::Conv { window, .. }, shape)) => (shape.c, window.kernel == [shape.h, shape.w]),
            _ => (0, false),
        };
        Bound { spec, inputs, dense }
    };
    Ok(graph.parameters()?.into_iter().map(layer).collect())
}

/// The variables that `graph` needs from a source with these name rules.
pub fn requirements(graph: &Graph, rules: &NameRules) -> Result<Vec<Requirement>, String> {
    let mut all = Vec::new();
    for bound in bounds(graph)? {
        let shapes = source_shapes(&bound);
        let variables = rules.variables(bound.spec.role, &bound.spec.layer);
        all.extend(variables.into_iter().map(|variable| Requirement { variable, shapes: shapes.clone() }));
    }
    Ok(all)
}

/// Shapes in which the original code saves a parameter.
fn source_shapes(bound: &Bound) -> Vec<Vec<usize>> {
    let s = &bound.spec.shape;
    match bound.spec.role {
        Role::Weight | Role::Planes => {
            let (out, kh, kw) = (s[0], s[1], s[2]);
            let conv = vec![kh, kw, bound.inputs, out];
            let dense = vec![kh * kw * bound.inputs, out];
            // The original quantizes convolutions only.
            if bound.dense && bound.spec.role == Role::Weight { vec![dense, conv] } else { vec![conv] }
        }
        Role::WeightBasis | Role::Bias => vec![s.clone()],
        Role::BatchNorm if TENSORPACK.is_plain(&bound.spec.layer) => vec![vec![s[1]], vec![1]],
        Role::BatchNorm => vec![vec![s[1]]],
        Role::ActivationBasis => vec![vec![s[0], 1]],
    }
}

/// Reads, reorders and quantizes all parameters of `graph`.
pub fn bind(checkpoint: &Checkpoint, graph: &Graph, progress: &dyn Fn(usize, usize)) -> Result<Params> {
    let bad = |problem: String| Error::bad_checkpoint(checkpoint.path(), problem);
    let bounds = bounds(graph).map_err(bad)?;
    let mut tensors = BTreeMap::new();
    for (done, bound) in bounds.iter().enumerate() {
        tensors.insert(bound.spec.name(), parameter(checkpoint, bound)?);
        progress(done + 1, bounds.len());
    }
    Params::new(graph, tensors).map_err(bad)
}

fn parameter(checkpoint: &Checkpoint, bound: &Bound) -> Result<Tensor> {
    let ParamSpec { role, layer, shape, .. } = &bound.spec;
    let names = TENSORPACK.variables(*role, layer);
    let parts = names.iter().map(|n| finite(checkpoint, n)).collect::<Result<Vec<_>>>()?;
    let data = match role {
        Role::Weight => to_output_major(&parts[0], bound, checkpoint.variables()[&names[0]].shape.len() == 2),
        Role::Planes => return planes(checkpoint, bound, &parts[0]),
        Role::BatchNorm => batch_norm_rows(&parts, shape[1]),
        Role::WeightBasis | Role::Bias | Role::ActivationBasis => parts.concat(),
    };
    Ok(Tensor::from_f32(shape.clone(), data))
}

fn finite(checkpoint: &Checkpoint, name: &str) -> Result<Vec<f32>> {
    let data = checkpoint.read_f32(name)?;
    match data.iter().position(|v| !v.is_finite()) {
        None => Ok(data),
        Some(i) => Err(Error::bad_checkpoint(checkpoint.path(), format!("variable '{name}' has {} at {i}", data[i]))),
    }
}

/// `[kh, kw, in, out]`, or `[in * kh * kw, out]` of a dense layer that flattened C,H,W, to `[out, kh, kw, in]`.
fn to_output_major(data: &[f32], bound: &Bound, dense: bool) -> Vec<f32> {
    let [outputs, kh, kw] = [bound.spec.shape[0], bound.spec.shape[1], bound.spec.shape[2]];
    let (inputs, taps) = (bound.inputs, kh * kw);
    let mut out = Vec::with_capacity(data.len());
    for o in 0..outputs {
        for tap in 0..taps {
            for c in 0..inputs {
                let row = if dense { c * taps + tap } else { tap * inputs + c };
                out.push(data[row * outputs + o]);
            }
        }
    }
    out
}

/// gamma, beta, mean and variance of every channel from all four, or from mean and variance.
fn batch_norm_rows(parts: &[Vec<f32>], channels: usize) -> Vec<f32> {
    let mut rows = if parts.len() < 4 { [vec![1.0; channels], vec![0.0; channels]].concat() } else { Vec::new() };
    for part in parts {
        match part[..] {
            [same] => rows.resize(rows.len() + channels, same),
            _ => rows.extend_from_slice(part),
        }
    }
    rows
}

fn planes(checkpoint: &Checkpoint, bound: &Bound, weights: &[f32]) -> Result<Tensor> {
    let ParamSpec { layer, shape, .. } = &bound.spec;
    let (outputs, bits) = (shape[0], shape[4]);
    let basis = finite(checkpoint, &NameRules::name(TENSORPACK.weight_basis, layer))?;
    let codes = quant::quantize_weights(weights, bound.inputs, outputs, &basis);
    Ok(Tensor::from_u32(shape.clone(), quant::pack(&codes, bound.inputs, bits)))
}
