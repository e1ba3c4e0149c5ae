//! A quick look at a checkpoint before all variables of a network are compared.

use super::widths::CheckpointWidths;
use crate::graph::{Op, Weights};
use crate::zoo::{NETWORKS, Network, Uniform};
use std::sync::OnceLock;

/// What [`ends`] gives for a checkpoint that has all that it looks for.
pub(crate) const BOTH: usize = 2;

/// How many of the first and the last weights of `network` the checkpoint has.
pub(crate) fn ends(network: &Network, widths: &CheckpointWidths) -> usize {
    static LAYERS: OnceLock<Vec<(&str, [String; BOTH])>> = OnceLock::new();
    let layers = LAYERS.get_or_init(|| NETWORKS.iter().map(|n| (n.id, layers(n))).collect());
    let (scope, rules) = (widths.scope(), widths.rules);
    let exists = |layer: &&String| scope.has(&rules.weight(layer, &|name| scope.has(name)));
    let own = layers.iter().find(|(id, _)| *id == network.id);
    own.map_or(0, |(_, layers)| layers.iter().filter(exists).count())
}

/// The first and the last convolution of a network.
fn layers(network: &Network) -> [String; BOTH] {
    let widths = Uniform { weights: Weights::Float, activation_bits: None };
    let Ok(definition) = network.build(&widths) else { return Default::default() };
    let nodes = definition.graph.nodes();
    let mut convs = nodes.iter().filter(|node| matches!(node.op, Op::Conv { .. })).map(|node| node.name.clone());
    [convs.next(), convs.next_back()].map(Option::unwrap_or_default)
}
