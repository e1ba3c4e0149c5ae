//! Values to the bit planes of their limbs.

use super::bitconv::MAX_PLANES;
use super::facts::{Checked, KernelFacts, input_to_output, need};
use crate::fixed::VALUE_PLANES;
use crate::lower::tensors::{Repr, TensorId, Tensors};

/// Values to the bit planes of their limbs.
#[derive(Clone, Debug)]
pub struct Slice {
    /// A tensor of values.
    pub input: TensorId,
    /// The tensor of bits.
    pub output: TensorId,
}

impl KernelFacts for Slice {
    input_to_output!("slice");

    fn check(&self, tensors: Tensors) -> Checked {
        let out = tensors.get(self.output);
        let bits = matches!(out.repr, Repr::Bits { planes: VALUE_PLANES..=MAX_PLANES, .. });
        need(bits && tensors.values(self.input)? == out.shape, "its bits have the wrong form")
    }
}
