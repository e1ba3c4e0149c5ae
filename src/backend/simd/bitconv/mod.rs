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
//! any order. Layers that do not fit (none of those of the paper) are left to the reference.

mod layout;
mod tile;

use super::aligned::Aligned;
use super::epilogue::Finisher;
use super::gather::{Gather, Span};
use super::level::Level;
use super::tiles::Tiles;
use crate::backend::cpu::{Arena, Output};
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
