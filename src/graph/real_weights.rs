//! The weights of a convolution as real numbers, whichever way they are stored.

use super::{Params, Role, Tensor, Weights};
use crate::quant::{Levels, channel_basis, code_at};
use std::borrow::Cow;

/// The weights of one convolution.
#[derive(Clone, Copy, Debug)]
pub enum RealWeights<'a> {
    /// Float weights, `[out, kh, kw, in]`.
    Floats(&'a Tensor),
    /// Weights that are quantized.
    Planes {
        /// Packed codes, `[out, kh, kw, words, bits]`.
        planes: &'a Tensor,
        /// Bases, `[bits, out]`.
        basis: &'a [f32],
    },
    /// Those of a 1x1 convolution that puts its input's channels after `before` zero channels, as
    /// [`Op::PadChannels`](super::Op::PadChannels) does.
    Padding {
        /// Zero channels that come first.
        before: usize,
    },
}

impl<'a> RealWeights<'a> {
    /// The weights of `layer`, which are stored as `stored` says.
    pub fn of(params: &'a Params, layer: &str, stored: Weights) -> Result<Self, String> {
        Ok(match stored {
            Weights::Float => RealWeights::Floats(params.get(layer, Role::Weight)?),
            Weights::Planes { .. } => RealWeights::Planes {
                planes: params.get(layer, Role::Planes)?,
                basis: params.get(layer, Role::WeightBasis)?.f32(),
            },
        })
    }

    /// The weights of one output channel, `[kh, kw, in]`, where `inputs` counts the input channels of a group. For
    /// quantized weights these are the levels of the codes.
    pub fn channel(&self, output: usize, inputs: usize) -> Cow<'a, [f32]> {
        match self {
            RealWeights::Floats(all) => {
                let row = all.shape[1..].iter().product::<usize>();
                Cow::Borrowed(&all.f32()[output * row..][..row])
            }
            RealWeights::Planes { planes, basis } => {
                let &[outputs, height, width, words, bits] = planes.shape.as_slice() else { return Cow::default() };
                let level = Levels::of_weights(&channel_basis(basis, outputs, output)).by_code();
                let taps = planes.u32().chunks_exact((words * bits).max(1)).skip(output * height * width);
                let codes = taps.take(height * width).flat_map(|tap| (0..inputs).map(move |c| code_at(tap, c, bits)));
                Cow::Owned(codes.map(|code| level[usize::from(code)]).collect())
            }
            RealWeights::Padding { before } => {
                let weight = |c: usize| if before + c == output { 1.0 } else { 0.0 };
                Cow::Owned((0..inputs).map(weight).collect())
            }
        }
    }
}
