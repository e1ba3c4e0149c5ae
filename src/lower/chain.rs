//! Grouping: which nodes are computed together.
//!
//! A *chain* starts at a convolution (or at any value) and absorbs the batch norms, at most one addition and at most
//! one ReLU that follow it, as long as no other node reads the results in between. Only the result of its last node is
//! stored.

use crate::graph::{Graph, NodeId, Op};

/// A group of nodes computed by one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    /// The convolution, or the node whose value the chain reads.
    pub head: NodeId,
    /// Batch norms applied in this order, before the addition.
    pub batch_norms: Vec<NodeId>,
    /// The other operand of the addition, if there is one.
    pub residual: Option<NodeId>,
    /// Whether it ends with a ReLU.
    pub relu: bool,
    /// The node whose value the chain computes.
    pub end: NodeId,
}

/// The chain of convolution `head`, which stops at nodes that other groups have `taken`.
fn follow(graph: &Graph, head: NodeId, taken: &[bool]) -> Chain {
    let chain = Chain { head, batch_norms: vec![], residual: None, relu: false, end: head };
    extend(graph, chain, taken)
}

/// The chain on value `head` whose first node is `first`, if that is a batch norm, an addition or a ReLU.
fn follow_from(graph: &Graph, head: NodeId, first: NodeId, taken: &[bool]) -> Option<Chain> {
    let chain = Chain { head, batch_norms: vec![], residual: None, relu: false, end: head };
    absorb(graph, chain, first, true).map(|chain| extend(graph, chain, taken))
}

fn extend(graph: &Graph, mut chain: Chain, taken: &[bool]) -> Chain {
    loop {
        let mut consumers = graph.consumers(chain.end);
        let (Some(next), None) = (consumers.next(), consumers.next()) else { return chain };
        match absorb(graph, chain.clone(), next, false).filter(|_| !taken[next]) {
            Some(longer) => chain = longer,
            None => return chain,
        }
    }
}

/// The chain extended by `next`, if that is possible. `stored` says that the chain's end already exists in memory.
fn absorb(graph: &Graph, mut chain: Chain, next: NodeId, stored: bool) -> Option<Chain> {
    let node = &graph.nodes()[next];
    match node.op {
        Op::BatchNorm { .. } if chain.residual.is_none() && !chain.relu => chain.batch_norms.push(next),
        Op::Relu if !chain.relu => chain.relu = true,
        Op::Add if chain.residual.is_none() && !chain.relu => {
            // A chain is computed at the place of its last node, so the other operand exists by then. If both operands
            // end convolutions, the later one absorbs the addition. A stored value may also be added to itself.
            let other = node.inputs.iter().find(|&&i| i != chain.end).or(Some(&chain.end).filter(|_| stored))?;
            let other = *other;
            if other > chain.end && ends_convolution(graph, other) {
                return None;
            }
            chain.residual = Some(other);
        }
        _ => return None,
    }
    chain.end = next;
    Some(chain)
}

/// Whether `id` ends the chain of a convolution that can absorb an addition.
fn ends_convolution(graph: &Graph, id: NodeId) -> bool {
    let mut id = id;
    while graph.consumers(id).count() == 1 {
        match graph.nodes()[id].op {
            Op::Conv { .. } => return true,
            Op::BatchNorm { .. } => id = graph.nodes()[id].inputs[0],
            _ => return false,
        }
    }
    false
}

/// A quantizer of a value, together with the batch norms and the ReLU before it that nothing else reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QuantChain {
    /// Batch norms applied in this order, before the ReLU.
    pub batch_norms: Vec<NodeId>,
    /// Whether a ReLU precedes the quantizer.
    pub relu: bool,
    /// The quantize node.
    pub quantize: NodeId,
}

/// The [`QuantChain`] whose first node is `first`, if there is one.
pub(super) fn quantizer(graph: &Graph, first: NodeId) -> Option<QuantChain> {
    let mut chain = QuantChain { batch_norms: vec![], relu: false, quantize: first };
    let mut node = first;
    loop {
        match graph.nodes()[node].op {
            Op::BatchNorm { .. } if !chain.relu => chain.batch_norms.push(node),
            Op::Relu if !chain.relu => chain.relu = true,
            Op::Quantize { .. } => return Some(QuantChain { quantize: node, ..chain }),
            _ => return None,
        }
        let mut consumers = graph.consumers(node);
        let (Some(next), None) = (consumers.next(), consumers.next()) else { return None };
        node = next;
    }
}

/// Nodes that are lowered together. [`group`] orders groups so that everything a group reads exists before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// A convolution with the nodes that its chain absorbs.
    Conv(Chain),
    /// Batch norms, an addition or a ReLU on a value.
    Pointwise(Chain),
    /// A quantizer of value `head`.
    Quantize { head: NodeId, chain: QuantChain },
    /// Any other node: a pooling, channel padding or concatenation.
    Single(NodeId),
}

/// Assigns every node but the input to exactly one group.
pub(super) fn group(graph: &Graph) -> Vec<Group> {
    let count = graph.nodes().len();
    let mut grouped = vec![false; count];
    let mut at_end: Vec<Option<Group>> = vec![None; count];
    for id in 1..count {
        if grouped[id] {
            continue;
        }
        let node = &graph.nodes()[id];
        let group = match node.op {
            Op::Conv { .. } => Group::Conv(follow(graph, id, &grouped)),
            _ => match (quantizer(graph, id), node.inputs.iter().max()) {
                (Some(chain), Some(&head)) => Group::Quantize { head, chain },
                (None, Some(&head)) => {
                    follow_from(graph, head, id, &grouped).map_or(Group::Single(id), Group::Pointwise)
                }
                (_, None) => continue,
            },
        };
        for member in members(graph, &group, id) {
            grouped[member] = true;
        }
        let end = group.end();
        at_end[end] = Some(group);
    }
    at_end.into_iter().flatten().collect()
}

impl Group {
    /// The node whose result the group computes.
    pub(super) fn end(&self) -> NodeId {
        match self {
            Group::Conv(chain) | Group::Pointwise(chain) => chain.end,
            Group::Quantize { chain, .. } => chain.quantize,
            Group::Single(id) => *id,
        }
    }
}

/// The nodes of a group: the path of single consumers from `first` to its end.
fn members(graph: &Graph, group: &Group, first: NodeId) -> Vec<NodeId> {
    let mut path = vec![first];
    while let Some(&last) = path.last().filter(|&&last| last != group.end()) {
        match graph.consumers(last).next() {
            Some(next) => path.push(next),
            None => break,
        }
    }
    path
}
