//! Layers that the authors of known networks leave in float.

use crate::graph::{Op, Weights};
use crate::zoo::{self, Uniform};
use std::collections::BTreeSet;

/// The convolutions that network `id` of the zoo has in float where others are quantized; none of other networks.
pub fn kept_in_float(id: &str) -> BTreeSet<String> {
    let definition = zoo::find(id).and_then(|network| network.build(&Uniform::bits(2, 2)));
    let Ok(definition) = definition else { return BTreeSet::new() };
    let is_float = |op: &Op| matches!(op, Op::Conv { weights: Weights::Float, .. });
    let nodes = definition.graph.nodes().iter().filter(|node| is_float(&node.op));
    nodes.map(|node| node.name.clone()).collect()
}
