//! Values to codes.

use super::epilogue::Ranks;
use super::facts::{Checked, KernelFacts, input_to_output, need};
use crate::lower::tensors::{TensorId, Tensors};

/// Values to codes.
#[derive(Clone, Debug)]
pub struct Quantize {
    /// A tensor of values.
    pub input: TensorId,
    /// The quantizer.
    pub ranks: Ranks,
    /// The tensor of codes.
    pub output: TensorId,
}

impl KernelFacts for Quantize {
    input_to_output!("quantize");

    fn check(&self, tensors: Tensors) -> Checked {
        need(tensors.values(self.input)? == tensors.get(self.output).shape, "its shapes differ")?;
        self.ranks.check(tensors, self.output)
    }

    fn constant_bytes(&self) -> usize {
        self.ranks.bytes()
    }
}
