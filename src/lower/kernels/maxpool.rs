//! Maximum over windows.

use super::facts::{Checked, KernelFacts, input_to_output};
use crate::lower::tensors::{TensorId, Tensors};
use crate::tensor::Window;

/// Maximum of values over windows. Padding never wins.
#[derive(Clone, Debug)]
pub struct MaxPool {
    /// A tensor of values.
    pub input: TensorId,
    /// The window that slides over the input.
    pub window: Window,
    /// The tensor of results.
    pub output: TensorId,
}

impl KernelFacts for MaxPool {
    input_to_output!("maxpool");

    fn check(&self, tensors: Tensors) -> Checked {
        tensors.check_pool(self.input, &self.window, self.output)
    }

    fn may_take_the_next(&self) -> bool {
        true
    }

    fn window(&self) -> Option<&Window> {
        Some(&self.window)
    }
}
