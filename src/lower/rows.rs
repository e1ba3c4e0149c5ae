//! Where the tensors of concatenations stand side by side.
//!
//! A convolution with weight planes reads a concatenation without making it one tensor of one kind: the planes of each
//! member keep their own meaning and stand next to each other in the rows of a common tensor. Concatenations that share
//! members (a dense block's) share the rows, so that every member is copied there once.

use crate::fixed::VALUE_PLANES;
use crate::graph::{Fact, Graph, NodeId, Op, Weights};
use crate::quant::words;
use crate::tensor::Shape;

/// Members that stand side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub places: Vec<Place>,
    /// Height and width, and the channels of all members.
    pub shape: Shape,
    /// Words for each pixel.
    pub words: usize,
}

/// A member's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub node: NodeId,
    /// First word within a row.
    pub at: usize,
    pub planes: usize,
}

/// Planes that hold the codes of `node`, if it is a quantizer.
pub fn code_planes(graph: &Graph, node: NodeId) -> Option<usize> {
    match graph.nodes()[node].op {
        Op::Quantize { bits, encoding, .. } => Some(encoding.planes(bits)),
        _ => None,
    }
}

/// All rows of a graph.
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

/// `sets`, with those that meet `members` and `members` itself become one.
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
    // Kernels take the planes of all members a few at a time; a common divisor lets them take as many as codes have.
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
