//! Which tensors have no negative numbers.

use super::{Graph, Op};

impl Graph {
    /// Of each node, whether a ReLU made all its numbers, whatever was pooled, added or joined since.
    pub fn nonnegative(&self) -> Vec<bool> {
        let mut known: Vec<bool> = Vec::with_capacity(self.nodes().len());
        for node in self.nodes() {
            known.push(match node.op {
                Op::Relu => true,
                Op::MaxPool { .. } | Op::AvgPool { .. } | Op::PadChannels { .. } | Op::Add | Op::Concat => {
                    node.inputs.iter().all(|&input| known[input])
                }
                _ => false,
            });
        }
        known
    }
}
