//! The quantizers of a model.

use crate::error::{Error, Result};
use crate::graph::{Encoding, Fact, Node, Op, Role};
use crate::quant::Levels;
use crate::session::Model;
use crate::tensor::Shape;
use std::path::Path;

/// A quantizer with the levels of its codes.
pub(crate) struct Quantizer {
    /// Its name in the graph.
    pub layer: String,
    /// Shape of its result.
    pub shape: Shape,
    bits: usize,
    /// Levels by code; NaN for codes that no number is given.
    levels: Vec<f32>,
}

/// All quantizers of a model, in order of the graph.
pub(crate) fn of(model: &Model) -> Result<Vec<Quantizer>> {
    let packed = model.packed();
    let quantizer = |(node, fact): (&Node, Fact)| {
        let Op::Quantize { bits, encoding, .. } = node.op else { return None };
        let basis = packed.params.get(&node.name, Role::ActivationBasis);
        Some(basis.map(|basis| {
            let levels = levels(basis.f32(), encoding);
            Quantizer { layer: node.name.clone(), shape: fact.shape, bits, levels }
        }))
    };
    let graph = &packed.header.graph;
    let all = graph.facts().and_then(|facts| graph.nodes().iter().zip(facts).filter_map(quantizer).collect());
    all.map_err(|problem| Error::bad_model(Path::new(&packed.header.name), problem))
}

/// The levels of codes without the plane of ones that codes of +-1 are stored with.
fn levels(basis: &[f32], encoding: Encoding) -> Vec<f32> {
    let mut levels = Levels::of_activations(basis, encoding).by_code();
    levels.drain(..levels.len().saturating_sub(1 << basis.len()));
    levels
}

impl Quantizer {
    /// A stored code without the plane of ones.
    pub(crate) fn own_bits(&self, stored: u16) -> u8 {
        (usize::from(stored) & ((1 << self.bits) - 1)) as u8
    }

    /// `code`, if the quantizer has it.
    pub(crate) fn code(&self, code: i64) -> Result<u8, String> {
        let last = (1i64 << self.bits) - 1;
        if (0..=last).contains(&code) { Ok(code as u8) } else { Err(format!("code {code}, expected 0 to {last}")) }
    }

    /// The code of a level, of which `value` may be a rounded copy.
    pub(crate) fn code_of_level(&self, value: f64) -> Result<u8, String> {
        let distance = |level: f32| (f64::from(level) - value).abs();
        let known = self.levels.iter().enumerate().filter(|(_, level)| !level.is_nan());
        let nearest = known.min_by(|a, b| distance(*a.1).total_cmp(&distance(*b.1)));
        let largest = self.levels.iter().fold(0f32, |most, level| most.max(level.abs()));
        match nearest {
            Some((code, &level)) if distance(level) <= ROUNDING * f64::from(largest) => Ok(code as u8),
            _ => Err(format!("{value}, which is no level of the quantizer; these are {}", self.shown_levels())),
        }
    }

    /// Whether two codes stand for the same level.
    pub(crate) fn same_level(&self, a: u8, b: u8) -> bool {
        let level = |code: u8| self.levels.get(usize::from(code));
        level(a).zip(level(b)).is_some_and(|(a, b)| a == b)
    }

    fn shown_levels(&self) -> String {
        let mut levels: Vec<f32> = self.levels.iter().copied().filter(|level| !level.is_nan()).collect();
        levels.sort_by(f32::total_cmp);
        let shown: Vec<String> = levels.iter().take(SHOWN).map(ToString::to_string).collect();
        shown.join(", ") + if levels.len() > SHOWN { ", .." } else { "" }
    }
}

/// How far a recorded level may be from the exact one, relative to the largest: more than the error of half precision,
/// and at most half of the distance between evenly spaced levels of 8 bits.
const ROUNDING: f64 = 1.0 / 512.0;
/// Levels that an error lists.
const SHOWN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn quantizer(basis: &[f32], encoding: Encoding) -> Quantizer {
        let shape = Shape { h: 1, w: 1, c: 1 };
        Quantizer { layer: "q".into(), shape, bits: basis.len(), levels: levels(basis, encoding) }
    }

    #[test]
    fn levels_have_their_codes() {
        let q = quantizer(&[0.5, 1.0], Encoding::ZeroOne);
        assert_eq!([0.0, 0.5, 1.0001, 1.5].map(|v| q.code_of_level(v).unwrap()), [0, 1, 2, 3]);
        let problem = q.code_of_level(0.75).unwrap_err();
        assert!(problem.contains("0.75, which is no level") && problem.contains("0, 0.5, 1, 1.5"), "{problem}");
        assert!(q.code_of_level(f64::NAN).is_err());
        assert_eq!((q.code(3), q.code(4).is_err(), q.code(-1).is_err()), (Ok(3), true, true));
        let q = quantizer(&[0.5, 1.0], Encoding::PlusMinus);
        assert_eq!([-1.5, -0.5, 0.5, 1.5].map(|v| q.code_of_level(v).unwrap()), [0, 1, 2, 3]);
        assert_eq!(q.own_bits(0b110), 0b10, "codes of +-1 are stored with a plane of ones");
    }

    #[test]
    fn codes_of_equal_levels_are_told_to_be_so() {
        let q = quantizer(&[0.5, 0.5], Encoding::ZeroOne);
        assert!(q.same_level(1, 2) && !q.same_level(1, 3));
        let negative = quantizer(&[1.0, -0.25], Encoding::ZeroOne);
        assert!(!negative.same_level(2, 2), "no number gets the code of a negative level");
    }
}
