//! What a network costs, in bytes or in time.

use crate::error::Result;
use crate::graph::Graph;
use std::collections::BTreeMap;

/// The cost of a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Costs {
    /// All of it.
    pub all: f64,
    /// The part of each convolution that depends on its widths, by its name.
    pub layers: BTreeMap<String, f64>,
}

/// What the widths of layers are chosen for.
pub trait Price: Sync {
    /// The cost of a network with quantizers, whose parameters are not known yet.
    ///
    /// # Errors
    /// It cannot be told.
    fn of(&self, graph: &Graph) -> Result<Costs>;

    /// Most that the network may cost if it costs `widest` at the widest widths.
    fn most(&self, widest: f64) -> f64;

    /// Whether activations of fewer bits cost less.
    fn counts_activations(&self) -> bool;

    /// A cost with its unit.
    fn text(&self, cost: f64) -> String;
}
