//! Batch norm, addition and ReLU on values.

use super::epilogue::after_sum;
use super::facts::{Checked, KernelFacts, need};
use crate::lower::tensors::{TensorId, Tensors};

/// v = saturate(floor((x * gain + bias) / 2^shift)) per channel in 64 bits, then + residual (saturating), then ReLU.
/// Channels that the input lacks read as 0.
#[derive(Clone, Debug)]
pub struct Pointwise {
    /// A tensor of values, with at most as many channels as the output.
    pub input: TensorId,
    /// A value tensor of the output's scale with at most as many channels; missing ones are 0.
    pub residual: Option<TensorId>,
    /// Gain per channel.
    pub gains: Vec<i32>,
    /// Bias per channel.
    pub biases: Vec<i64>,
    /// Right shift per channel, 0 to 60.
    pub shifts: Vec<u32>,
    /// Whether negative results become 0.
    pub relu: bool,
    /// The tensor of results.
    pub output: TensorId,
}

impl KernelFacts for Pointwise {
    fn name(&self) -> &'static str {
        "pointwise"
    }

    fn reads(&self) -> Vec<TensorId> {
        [self.input].into_iter().chain(self.residual).collect()
    }

    fn writes(&self) -> Vec<TensorId> {
        vec![self.output]
    }

    fn check(&self, tensors: Tensors) -> Checked {
        let out = tensors.values(self.output)?;
        let lengths = [self.gains.len(), self.biases.len(), self.shifts.len()];
        need(lengths == [out.c; 3] && self.shifts.iter().all(|&s| s < 63), "its tables do not fit its channels")?;
        tensors.check_narrower(self.input, out)?;
        self.residual.map_or(Ok(()), |id| tensors.check_narrower(id, out))
    }

    fn constant_bytes(&self) -> usize {
        size_of_val(&self.gains[..]) + size_of_val(&self.biases[..]) + size_of_val(&self.shifts[..])
    }

    fn details(&self) -> String {
        after_sum(self.residual, self.relu).trim_start_matches(", ").to_owned()
    }
}
