//! The quantizer of a layer's activations (LQ-Nets section 3.2 and algorithm 1; the original's `learned_quantization.py`).
//!
//! In each batch, every number gets the nearest level of the basis as it is. Then the basis moves towards the one with the
//! least squared error for these codes. Gradients pass as those of min(x, highest level) would: rounding counts as the identity
//! (the straight-through estimator), but a number beyond the highest level changes nothing. With codes of -1 and 1, the same
//! holds beyond the lowest level.

use super::bases::move_basis;
use crate::float::{LEVELS, Number};
use crate::quant::{Encoding, Levels, Ties};

/// How much a basis is held where it is, as a share of all numbers: elements that no number uses stay.
const HOLD: f64 = 1e-6;

/// The quantizer of a layer.
pub(in crate::train) struct ActivationQuantizer<R> {
    pub basis: Vec<f32>,
    encoding: Encoding,
    ties: Ties,
    /// What the last batch was quantized with.
    pub(super) used: Used<R>,
}

/// The levels of a basis, ready for use.
#[derive(Default)]
pub(super) struct Used<R> {
    /// A number has the rank r if it is strictly above r of these.
    pub thresholds: Vec<R>,
    /// By rank.
    pub values: Vec<R>,
    /// By rank, without the bit that [`Encoding::PlusMinus`] adds.
    pub codes: Vec<u8>,
    /// By code, at least [`LEVELS`].
    pub table: Vec<R>,
    /// Gradients pass where a number is above the first and not above the second.
    pub passes: [R; 2],
}

impl<R: Number> ActivationQuantizer<R> {
    /// The original's initial basis: evenly spaced levels up to 2 * 0.6745, twice the quartile of a normal distribution.
    pub(in crate::train) fn new(bits: usize, encoding: Encoding, ties: Ties) -> Self {
        let unit = 0.6745 * 2.0 / f64::from((1u32 << bits) - 1);
        let basis = (0..bits).map(|j| (unit * f64::from(1u32 << j)) as f32).collect();
        ActivationQuantizer { basis, encoding, ties, used: Used::default() }
    }

    /// Makes the levels of the basis as it is.
    pub(super) fn prepare(&mut self) {
        let levels = Levels::of_activations(&self.basis, self.encoding);
        let real = |x: f32| R::of(f64::from(x));
        // For finite numbers, "at least t" is "above the number before t".
        let strict = |t: f32| if self.ties == Ties::Above { t.next_down() } else { t };
        let codes: Vec<u8> =
            levels.codes.iter().map(|&code| code as u8 & (((1u32 << self.basis.len()) - 1) as u8)).collect();
        let mut table = vec![R::default(); levels.values.len().max(LEVELS)];
        codes.iter().zip(&levels.values).for_each(|(&code, &value)| table[usize::from(code)] = real(value));
        let top = levels.values.last().copied().unwrap_or(0.0);
        let low = if self.encoding == Encoding::PlusMinus { levels.values[0].next_down() } else { f32::NEG_INFINITY };
        if self.encoding == Encoding::ZeroOne {
            // The lowest level is 0 with code 0, which a negative level may have as well.
            table[0] = R::default();
        }
        self.used = Used {
            thresholds: levels.thresholds.iter().map(|&t| real(strict(t))).collect(),
            values: levels.values.iter().map(|&v| real(v)).collect(),
            codes,
            table,
            passes: [real(low), real(top)],
        };
    }

    /// Moves the basis, given the count and the sum of the numbers of each rank.
    pub(super) fn learn(&mut self, found: &[[f64; 2]], rate: f64) {
        let off = if self.encoding == Encoding::PlusMinus { -1.0 } else { 0.0 };
        let count: f64 = found.iter().map(|[count, _]| count).sum();
        let codes: Vec<u16> = self.used.codes.iter().map(|&code| u16::from(code)).collect();
        move_basis(&mut self.basis, off, HOLD * count, codes.iter().zip(found.iter().copied()), rate);
    }
}

impl<R: Number> Used<R> {
    /// Rank of a number, where there are many levels.
    #[inline(always)]
    pub(super) fn rank(&self, x: R) -> usize {
        self.thresholds.partition_point(|&t| x > t)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_inference() {
        for (encoding, ties) in [(Encoding::ZeroOne, Ties::Below), (Encoding::PlusMinus, Ties::Above)] {
            let mut quantizer = ActivationQuantizer::<f32>::new(3, encoding, ties);
            quantizer.basis = vec![0.5, -0.25, 0.75];
            quantizer.prepare();
            let levels = Levels::of_activations(&quantizer.basis, encoding);
            let numbers = levels.thresholds.iter().flat_map(|t| [*t, t.next_up(), t.next_down()]).chain([-9.0, 9.0]);
            for x in numbers {
                let (rank, expected) = (quantizer.used.rank(x), levels.rank(x, ties));
                assert_eq!(rank, expected, "{x}");
                assert_eq!(quantizer.used.table[usize::from(quantizer.used.codes[rank])], levels.values[rank]);
            }
        }
    }

    #[test]
    fn the_basis_moves_to_the_least_error() {
        let mut quantizer = ActivationQuantizer::<f64>::new(2, Encoding::ZeroOne, Ties::Below);
        quantizer.basis = vec![1.0, 2.0];
        quantizer.prepare();
        quantizer.learn(&[[5.0, 0.5], [4.0, 4.8], [0.0, 0.0], [2.0, 6.2]], 0.5);
        // Best are 1.2 and 1.9; half of the way is gone.
        let expected = [1.1f32, 1.95];
        quantizer.basis.iter().zip(expected).for_each(|(a, b)| assert!((a - b).abs() < 1e-4, "{a} {b}"));
    }
}
