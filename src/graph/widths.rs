//! The bit widths of a network as text.

use super::{Graph, Op, Weights};
use std::collections::BTreeSet;

impl Graph {
    /// Bits of weights and activations: "2/2", or every width that occurs, as in "1,2/2"; 32 stands for float.
    pub fn widths(&self) -> String {
        let list = |pick: &dyn Fn(&Op) -> Option<usize>| {
            let set: BTreeSet<usize> = self.nodes().iter().filter_map(|n| pick(&n.op)).collect();
            if set.is_empty() {
                return "32".to_owned();
            }
            set.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        };
        let weights = list(&|op| match op {
            Op::Conv { weights: Weights::Planes { bits }, .. } => Some(*bits),
            _ => None,
        });
        let activations = list(&|op| if let Op::Quantize { bits, .. } = op { Some(*bits) } else { None });
        format!("{weights}/{activations}")
    }
}
