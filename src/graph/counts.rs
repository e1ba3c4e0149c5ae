//! How large a network is, in the units in which others count.

use super::{Graph, Op};

impl Graph {
    /// Multiply-accumulates of one image by the definition of its convolutions and dense layers, whatever their widths.
    ///
    /// # Errors
    /// Shapes do not fit each other, which a graph that was checked does not have.
    pub fn macs(&self) -> Result<u64, String> {
        let facts = self.facts()?;
        let of = |(at, outputs, terms): (usize, u64, u64)| {
            let shape = facts[at].shape;
            product([shape.h as u64, shape.w as u64, outputs, terms])
        };
        Ok(self.convolutions()?.into_iter().map(of).fold(0, u64::saturating_add))
    }

    /// Numbers that training learns: weights, biases, and the scales and shifts of batch norms, as frameworks count
    /// them. Bases of quantizers are left out.
    ///
    /// # Errors
    /// As [`Graph::macs`].
    pub fn learned_numbers(&self) -> Result<u64, String> {
        let facts = self.facts()?;
        let weights = self.convolutions()?.into_iter().map(|(_, outputs, terms)| product([outputs, terms]));
        let rest = self.nodes().iter().enumerate().map(|(at, node)| match node.op {
            Op::Conv { bias: true, outputs, .. } => outputs as u64,
            Op::BatchNorm { .. } => 2 * facts[at].shape.c as u64,
            _ => 0,
        });
        Ok(weights.chain(rest).fold(0, u64::saturating_add))
    }

    /// The convolutions and dense layers: node, outputs, and products that are added up for each output.
    fn convolutions(&self) -> Result<Vec<(usize, u64, u64)>, String> {
        let facts = self.facts()?;
        let of = |(at, node): (usize, &super::Node)| {
            let Op::Conv { outputs, window, groups, .. } = &node.op else { return None };
            let channels = facts[*node.inputs.first()?].shape.c / groups;
            Some((at, *outputs as u64, product([window.taps() as u64, channels as u64])))
        };
        Ok(self.nodes().iter().enumerate().filter_map(of).collect())
    }
}

fn product<const N: usize>(factors: [u64; N]) -> u64 {
    factors.into_iter().fold(1, u64::saturating_mul)
}
