//! What a convolution does with its sums, and quantizers of values.

use super::facts::{Checked, need};
use crate::fixed::shift_range;
use crate::lower::tensors::{TensorId, Tensors};
use crate::tensor::Shape;

/// What happens to the sum T of a convolution, per output channel.
#[derive(Clone, Debug)]
pub struct Epilogue {
    /// Bits l of T's low word.
    pub low_bits: u32,
    /// Added to T: (high, low) with 0 <= low < 2^l.
    pub bias: Vec<[i32; 2]>,
    /// What is made of the sum.
    pub finish: Finish,
}

/// The result of an epilogue.
#[derive(Clone, Debug)]
pub enum Finish {
    /// Codes straight from both words of T: rank = number of thresholds below T.
    Codes {
        /// `[out, 2^bits - 1]` ascending (high, low).
        thresholds: Vec<[i32; 2]>,
        /// The code of each rank.
        codes_of_ranks: Vec<u16>,
        /// The tensor of codes.
        output: TensorId,
    },
    /// v = saturate(floor(T / 2^shift)) per channel, then + residual (saturating), then ReLU.
    Value {
        /// Right shift per channel; negative ones shift left.
        shifts: Vec<i32>,
        /// A value tensor of the same scale with at most as many channels; missing channels are 0.
        residual: Option<TensorId>,
        /// Whether negative results become 0.
        relu: bool,
        /// The tensor that v is written to, if another step reads it.
        output: Option<TensorId>,
        /// The quantizer of v that follows, and the tensor of its codes.
        codes: Option<(Ranks, TensorId)>,
    },
}

/// A quantizer on values: rank = number of thresholds strictly below sign * v.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranks {
    /// +1 or -1 per channel: the sign of the batch norm's gain before the quantizer.
    pub signs: Vec<i32>,
    /// `[channels, 2^bits - 1]`, ascending. `i32::MIN` is always below, `i32::MAX` never.
    pub thresholds: Vec<i32>,
    /// The code of each rank.
    pub codes_of_ranks: Vec<u16>,
}

impl Epilogue {
    /// What a kernel with this epilogue reads besides its input.
    pub(super) fn residual(&self) -> Option<TensorId> {
        if let Finish::Value { residual, .. } = &self.finish { *residual } else { None }
    }

    /// The tensors it writes, values first. All have one shape.
    pub(super) fn writes(&self) -> Vec<TensorId> {
        match &self.finish {
            Finish::Codes { output, .. } => vec![*output],
            Finish::Value { output, codes, .. } => output.iter().chain(codes.iter().map(|c| &c.1)).copied().collect(),
        }
    }

    /// Shape of its results.
    pub(super) fn shape(&self, tensors: Tensors) -> Result<Shape, String> {
        self.writes().first().map(|&id| tensors.get(id).shape).ok_or("has no result".into())
    }

    /// Checks it for results of shape `out`.
    pub(super) fn check(&self, tensors: Tensors, out: Shape) -> Checked {
        need(self.bias.len() == out.c, "its bias does not fit its channels")?;
        need((1..=24).contains(&self.low_bits), "its low word is too wide")?;
        match &self.finish {
            Finish::Codes { thresholds, codes_of_ranks, output } => {
                tensors.check_codes(codes_of_ranks, thresholds.len(), *output, out)
            }
            Finish::Value { shifts, residual, output, codes, .. } => {
                let range = shift_range(self.low_bits);
                let shifts = shifts.len() == out.c && shifts.iter().all(|s| range.contains(s));
                need(shifts, "its shifts do not fit its channels")?;
                residual.map_or(Ok(()), |id| tensors.check_narrower(id, out))?;
                output.map_or(Ok(()), |id| need(tensors.values(id)? == out, "its results differ in shape"))?;
                codes.as_ref().map_or(Ok(()), |(ranks, id)| {
                    need(tensors.get(*id).shape == out, "its results differ in shape")?;
                    ranks.check(tensors, *id)
                })
            }
        }
    }

    /// Bytes of its tables.
    pub(super) fn bytes(&self) -> usize {
        let finish = match &self.finish {
            Finish::Codes { thresholds, codes_of_ranks, .. } => {
                size_of_val(&thresholds[..]) + size_of_val(&codes_of_ranks[..])
            }
            Finish::Value { shifts, codes, .. } => {
                size_of_val(&shifts[..]) + codes.as_ref().map_or(0, |(ranks, _)| ranks.bytes())
            }
        };
        size_of_val(&self.bias[..]) + finish
    }

    /// Its part of a program's text.
    pub(super) fn details(&self) -> String {
        match &self.finish {
            Finish::Codes { .. } => ", codes of sums".to_owned(),
            Finish::Value { residual, relu, .. } => after_sum(*residual, *relu),
        }
    }
}

/// The text of an addition and a ReLU.
pub(super) fn after_sum(residual: Option<TensorId>, relu: bool) -> String {
    let residual = residual.map_or(String::new(), |id| format!(", + %{id}"));
    residual + if relu { ", relu" } else { "" }
}

impl Ranks {
    /// Checks them as a quantizer to tensor `output`.
    pub(super) fn check(&self, tensors: Tensors, output: TensorId) -> Checked {
        let out = tensors.get(output).shape;
        let signs = self.signs.len() == out.c && self.signs.iter().all(|s| s.abs() == 1);
        need(signs, "its signs do not fit its channels")?;
        tensors.check_codes(&self.codes_of_ranks, self.thresholds.len(), output, out)
    }

    /// Bytes of its tables.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.signs[..]) + size_of_val(&self.thresholds[..]) + size_of_val(&self.codes_of_ranks[..])
    }
}
