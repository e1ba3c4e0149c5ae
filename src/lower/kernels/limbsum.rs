//! Convolution of limbs, to sums per power of 256.

use super::checks::WEIGHTS;
use super::facts::{Checked, KernelFacts, input_to_output, need, outputs};
use crate::fixed::{LIMB_LANES, WEIGHT_LIMBS};
use crate::lower::tensors::{Repr, TensorId, Tensors};
use crate::tensor::Window;

/// A limb convolution whose diagonal sums are the result (the last dense layer). The host combines them.
#[derive(Clone, Debug)]
pub struct LimbSum {
    /// A tensor of limbs.
    pub input: TensorId,
    /// The window that slides over the input.
    pub window: Window,
    /// Packed limbs `[out, kh, kw, ceil(c / 4), WEIGHT_LIMBS]`.
    pub weights: Vec<u32>,
    /// The tensor of sums.
    pub output: TensorId,
}

impl KernelFacts for LimbSum {
    input_to_output!("limbsum");

    fn check(&self, tensors: Tensors) -> Checked {
        let out = tensors.get(self.output).shape;
        let limbs = tensors.check_limbs(self.input, &self.window, out)?;
        let words = tensors.get(self.input).shape.c.div_ceil(LIMB_LANES);
        need(self.weights.len() == out.c * self.window.taps() * words * WEIGHT_LIMBS, WEIGHTS)?;
        let sums = Repr::Sums { diagonals: limbs + WEIGHT_LIMBS - 1 };
        need(tensors.get(self.output).repr == sums && out.pixels() == 1, "its sums have the wrong form")
    }

    fn window(&self) -> Option<&Window> {
        Some(&self.window)
    }

    fn byte_products(&self, tensors: Tensors) -> usize {
        let words = tensors.get(self.input).shape.c.div_ceil(LIMB_LANES);
        let each = self.window.taps() * words * tensors.limbs(self.input) * LIMB_LANES * WEIGHT_LIMBS;
        outputs(Some(self.output), tensors) * each
    }

    fn network_macs(&self, tensors: Tensors) -> usize {
        outputs(Some(self.output), tensors) * self.window.taps() * tensors.get(self.input).shape.c
    }

    fn constant_bytes(&self) -> usize {
        size_of_val(&self.weights[..])
    }
}
