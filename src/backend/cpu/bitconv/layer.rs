//! A bit convolution with everything that running it needs.

use super::layout::BitLayout;
use crate::backend::cpu::aligned::AlignedVec;
use crate::backend::cpu::epilogue::Finisher;
use crate::backend::cpu::gather::{Gather, Span};
use crate::backend::cpu::level::Level;
use crate::lower::{BitConv, TensorId, TensorSpec};

/// The most activation planes of a part: those of values.
pub(super) const MOST_PLANES: usize = 48;

/// A bit convolution laid out for this machine.
pub(crate) struct BitLayer {
    pub input: TensorId,
    pub gather: Gather,
    /// Activation planes of each part.
    pub planes: Vec<usize>,
    /// Weight planes, and one for the mask if there is one.
    pub stored: usize,
    pub masked: bool,
    pub channels: usize,
    /// For each block of channels and part, what it reads.
    pub spans: Vec<Span>,
    /// For each block of channels and part, the first register of its weights.
    pub starts: Vec<usize>,
    /// Registers `[block][part][pair of weight planes][tap][word][1 or 2 planes]`.
    pub weights: AlignedVec<u32>,
    /// Registers `[block]`: the bias; then for each part D_j of each plane (unless there is a mask), followed by the
    /// factor of each popcount in the order of computation.
    pub factors: AlignedVec<f64>,
    pub finisher: Finisher,
    /// Words that the patches of a tile need at most.
    pub patch_words: usize,
    /// The most activation planes of any part.
    pub most_planes: usize,
}

impl BitLayer {
    /// None if the layer's sums are not exact in doubles, or if out of memory.
    pub(crate) fn new(
        k: &BitConv,
        spec: impl Fn(TensorId) -> TensorSpec,
        output: TensorId,
        level: Level,
    ) -> Option<Self> {
        let (input, lanes) = (spec(k.input), level.lanes());
        let shape = spec(output).shape;
        let gather = Gather { window: k.window, input: input.shape, output: shape, pixel_words: input.pixel_words() };
        let layout = BitLayout { k, channels: shape.c, lanes };
        if !(0..shape.c).all(|c| layout.is_exact(c)) || k.parts.iter().any(|p| p.planes > MOST_PLANES) {
            return None;
        }
        let spans = layout.spans();
        let planes: Vec<usize> = k.parts.iter().map(|p| p.planes).collect();
        let (starts, registers) = layout.starts(&spans);
        Some(BitLayer {
            input: k.input,
            patch_words: spans.iter().map(|&s| gather.buffer_words(s)).max()?,
            most_planes: *planes.iter().max()?,
            planes,
            stored: k.stored_planes(),
            masked: k.mask.is_some(),
            channels: shape.c,
            weights: layout.weights(&spans, &starts, registers)?,
            factors: layout.factors()?,
            spans,
            starts,
            finisher: Finisher::new(&k.epilogue, shape.c, |id| spec(id).planes(), lanes)?,
            gather,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lower::{Epilogue, Finish, Part, Repr};
    use crate::tensor::{Shape, Window};

    const LOW_BITS: u32 = 16;

    fn two_words(n: i64) -> [i32; 2] {
        [(n >> LOW_BITS) as i32, (n & ((1 << LOW_BITS) - 1)) as i32]
    }

    /// 32 weights of 1 with one coefficient C, so that the terms sum to at most 96 C. The mask selects 32 channels out
    /// of 64.
    fn one_word(coefficient: i64, bias: i64, masked: bool) -> BitConv {
        let finish = Finish::Value { shifts: vec![0], residual: None, relu: false, output: Some(1), codes: None };
        BitConv {
            input: 0,
            parts: vec![Part { at: 0, channels: if masked { 64 } else { 32 }, planes: 1, words: 1 }],
            window: Window::valid(1, 1),
            weights: vec![u32::MAX; if masked { 2 } else { 1 }],
            weight_planes: 1,
            mask: masked.then(|| vec![1]),
            coefficients: vec![two_words(coefficient)],
            epilogue: Epilogue { low_bits: LOW_BITS, bias: vec![two_words(bias)], finish },
        }
    }

    #[test]
    fn sums_that_doubles_cannot_hold_are_left_to_the_reference() {
        let repr = |id: TensorId| [Repr::Codes { planes: 1 }, Repr::Value { frac: 0 }][id];
        let shape = |id: TensorId| Shape { h: 1, w: 1, c: [64, 1][id] };
        let spec = |id: TensorId| TensorSpec { name: String::new(), shape: shape(id), repr: repr(id) };
        let largest = (1_i64 << 53) / 96;
        let room = (1 << 53) - 1 - 96 * largest;
        for (level, masked) in Level::all().into_iter().flat_map(|level| [(level, false), (level, true)]) {
            let is_prepared = |coefficient: i64, bias: i64| {
                BitLayer::new(&one_word(coefficient, bias, masked), spec, 1, level).is_some()
            };
            for sign in [1, -1] {
                assert!(is_prepared(sign * largest, room), "{}, masked {masked}", level.name());
                assert!(!is_prepared(sign * largest, room + 1), "{}, masked {masked}", level.name());
                assert!(!is_prepared(sign * (largest + 1), 0), "{}, masked {masked}", level.name());
            }
        }
    }
}
