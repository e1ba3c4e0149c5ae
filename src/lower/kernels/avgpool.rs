//! Mean over windows.

use super::facts::{Checked, KernelFacts, input_to_output, need};
use crate::lower::tensors::{TensorId, Tensors};
use crate::tensor::Window;

/// Mean of values over windows, rounded half up (see [`crate::fixed::rounded_mean`]).
#[derive(Clone, Debug)]
pub struct AvgPool {
    /// A tensor of values.
    pub input: TensorId,
    /// The window that slides over the input.
    pub window: Window,
    /// The tensor of results.
    pub output: TensorId,
}

impl KernelFacts for AvgPool {
    input_to_output!("avgpool");

    fn check(&self, tensors: Tensors) -> Checked {
        need(self.window.taps() < 1 << 16, "averages more than 65535 positions")?;
        tensors.check_pool(self.input, &self.window, self.output)
    }

    fn may_take_the_next(&self) -> bool {
        true
    }

    fn window(&self) -> Option<&Window> {
        Some(&self.window)
    }
}
