//! The quantizer of a convolution's weights: one basis for each output channel (LQ-Nets section 3.2 and algorithm 1; the
//! original's `learned_quantization.py`).
//!
//! In each batch, every weight gets the nearest level of the basis as it is. Then the basis moves towards the one with the
//! least squared error for these codes. The gradient of a level is passed on to its weight as if nothing had been rounded (the
//! straight-through estimator), so there is nothing to derive here.

use super::bases::move_basis;
use super::call::Run;
use crate::float::Number;
use crate::quant::{Levels, Ties};
use rayon::prelude::*;

/// How much a basis is held where it is, in weights: the original's regularization.
const HOLD: f64 = 1e-4;

/// The bases of a layer.
pub(in crate::train) struct WeightQuantizer {
    /// `[out, bits]`.
    pub bases: Vec<f32>,
    pub bits: usize,
    /// Which level a weight gets that equals a threshold.
    pub ties: Ties,
}

impl WeightQuantizer {
    /// The original's initial bases: 0.6745, the quartile of a normal distribution, times the deviation sqrt(2 / n) of initial
    /// weights, where n counts taps times output channels, divided among powers of two.
    pub(in crate::train) fn new(bits: usize, ties: Ties, outputs: usize, taps: usize) -> Self {
        let unit = 0.6745 * (2.0 / (taps * outputs) as f64).sqrt() / f64::from(1u32 << (bits - 1));
        let basis = (0..bits).map(|j| (unit * f64::from(1u32 << j)) as f32);
        WeightQuantizer { bases: (0..outputs).flat_map(|_| basis.clone()).collect(), bits, ties }
    }

    /// The level of each of the weights, `[out, depth]`.
    pub(super) fn quantize<R: Number>(&mut self, run: &Run<R>, weights: &[R]) -> Vec<R> {
        let depth = weights.len() * self.bits / self.bases.len().max(1);
        let mut result = weights.to_vec();
        let (ties, training, rate) = (self.ties, run.training, run.rate);
        let channels = result.par_chunks_exact_mut(depth).zip(self.bases.par_chunks_exact_mut(self.bits));
        channels.for_each(|(row, basis)| {
            let levels = Levels::of_weights(basis);
            // Count and sum of the weights at each level.
            let mut found = vec![[0f64; 2]; levels.values.len()];
            for weight in row {
                let rank = crate::float::rank(&levels, weight.double() as f32, ties);
                found[rank][0] += 1.0;
                found[rank][1] += weight.double();
                *weight = R::of(f64::from(levels.values[rank]));
            }
            if training {
                move_basis(basis, -1.0, HOLD, levels.codes.iter().zip(found), rate);
            }
        });
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::float::InstructionSet;
    use crate::train::parts::Scratch;

    #[test]
    fn weights_get_levels_and_the_basis_moves_to_the_least_error() {
        let scratch = Scratch::<f32>::default();
        let mut run = Run { pictures: 1, set: InstructionSet::best(), training: false, rate: 1.0, scratch: &scratch };
        let mut quantizer = WeightQuantizer { bases: vec![0.5, 1.0, 1.0, 3.0], bits: 2, ties: Ties::Below };
        let weights = [1.4f32, -1.6, 0.4, -0.6, 4.0, 2.0, -2.0, -4.0];
        assert_eq!(quantizer.quantize(&run, &weights), [1.5, -1.5, 0.5, -0.5, 4.0, 2.0, -2.0, -4.0]);
        assert_eq!(quantizer.bases, [0.5, 1.0, 1.0, 3.0]);
        run.training = true;
        quantizer.quantize(&run, &weights);
        // Of the first channel, the levels 1.5 and 0.5 should be 1.5 and 0.5 on average as well; the second fits.
        let expected = [0.5, 1.0, 1.0, 3.0];
        quantizer.bases.iter().zip(expected).for_each(|(a, b): (&f32, f32)| assert!((a - b).abs() < 1e-3, "{a} {b}"));
        quantizer.quantize(&run, &[2.0, -2.0, 0.4, -0.4, 4.0, 2.0, -2.0, -4.0]);
        assert!(
            (quantizer.bases[0] - 0.8).abs() < 1e-3 && (quantizer.bases[1] - 1.2).abs() < 1e-3,
            "{:?}",
            quantizer.bases
        );
    }
}
