//! Binding: variables of a checkpoint become the parameters of a graph.

use super::checkpoint::Checkpoint;
use super::layout::Kernel;
use super::names::NameRules;
use crate::error::{Error, Result};
use crate::graph::{Node, Op, ParamSpec, Params, Role, Tensor};
use crate::quant::{self, WeightRule};
use crate::zoo::Definition;
use std::collections::{BTreeMap, HashMap};

/// A variable that a network needs, with the shapes it may have (the usual one first).
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
    /// Of a convolution.
    kernel: Kernel,
}

fn bounds(definition: &Definition) -> Result<Vec<Bound>, String> {
    let graph = &definition.graph;
    let facts = graph.facts()?;
    let nodes: HashMap<&str, &Node> = graph.nodes().iter().map(|n| (n.name.as_str(), n)).collect();
    let bound = |spec: ParamSpec| {
        let mut kernel = Kernel { outputs: 0, size: [0; 2], inputs: 0, dense: false, copies: 1 };
        if let Some(Node { op: Op::Conv { outputs, window, groups, .. }, inputs, .. }) = nodes.get(&*spec.layer) {
            let input = facts[inputs[0]].shape;
            let dense = window.kernel == [input.h, input.w] && *groups == 1;
            let copies = definition.copies.filter(|c| c.layer == spec.layer).map_or(1, |c| c.count);
            kernel = Kernel { outputs: *outputs, size: window.kernel, inputs: input.c / groups, dense, copies };
        }
        Bound { spec, kernel }
    };
    Ok(graph.parameters()?.into_iter().map(bound).collect())
}

/// The variables that `definition` needs from a source with these rules; `exists` tells which there are.
pub fn requirements(
    definition: &Definition,
    rules: &NameRules,
    exists: &dyn Fn(&str) -> bool,
) -> Result<Vec<Requirement>, String> {
    let mut all = Vec::new();
    for Bound { spec, kernel } in bounds(definition)? {
        let shapes = shapes(&spec, &kernel, rules);
        let variables = rules.variables(spec.role, &spec.layer, exists);
        all.extend(variables.into_iter().map(|variable| Requirement { variable, shapes: shapes.clone() }));
    }
    check_names(&all)?;
    Ok(all)
}

/// Layers "a/b" and "a.b" are two, and may have one name in a source.
fn check_names(all: &[Requirement]) -> Result<(), String> {
    let mut seen = std::collections::HashSet::new();
    match all.iter().find(|r| !seen.insert(r.variable.as_str())) {
        None => Ok(()),
        Some(twice) => Err(format!("two layers would read the variable '{}'", twice.variable)),
    }
}

/// Shapes in which a source saves the variables of a parameter.
fn shapes(spec: &ParamSpec, kernel: &Kernel, rules: &NameRules) -> Vec<Vec<usize>> {
    let s = &spec.shape;
    match spec.role {
        Role::Weight | Role::Planes => rules.layout.kernel_shapes(kernel),
        Role::WeightBasis => vec![rules.layout.weight_basis_shape(s[0], s[1])],
        Role::Bias => vec![s.clone()],
        Role::BatchNorm if rules.may_share_statistics(&spec.layer) => vec![vec![s[1]], vec![1]],
        Role::BatchNorm => vec![vec![s[1]]],
        Role::ActivationBasis => rules.layout.activation_basis_shapes(s[0]),
    }
}

/// Reads, reorders and quantizes all parameters of `definition`.
pub fn bind(
    checkpoint: &Checkpoint,
    definition: &Definition,
    rules: &NameRules,
    progress: &dyn Fn(usize, usize),
) -> Result<Params> {
    let bad = |problem: String| Error::bad_checkpoint(checkpoint.path(), problem);
    let bounds = bounds(definition).map_err(bad)?;
    let binding = Binding { checkpoint, definition, rules };
    let mut tensors = BTreeMap::new();
    for (done, bound) in bounds.iter().enumerate() {
        tensors.insert(bound.spec.name(), binding.parameter(bound)?);
        progress(done + 1, bounds.len());
    }
    Params::new(&definition.graph, tensors).map_err(bad)
}

struct Binding<'a> {
    checkpoint: &'a Checkpoint,
    definition: &'a Definition,
    rules: &'a NameRules,
}

impl Binding<'_> {
    fn parameter(&self, bound: &Bound) -> Result<Tensor> {
        let ParamSpec { role, layer, shape, .. } = &bound.spec;
        let names = self.rules.variables(*role, layer, &|name| self.checkpoint.variables().contains_key(name));
        let mut parts = names.iter().map(|n| self.finite(n)).collect::<Result<Vec<_>>>()?;
        let data = match role {
            Role::Weight => self.output_major(bound, &names[0], &parts[0]),
            Role::Planes => return self.planes(bound, &names[0], &parts[0]),
            Role::BatchNorm => batch_norm_rows(&parts, shape[1]),
            Role::WeightBasis => self.rules.layout.weight_basis(parts.swap_remove(0), shape[1]),
            Role::Bias | Role::ActivationBasis => parts.swap_remove(0),
        };
        Ok(Tensor::from_f32(shape.clone(), data))
    }

    fn finite(&self, name: &str) -> Result<Vec<f32>> {
        let data = self.checkpoint.read_f32(name)?;
        let Some(i) = data.iter().position(|v| !v.is_finite()) else { return Ok(data) };
        Err(Error::bad_checkpoint(self.checkpoint.path(), format!("variable '{name}' has {} at {i}", data[i])))
    }

    /// Weights in the order `[out, kh, kw, in]`.
    fn output_major(&self, bound: &Bound, name: &str, data: &[f32]) -> Vec<f32> {
        let Kernel { outputs, copies, .. } = bound.kernel;
        let shape = &self.checkpoint.variables()[name].shape;
        let weight = |output, row| {
            let (first, step) = self.rules.layout.kernel_index(&bound.kernel, shape, output, row);
            match copies {
                1 => data[first],
                _ => (0..copies).map(|k| f64::from(data[first + k * step])).sum::<f64>() as f32,
            }
        };
        let rows = bound.kernel.rows();
        (0..outputs).flat_map(|output| (0..rows).map(move |row| (output, row))).map(|(o, r)| weight(o, r)).collect()
    }

    fn planes(&self, bound: &Bound, name: &str, data: &[f32]) -> Result<Tensor> {
        let ParamSpec { layer, shape, .. } = &bound.spec;
        let Kernel { outputs, inputs, .. } = bound.kernel;
        let basis = self.finite(&self.rules.name(self.rules.weight_basis, layer))?;
        let basis = self.rules.layout.weight_basis(basis, outputs);
        let stored = &self.checkpoint.variables()[name].shape;
        let weight = |output, row| data[self.rules.layout.kernel_index(&bound.kernel, stored, output, row).0];
        let rule = WeightRule { ties: self.definition.weight_ties, flushes_subnormals: self.rules.flushes_subnormals };
        let codes = quant::quantize_weights(weight, [outputs, bound.kernel.rows()], &basis, rule);
        Ok(Tensor::from_u32(shape.clone(), quant::pack(&codes, inputs, shape[4])))
    }
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
