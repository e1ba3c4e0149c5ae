//! The layout of concatenations that convolutions with weight planes read.
//!
//! Such a convolution does not need the concatenation to be of one kind: the planes of each member keep their own
//! meaning and stand side by side in the rows of a common tensor, one row per pixel. Concatenations that share members
//! (as in a dense block) share one tensor of rows, so that every member is copied only once.

use crate::fixed::VALUE_PLANES;
use crate::graph::{Fact, Graph, NodeId, Op, Weights};
use crate::quant::words;
use crate::tensor::Shape;

/// The layout of one tensor of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its members, from the first word on.
    pub places: Vec<Place>,
    /// Height and width, and the channels of all members together.
    pub shape: Shape,
    /// Words of a row.
    pub words: usize,
}

/// The place of one member in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The member.
    pub node: NodeId,
    /// First word within a row.
    pub at: usize,
    /// Planes of the member.
    pub planes: usize,
}

/// Number of planes that hold the codes of `node`, if it is a quantizer.
pub fn code_planes(graph: &Graph, node: NodeId) -> Option<usize> {
    match graph.nodes()[node].op {
        Op::Quantize { bits, encoding, .. } => Some(encoding.planes(bits)),
        _ => None,
    }
}

/// The layouts of all tensors of rows that a graph needs.
pub fn rows(graph: &Graph, facts: &[Fact]) -> Vec<Row> {
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

/// `sets` with `members` added; all sets that share a node with it are merged into one.
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
    // Kernels process the planes of all members in passes of one size, which must divide the number of planes of each.
    // If all codes have the same number, values are padded to a multiple of it, so that a pass can take a whole code.
    let unit = own.iter().flatten().copied().reduce(|a, b| if a == b { a } else { 1 }).unwrap_or(1);
    let value_planes = VALUE_PLANES.next_multiple_of(unit);
    let Shape { h, w, .. } = facts[members[0]].shape;
    let mut row = Row { places: Vec::new(), shape: Shape { h, w, c: 0 }, words: 0 };
    for (&node, own) in members.iter().zip(own) {
        let planes = own.unwrap_or(value_planes);
        row.places.push(Place { node, at: row.words, planes });
        row.words += words(facts[node].shape.c) * planes;
        row.shape.c += facts[node].shape.c;
    }
    row
}
