//! The float network on single pictures, and with the result of one layer replaced.

use crate::float::{Layer, float_layer};
use crate::format::Packed;
use crate::graph::{Fact, Graph, NodeId};
use crate::tensor::Shape;

/// A network in float that is ready to run.
pub(super) struct Float<'a> {
    pub graph: &'a Graph,
    pub facts: Vec<Fact>,
    layers: Vec<Layer>,
}

impl<'a> Float<'a> {
    pub(super) fn new(model: &'a Packed) -> Result<Self, String> {
        let graph = &model.header.graph;
        let facts = graph.facts()?;
        let layer = |id| float_layer(graph, &facts, id, &model.params);
        let layers = (0..facts.len()).map(layer).collect::<Result<_, _>>()?;
        Ok(Float { graph, facts, layers })
    }

    /// What the layers up to `last` make of a picture.
    pub(super) fn run(&self, picture: &[f32], last: NodeId) -> Vec<Vec<f32>> {
        let mut results: Vec<Vec<f32>> = vec![picture.to_vec()];
        for id in 1..=last {
            let result = self.layer(id, |input| &results[input]);
            results.push(result);
        }
        results
    }

    /// What the last layer makes if layer `id` gives `other`, and all others are as in `results`, which [`Float::run`] gave.
    pub(super) fn replaced(&self, results: &[Vec<f32>], id: NodeId, other: Vec<f32>) -> Vec<f32> {
        let mut changed: Vec<Option<Vec<f32>>> = vec![None; results.len()];
        changed[id] = Some(other);
        for at in id + 1..results.len() {
            let inputs = &self.graph.nodes()[at].inputs;
            if inputs.iter().any(|&input| changed[input].is_some()) {
                changed[at] = Some(self.layer(at, |input| changed[input].as_ref().unwrap_or(&results[input])));
            }
        }
        changed.pop().flatten().unwrap_or_else(|| results.last().cloned().unwrap_or_default())
    }

    /// What layer `id` makes of the results of others.
    fn layer<'b>(&self, id: NodeId, read: impl Fn(NodeId) -> &'b Vec<f32>) -> Vec<f32> {
        let inputs = self.graph.nodes()[id].inputs.iter();
        let inputs: Vec<(&[f32], Shape)> = inputs.map(|&at| (&read(at)[..], self.facts[at].shape)).collect();
        let to = self.facts[id].shape;
        let mut result = vec![0.0; to.elements()];
        self.layers[id].picture(&inputs, &mut result, to);
        result
    }
}
