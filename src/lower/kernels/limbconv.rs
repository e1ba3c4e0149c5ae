//! Convolution of limbs, to values or codes.

use super::checks::WEIGHTS;
use super::epilogue::Epilogue;
use super::facts::{Checked, KernelFacts, need, outputs};
use crate::fixed::{LIMB_LANES, VALUE_LIMBS, WEIGHT_LIMBS};
use crate::lower::tensors::{TensorId, Tensors};
use crate::tensor::{Shape, Window};

/// Channels of a picture; the fourth lane of a pixel's word is alpha.
const COLOURS: usize = 3;

/// Convolution of limbs with limbs. The sums per power of 256 are combined to two words, the lower one of 16 bits.
#[derive(Clone, Debug)]
pub struct LimbConv {
    /// A tensor of limbs.
    pub input: TensorId,
    /// The window that slides over the input.
    pub window: Window,
    /// Packed limbs `[out, kh, kw, words, WEIGHT_LIMBS]`.
    pub weights: Vec<u32>,
    /// Words of four channels that an output channel multiplies, per tap.
    pub words: usize,
    /// For grouped convolutions: the first of these words, `[out]`.
    pub first_words: Option<Vec<u32>>,
    /// Number of low base-256 digits that are dropped from T (rounding down).
    pub drop: usize,
    /// What happens to T.
    pub epilogue: Epilogue,
}

impl LimbConv {
    fn check_weights(&self, tensors: Tensors, out: Shape) -> Checked {
        let words = tensors.get(self.input).shape.c.div_ceil(LIMB_LANES);
        let reach = match &self.first_words {
            Some(first) => first.len() == out.c && first.iter().all(|&f| f as usize + self.words <= words),
            None => self.words == words,
        };
        need(reach && self.words > 0, "multiplies words that its input does not have")?;
        need(self.weights.len() == out.c * self.window.taps() * self.words * WEIGHT_LIMBS, WEIGHTS)
    }

    /// Weights of a convolution in groups: lanes that are not 0, as those of other groups' channels are.
    fn grouped_weights(&self) -> usize {
        let used = |limbs: &[u32]| limbs.iter().fold(0, |all, limb| all | limb);
        let lanes = |word: u32| word.to_le_bytes().iter().filter(|&&lane| lane != 0).count();
        self.weights.chunks_exact(WEIGHT_LIMBS).map(|limbs| lanes(used(limbs))).sum()
    }
}

impl KernelFacts for LimbConv {
    fn name(&self) -> &'static str {
        "limbconv"
    }

    fn reads(&self) -> Vec<TensorId> {
        [self.input].into_iter().chain(self.epilogue.residual()).collect()
    }

    fn writes(&self) -> Vec<TensorId> {
        self.epilogue.writes()
    }

    fn check(&self, tensors: Tensors) -> Checked {
        let out = self.epilogue.shape(tensors)?;
        need(self.drop <= VALUE_LIMBS + WEIGHT_LIMBS, "drops too many limbs")?;
        tensors.check_limbs(self.input, &self.window, out)?;
        self.check_weights(tensors, out)?;
        self.epilogue.check(tensors, out)
    }

    fn window(&self) -> Option<&Window> {
        Some(&self.window)
    }

    /// Products with a pixel's alpha, which is the same everywhere, are not needed and do not count.
    fn byte_products(&self, tensors: Tensors) -> usize {
        let lanes = if tensors.is_picture(self.input) { COLOURS } else { LIMB_LANES };
        let each = self.window.taps() * self.words * tensors.limbs(self.input) * lanes * WEIGHT_LIMBS;
        outputs(self.writes().first().copied(), tensors) * each
    }

    fn network_macs(&self, tensors: Tensors) -> usize {
        let Ok(out) = self.epilogue.shape(tensors) else { return 0 };
        let channels = if tensors.is_picture(self.input) { COLOURS } else { tensors.get(self.input).shape.c };
        let all = || self.window.taps() * channels * out.c;
        out.pixels() * self.first_words.as_ref().map_or_else(all, |_| self.grouped_weights())
    }

    fn constant_bytes(&self) -> usize {
        size_of_val(&self.weights[..]) + self.epilogue.bytes()
    }

    fn details(&self) -> String {
        let masked = if self.first_words.is_some() { ", masked" } else { "" };
        format!("{}, words {}{masked}, drop {}{}", self.window, self.words, self.drop, self.epilogue.details())
    }
}
