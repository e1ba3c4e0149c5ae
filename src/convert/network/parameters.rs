//! The parameters of a network, and the variables that a source has for them.

use super::layout::WeightDims;
use super::names::{NameRules, PLAIN};
use crate::graph::{Graph, Node, Op, ParamSpec, Role};
use crate::zoo::Definition;
use std::collections::{HashMap, HashSet};

/// A variable that a network needs, with the shapes it may have (the usual one first).
pub struct Requirement {
    /// Its name.
    pub variable: String,
    /// The shapes.
    pub shapes: Vec<Vec<usize>>,
}

impl Requirement {
    /// The shapes as text.
    pub fn expected(&self) -> String {
        self.shapes.iter().map(|shape| format!("{shape:?}")).collect::<Vec<_>>().join(" or ")
    }
}

/// A parameter of a graph.
pub(crate) struct Parameter {
    pub(crate) spec: ParamSpec,
    /// Of a convolution or dense layer.
    pub(crate) dims: WeightDims,
}

/// All parameters of a definition, in order of the layers.
pub(crate) fn of_definition(definition: &Definition) -> Result<Vec<Parameter>, String> {
    let copies = |layer: &str| definition.copies.filter(|c| c.layer == layer).map_or(1, |c| c.count);
    let with_copies = |Parameter { spec, dims }| {
        let dims = WeightDims { copies: copies(&spec.layer), ..dims };
        Parameter { spec, dims }
    };
    Ok(of_graph(&definition.graph)?.into_iter().map(with_copies).collect())
}

/// All parameters of `graph`, in order of the layers.
pub(crate) fn of_graph(graph: &Graph) -> Result<Vec<Parameter>, String> {
    let facts = graph.facts()?;
    let nodes: HashMap<&str, &Node> = graph.nodes().iter().map(|n| (n.name.as_str(), n)).collect();
    let parameter = |spec: ParamSpec| {
        let mut dims = WeightDims { outputs: 0, size: [0; 2], inputs: 0, dense: false, copies: 1 };
        if let Some(Node { op: Op::Conv { outputs, window, groups, .. }, inputs, .. }) = nodes.get(&*spec.layer) {
            let input = facts[inputs[0]].shape;
            let dense = window.kernel == [input.h, input.w] && *groups == 1;
            dims = WeightDims { outputs: *outputs, size: window.kernel, inputs: input.c / groups, dense, copies: 1 };
        }
        Parameter { spec, dims }
    };
    Ok(graph.parameters()?.into_iter().map(parameter).collect())
}

/// The variables that `definition` needs from a source with these rules; `exists` tells which there are.
pub(crate) fn requirements(
    definition: &Definition,
    rules: &NameRules,
    exists: &dyn Fn(&str) -> bool,
) -> Result<Vec<Requirement>, String> {
    let mut all = Vec::new();
    for Parameter { spec, dims } in of_definition(definition)? {
        let shapes = shapes(&spec, &dims, rules);
        let variables = rules.variables(spec.role, &spec.layer, exists);
        all.extend(variables.into_iter().map(|variable| Requirement { variable, shapes: shapes.clone() }));
    }
    check_names(&all)?;
    Ok(all)
}

/// Layers "a/b" and "a.b" are different, but a source may give their variables the same name.
fn check_names(all: &[Requirement]) -> Result<(), String> {
    let mut seen = HashSet::new();
    match all.iter().find(|r| !seen.insert(r.variable.as_str())) {
        None => Ok(()),
        Some(twice) => Err(format!("two layers would read the variable '{}'", twice.variable)),
    }
}

/// Shapes in which a source saves the variables of a parameter.
fn shapes(spec: &ParamSpec, dims: &WeightDims, rules: &NameRules) -> Vec<Vec<usize>> {
    let s = &spec.shape;
    match spec.role {
        Role::Weight | Role::Planes => rules.layout.weight_shapes(dims),
        Role::WeightBasis => vec![rules.bases.weight_shape(s[0], s[1])],
        Role::Bias => vec![s.clone()],
        Role::BatchNorm if rules.may_share_statistics(&spec.layer) => vec![vec![s[1]], vec![1]],
        Role::BatchNorm => vec![vec![s[1]]],
        Role::ActivationBasis => rules.bases.activation_shapes(s[0]),
    }
}

/// The variables that a network needs from a checkpoint in the plain naming, in order of the layers. Batch norms may
/// go without weight and bias.
pub fn plain_variables(definition: &Definition) -> Result<Vec<Requirement>, String> {
    requirements(definition, &PLAIN, &|_| true)
}
