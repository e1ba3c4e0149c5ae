//! Checks that several kernels share.

use super::facts::{Checked, need};
use crate::fixed::VALUE_LIMBS;
use crate::lower::tensors::{Repr, TensorId, Tensors};
use crate::quant::MAX_BITS;
use crate::tensor::{Shape, Window};

/// Most planes of codes: their bits, and one more for codes of +-1.
pub(super) const MAX_CODE_PLANES: usize = MAX_BITS + 1;
/// The error for weights of the wrong length.
pub(super) const WEIGHTS: &str = "has too few or too many weights";

impl Tensors<'_> {
    /// Checks that `window` slides over `input` to give `out`.
    pub(super) fn check_window(self, window: &Window, input: Shape, out: Shape) -> Checked {
        need(window.output([input.h, input.w])? == [out.h, out.w], "its window does not give its output")
    }

    /// The shape of a tensor that must hold values.
    pub(super) fn values(self, id: TensorId) -> Result<Shape, String> {
        let spec = self.get(id);
        need(matches!(spec.repr, Repr::Value { .. }), "needs values").map(|()| spec.shape)
    }

    /// Checks that `id` holds values at the positions of `out`, in at most as many channels.
    pub(super) fn check_narrower(self, id: TensorId, out: Shape) -> Checked {
        let shape = self.values(id)?;
        need((shape.h, shape.w) == (out.h, out.w) && shape.c <= out.c, "combines tensors that do not fit")
    }

    /// Checks a pooling from `input` to `output`.
    pub(super) fn check_pool(self, input: TensorId, window: &Window, output: TensorId) -> Checked {
        let (from, to) = (self.values(input)?, self.values(output)?);
        need(from.c == to.c, "changes the number of channels")?;
        self.check_window(window, from, to)
    }

    /// Checks the input and the window of a limb convolution, and returns how many limbs the input has.
    pub(super) fn check_limbs(self, input: TensorId, window: &Window, out: Shape) -> Result<usize, String> {
        let spec = self.get(input);
        let Repr::Limbs { limbs: limbs @ (1 | VALUE_LIMBS), .. } = spec.repr else {
            return Err("its input is no tensor of one or four limbs".into());
        };
        self.check_window(window, spec.shape, out)?;
        Ok(limbs)
    }

    /// Limbs of a tensor; 0 if it has none.
    pub(super) fn limbs(self, id: TensorId) -> usize {
        if let Repr::Limbs { limbs, .. } = self.get(id).repr { limbs } else { 0 }
    }

    /// Checks a quantizer to tensor `output` of shape `out`, with `thresholds` thresholds in all.
    pub(super) fn check_codes(
        self,
        codes_of_ranks: &[u16],
        thresholds: usize,
        output: TensorId,
        out: Shape,
    ) -> Checked {
        let spec = self.get(output);
        let Repr::Codes { planes: planes @ 1..=MAX_CODE_PLANES } = spec.repr else {
            return Err("needs 1 to 8 bits".into());
        };
        let levels = codes_of_ranks.len();
        let bits = (1..=MAX_BITS).find(|b| 1 << b == levels).ok_or("its levels are no power of two")?;
        let legal = planes >= bits && codes_of_ranks.iter().all(|&code| u32::from(code) < 1 << planes);
        need(spec.shape == out && legal, "its codes have the wrong form")?;
        need(thresholds == out.c * (levels - 1), "has too few or too many thresholds")
    }
}
