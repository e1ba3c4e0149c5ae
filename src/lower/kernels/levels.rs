//! Codes to the values of their levels.

use super::checks::MAX_CODE_PLANES;
use super::facts::{Checked, KernelFacts, input_to_output, need};
use crate::lower::tensors::{Repr, TensorId, Tensors};

/// Codes to the values of their levels.
#[derive(Clone, Debug)]
pub struct Levels {
    /// A tensor of codes.
    pub input: TensorId,
    /// The value of each stored code.
    pub values: Vec<i32>,
    /// The tensor of values.
    pub output: TensorId,
}

impl KernelFacts for Levels {
    input_to_output!("levels");

    fn check(&self, tensors: Tensors) -> Checked {
        let spec = tensors.get(self.input);
        let Repr::Codes { planes: planes @ 1..=MAX_CODE_PLANES } = spec.repr else { return Err("needs codes".into()) };
        let table = self.values.len() == 1 << planes;
        need(table && tensors.values(self.output)? == spec.shape, "its levels have the wrong form")
    }

    fn constant_bytes(&self) -> usize {
        size_of_val(&self.values[..])
    }
}
