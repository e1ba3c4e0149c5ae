//! Where tensors live: those that are concatenated are written into the concatenation right away, where that is
//! possible.

use super::fuse::{Head, Step};
use crate::backend::gpu::table::QUAD;
use crate::graph::{Graph, NodeId, Op};
use crate::tensor::Shape;

/// Channels of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct View {
    /// The node whose tensor it is.
    pub tensor: NodeId,
    /// Vectors of a pixel of that.
    pub row: usize,
    /// The first channel.
    pub at: usize,
}

/// The view of every node's result.
#[derive(Debug)]
pub(super) struct Places(Vec<View>);

impl Places {
    /// Places the nodes' results, of these shapes, and drops the steps that are not needed any more.
    pub(super) fn new(graph: &Graph, shapes: &[Shape], mut steps: Vec<Step>) -> (Self, Vec<Step>) {
        let own = |(tensor, shape): (NodeId, &Shape)| View { tensor, row: shape.c.div_ceil(QUAD), at: 0 };
        let mut places = Places(shapes.iter().enumerate().map(own).collect());
        // A concatenation knows its place before its parts do.
        for (id, node) in graph.nodes().iter().enumerate().rev() {
            // What nobody reads may be given away before it is complete.
            let read = id + 1 == shapes.len() || graph.consumers(id).next().is_some();
            if node.op == Op::Concat && read {
                places.parts(graph, shapes, &steps, id);
            }
        }
        steps.retain(|step| !places.in_place(step));
        (places, steps)
    }

    /// Where a node's result is.
    pub(super) fn view(&self, node: NodeId) -> View {
        self.0[node]
    }

    /// Tensors that a step reads.
    pub(super) fn reads(&self, step: &Step) -> Vec<NodeId> {
        [step.input].into_iter().chain(step.residual).map(|id| self.0[id].tensor).collect()
    }

    /// Tensors that a step writes.
    pub(super) fn writes(&self, step: &Step) -> Vec<NodeId> {
        step.output.into_iter().chain(step.second.as_ref().map(|s| s.output)).map(|id| self.0[id].tensor).collect()
    }

    /// Places the parts of concatenation `id`: those that begin with a vector and fill whole ones.
    fn parts(&mut self, graph: &Graph, shapes: &[Shape], steps: &[Step], id: NodeId) {
        let (whole, end) = (self.0[id], self.0[id].at + shapes[id].c);
        let mut at = whole.at;
        for &part in &graph.nodes()[id].inputs {
            let (own, next) = (self.0[part], at + shapes[part].c);
            let fills = at.is_multiple_of(QUAD) && (next.is_multiple_of(QUAD) || next == end);
            if fills && own.tensor == part && !matches!(graph.nodes()[part].op, Op::Input { .. }) {
                self.0[part] = View { at, ..whole };
                if steps.iter().any(|step| self.clashes(step, whole.tensor)) {
                    self.0[part] = own;
                }
            }
            at = next;
        }
    }

    /// Whether a step would write `tensor` and read it, or write it twice, which GPU APIs do not allow.
    fn clashes(&self, step: &Step, tensor: NodeId) -> bool {
        let count = |list: Vec<NodeId>| list.into_iter().filter(|&t| t == tensor).count();
        let (reads, writes) = (count(self.reads(step)), count(self.writes(step)));
        writes > 0 && reads + writes > 1 && !self.in_place(step)
    }

    /// Whether a step would copy a part to where it is.
    fn in_place(&self, step: &Step) -> bool {
        let (Head::Concat(at), Some(output)) = (step.head, step.output) else { return false };
        let (part, whole) = (self.0[step.input], self.0[output]);
        part.tensor == whole.tensor && part.at == whole.at + at
    }
}
