//! Values to limbs.

use super::facts::{Checked, KernelFacts, input_to_output, need};
use crate::fixed::VALUE_LIMBS;
use crate::lower::tensors::{Repr, TensorId, Tensors};

/// Values to limbs.
#[derive(Clone, Debug)]
pub struct Split {
    /// A tensor of values.
    pub input: TensorId,
    /// The tensor of limbs.
    pub output: TensorId,
}

impl KernelFacts for Split {
    input_to_output!("split");

    fn check(&self, tensors: Tensors) -> Checked {
        let out = tensors.get(self.output);
        let limbs = matches!(out.repr, Repr::Limbs { limbs: VALUE_LIMBS, .. });
        need(limbs && tensors.values(self.input)? == out.shape, "its limbs have the wrong form")
    }
}
