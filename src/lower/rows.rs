//! Where the members of concatenations are stored side by side.
//!
//! A convolution with weight planes can read a concatenation whose members are not of one kind: the planes of each
//! member keep their own meaning and are stored next to each other in the rows of a common tensor. Concatenations that
//! share members (in a dense block) share the row, so that every member is copied only once.

use crate::fixed::VALUE_PLANES;
use crate::graph::{Fact, Graph, NodeId, Op, Weights};
use crate::quant::words;
use crate::tensor::Shape;

/// Members that are stored side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The members, in order of their nodes.
    pub members: Vec<RowMember>,
    /// Height and width, and the channels of all members together.
    pub shape: Shape,
    /// Words of a row.
    pub words: usize,
}

/// Where a member is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowMember {
    /// The member.
    pub node: NodeId,
    /// First word within a row.
    pub at: usize,
    /// Planes of each of its channels.
    pub planes: usize,
}

/// Number of planes that hold the codes of `node`, if it is a quantizer.
pub(super) fn code_planes(graph: &Graph, node: NodeId) -> Option<usize> {
    match graph.nodes()[node].op {
        Op::Quantize { bits, encoding, .. } => Some(encoding.planes(bits)),
        _ => None,
    }
}

/// The layouts of all tensors of rows that a graph needs.
pub(super) fn rows(graph: &Graph, facts: &[Fact]) -> Vec<Row> {
    let mut sets: Vec<Vec<NodeId>> = Vec::new();
    for node in graph.nodes() {
        if let Op::Conv { weights: Weights::Planes { .. }, .. } = node.op {
            let leaves = graph.leaves(node.inputs[0]);
            if leaves.len() > 1 {
                sets = merged(sets, leaves);
            }
        }
    }
    sets.into_iter().map(|members| row(graph, facts, members)).collect()
}

/// `sets` with `members` added, which is merged with those sets that share a member with it.
fn merged(sets: Vec<Vec<NodeId>>, mut members: Vec<NodeId>) -> Vec<Vec<NodeId>> {
    let (meeting, mut apart): (Vec<_>, Vec<_>) =
        sets.into_iter().partition(|set| set.iter().any(|m| members.contains(m)));
    members.extend(meeting.into_iter().flatten());
    members.sort_unstable();
    members.dedup();
    apart.push(members);
    apart
}

fn row(graph: &Graph, facts: &[Fact], members: Vec<NodeId>) -> Row {
    let own: Vec<Option<usize>> = members.iter().map(|&m| code_planes(graph, m)).collect();
    // Kernels take the planes of all members a few at a time: as many as the codes have, if that divides all of them.
    let unit = own.iter().flatten().copied().reduce(|a, b| if a == b { a } else { 1 }).unwrap_or(1);
    let value_planes = VALUE_PLANES.next_multiple_of(unit);
    let Shape { h, w, .. } = facts[members[0]].shape;
    let mut row = Row { members: Vec::new(), shape: Shape { h, w, c: 0 }, words: 0 };
    for (&node, own) in members.iter().zip(own) {
        let planes = own.unwrap_or(value_planes);
        row.members.push(RowMember { node, at: row.words, planes });
        row.words += words(facts[node].shape.c) * planes;
        row.shape.c += facts[node].shape.c;
    }
    row
}
