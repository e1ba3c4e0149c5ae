//! One member of a concatenation.

use super::facts::{Checked, KernelFacts, input_to_output, need};
use crate::lower::tensors::{Repr, TensorId, Tensors};
use std::ops::Range;

/// Copies one member of a concatenation: the words of every pixel of `input` go into the row of that pixel in `output`.
#[derive(Clone, Debug)]
pub struct Join {
    /// The member: values, codes or bits.
    pub input: TensorId,
    /// Its first word within a pixel's row of the output.
    pub at: usize,
    /// The concatenation.
    pub output: TensorId,
}

impl KernelFacts for Join {
    input_to_output!("join");

    fn check(&self, tensors: Tensors) -> Checked {
        let (from, to) = (tensors.get(self.input), tensors.get(self.output));
        let same = match from.repr {
            Repr::Value { .. } => matches!(to.repr, Repr::Value { .. }),
            Repr::Codes { .. } | Repr::Bits { .. } => matches!(to.repr, Repr::Rows { .. }),
            _ => false,
        };
        let size = (from.shape.h, from.shape.w) == (to.shape.h, to.shape.w);
        let fits = self.at.checked_add(from.pixel_words()).is_some_and(|end| end <= to.pixel_words());
        need(same && size && fits, "joins tensors that do not fit")
    }

    fn words_written(&self, _: TensorId, tensors: Tensors) -> Range<usize> {
        self.at..self.at + tensors.get(self.input).pixel_words()
    }

    fn details(&self) -> String {
        format!("at {}", self.at)
    }
}
