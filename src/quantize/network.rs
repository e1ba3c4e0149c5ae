//! A network in float and in low precision side by side, layer by layer, on all pictures.

use super::tape::Tape;
use crate::error::Result;
use crate::float::Layer;
use crate::graph::{Fact, Graph, NodeId};
use crate::tensor::Shape;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Numbers of a tensor that are in memory at once, unless a single picture has more.
const NUMBERS: usize = 1 << 22;

/// What one node makes of all pictures.
#[derive(Clone)]
pub(super) struct Pair {
    pub float: Arc<Tape>,
    /// In low precision; the same tape as `float` where nothing is quantized yet.
    pub low: Arc<Tape>,
}

/// The tensors of the nodes that were run, as long as a node needs them that was not.
pub(super) struct Tensors<'a> {
    graph: &'a Graph,
    facts: &'a [Fact],
    pub pictures: usize,
    tapes: Vec<Option<Pair>>,
    done: Vec<bool>,
}

impl<'a> Tensors<'a> {
    pub(super) fn new(graph: &'a Graph, facts: &'a [Fact], input: Arc<Tape>, pictures: usize) -> Self {
        let mut tensors = Tensors {
            graph,
            facts,
            pictures,
            tapes: vec![None; graph.nodes().len()],
            done: vec![false; graph.nodes().len()],
        };
        tensors.put(0, Pair { float: input.clone(), low: input });
        tensors
    }

    /// What `id` made; it must have been run, and be needed.
    pub(super) fn get(&self, id: NodeId) -> Option<&Pair> {
        self.tapes[id].as_ref()
    }

    /// Keeps what `id` made, and drops what no other node needs any more.
    pub(super) fn put(&mut self, id: NodeId, pair: Pair) {
        (self.tapes[id], self.done[id]) = (Some(pair), true);
        for &input in &self.graph.nodes()[id].inputs {
            if self.graph.consumers(input).all(|reader| self.done[reader]) {
                self.tapes[input] = None;
            }
        }
    }

    /// Runs `layer` as node `id`, on what `side` picks of its inputs.
    pub(super) fn run(&self, id: NodeId, layer: &Layer, side: fn(&Pair) -> &Arc<Tape>) -> Result<Arc<Tape>> {
        let inputs = &self.graph.nodes()[id].inputs;
        let read: Vec<(&Arc<Tape>, Shape)> = inputs
            .iter()
            .filter_map(|&input| Some((side(self.tapes[input].as_ref()?), self.facts[input].shape)))
            .collect();
        if let (Layer::Same, Some((tape, _))) = (layer, read.first()) {
            return Ok((*tape).clone());
        }
        let to = self.facts[id].shape;
        let result = Tape::new(to.elements())?;
        let most = read.iter().map(|(_, shape)| shape.elements()).max().unwrap_or(1).max(to.elements());
        for (first, count) in chunks(self.pictures, most) {
            let numbers = read.iter().map(|(tape, _)| tape.read(first, count)).collect::<Result<Vec<_>>>()?;
            let inputs: Vec<(&[f32], Shape)> =
                numbers.iter().zip(&read).map(|(n, (_, shape))| (&n[..], *shape)).collect();
            result.write(first, &layer.run(&inputs, to))?;
        }
        Ok(Arc::new(result))
    }

    /// The node that runs next, of those that are left: first what is no convolution of `heavy`, so that a convolution
    /// finds whatever is added to its result.
    pub(super) fn next(&self, heavy: &BTreeSet<NodeId>) -> Option<NodeId> {
        let ready =
            |&id: &NodeId| !self.done[id] && self.graph.nodes()[id].inputs.iter().all(|&input| self.done[input]);
        let all = || (0..self.done.len()).filter(ready);
        all().find(|id| !heavy.contains(id)).or_else(|| all().next())
    }
}

/// First picture and count of the pieces in which tensors of `numbers` are read.
pub(super) fn chunks(pictures: usize, numbers: usize) -> impl Iterator<Item = (usize, usize)> {
    let size = (NUMBERS / numbers.max(1)).max(2);
    (0..pictures).step_by(size).map(move |first| (first, size.min(pictures - first)))
}
