//! Bit convolutions, a tile of pixels by a register of output channels at a time.
//!
//! T = sum C_ij N_ij with N_ij = 2 popcount(B_i & A_j) - popcount(A_j) is summed in doubles here:
//!
//! ```text
//! T = bias + sum_ij (2 C_ij) popcount(B_i & A_j) - sum_j D_j popcount(A_j),   D_j = sum_i C_ij,
//! ```
//!
//! where a convolution in groups has popcount(M & A_j) for popcount(A_j), M its mask: one more weight plane. All terms are
//! integers, and preparing checks that the sum of their magnitudes stays below 2^53, so that every partial sum is exact in
//! any order. Layers that do not fit are left to the reference; lowering makes none, since it keeps T
//! below 2^47.

mod layout;
mod tile;

use super::aligned::Aligned;
use super::epilogue::Finisher;
use super::gather::{Gather, Span};
use super::level::Level;
use super::tiles::Tiles;
use crate::backend::arena::{Arena, Output};
use crate::lower::{BitConv, TensorId, TensorSpec};
use layout::Layout;
use tile::Run;

/// Most activation planes of a part; those of values.
const MOST_PLANES: usize = 48;

/// A bit convolution in this machine's layout.
pub struct Prepared {
    input: TensorId,
    gather: Gather,
    planes: Vec<usize>,
    stored: usize,
    masked: bool,
    channels: usize,
    /// For each block of channels and part: what it reads, and the first register of its weights.
    spans: Vec<Span>,
    starts: Vec<usize>,
    /// Registers `[block][part][pair of weight planes][tap][word][1 or 2 planes]`.
    weights: Aligned<u32>,
    /// Registers `[block]`: bias, then `[part]`: D_j of each plane (not with a mask), then the factor of each popcount in the
    /// order in which they are computed.
    factors: Aligned<f64>,
    finisher: Finisher,
    /// Room for the gathered rows of a tile.
    row_words: usize,
    most_planes: usize,
}

impl Prepared {
    /// None if the layer's sums are not exact in doubles, or there is no memory.
    pub fn new(k: &BitConv, spec: impl Fn(TensorId) -> TensorSpec, output: TensorId, level: Level) -> Option<Self> {
        let (input, lanes) = (spec(k.input), level.lanes());
        let shape = spec(output).shape;
        let gather = Gather { window: k.window, input: input.shape, output: shape, pixel_words: input.pixel_words() };
        let layout = Layout { k, channels: shape.c, lanes };
        if !(0..shape.c).all(|c| layout.is_exact(c)) || k.parts.iter().any(|p| p.planes > MOST_PLANES) {
            return None;
        }
        let spans = layout.spans();
        let planes: Vec<usize> = k.parts.iter().map(|p| p.planes).collect();
        let (starts, registers) = layout.starts(&spans);
        Some(Prepared {
            input: k.input,
            row_words: spans.iter().map(|&s| gather.buffer_words(s)).max()?,
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

    pub fn run(&self, level: Level, arena: &Arena, outputs: &mut [Output], tiles: &Tiles) {
        let work = Run { conv: self, input: arena.slack(self.input), targets: self.finisher.targets(arena, outputs) };
        let pairs = if self.most_planes > 2 { self.row_words } else { 0 };
        let buffer = self.row_words + pairs + self.finisher.bits_words();
        tiles.run(level, &work, self.gather.output.pixels(), self.channels, buffer);
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

    /// 32 weights of 1 with a coefficient of C: their terms are up to 96 C. The mask is of 32 channels out of 64.
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
                Prepared::new(&one_word(coefficient, bias, masked), spec, 1, level).is_some()
            };
            for sign in [1, -1] {
                assert!(is_prepared(sign * largest, room), "{}, masked {masked}", level.name());
                assert!(!is_prepared(sign * largest, room + 1), "{}, masked {masked}", level.name());
                assert!(!is_prepared(sign * (largest + 1), 0), "{}, masked {masked}", level.name());
            }
        }
    }
}
