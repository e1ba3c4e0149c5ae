//! Pooling of values, a register of channels at a time.

use super::cells::Cells;
use super::epilogue::store_block;
use super::lanes::{Lanes, MOST_LANES};
use super::level::Level;
use super::tiles::{TileWork, Tiles};
use crate::backend::arena::{Arena, Output};
use crate::fixed::rounded_quotient;
use crate::lower::TensorId;
use crate::quant::WORD_BITS;
use crate::tensor::{Shape, Window};
use std::ops::Range;

/// Which kind of pooling to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooling {
    /// The largest value.
    Maximum,
    /// The rounded mean.
    Mean,
}

/// Pools `input` into `out`.
pub(super) fn run(
    pooling: Pooling,
    window: &Window,
    input: TensorId,
    level: Level,
    arena: &Arena,
    out: &mut Output,
    tiles: &Tiles,
) {
    let (from, to) = (arena.spec(input).shape, out.spec.shape);
    let work = PoolWork { pooling, window, input: arena.slack(input), from, to, output: Cells::new(out.data) };
    tiles.run(level, &work, to.pixels(), to.c, window.taps().min(from.pixels()));
}

/// A pooling with its tensors.
struct PoolWork<'a> {
    pooling: Pooling,
    window: &'a Window,
    input: &'a [u32],
    from: Shape,
    to: Shape,
    output: Cells<'a>,
}

impl TileWork for PoolWork<'_> {
    /// The last register of a pixel may run into the next one or past the tensor; those lanes are not stored.
    #[inline(always)]
    fn tile<L: Lanes>(&self, lanes: L, pixels: Range<usize>, groups: Range<usize>, buffer: &mut [u32]) {
        let blocks = groups.start * WORD_BITS / L::LANES..self.to.c.min(groups.end * WORD_BITS).div_ceil(L::LANES);
        for pixel in pixels {
            let taps = self.taps(pixel, buffer);
            for block in blocks.clone() {
                let pooled = match self.pooling {
                    Pooling::Maximum => self.maximum(lanes, taps, block),
                    Pooling::Mean => self.mean(lanes, taps, block),
                };
                // SAFETY: only one thread computes this group of channels of this pixel.
                unsafe { store_block(lanes, self.output, pixel, self.to.c, block, pooled) };
            }
        }
    }
}

impl PoolWork<'_> {
    /// The offsets of those pixels under the window that are inside the input, written to `buffer`.
    #[inline(always)]
    fn taps<'b>(&self, pixel: usize, buffer: &'b mut [u32]) -> &'b [u32] {
        let (y, x) = (pixel / self.to.w, pixel % self.to.w);
        let mut inside = 0;
        for ky in 0..self.window.kernel[0] {
            let Some(iy) = self.window.source(0, y, ky, self.from.h) else { continue };
            for kx in 0..self.window.kernel[1] {
                let Some(ix) = self.window.source(1, x, kx, self.from.w) else { continue };
                // A tensor has at most 2^31 elements.
                buffer[inside] = ((iy * self.from.w + ix) * self.from.c) as u32;
                inside += 1;
            }
        }
        &buffer[..inside]
    }

    /// A block of channels of the pixel at offset `tap`.
    #[inline(always)]
    fn load<L: Lanes>(&self, lanes: L, tap: u32, block: usize) -> L::Int {
        lanes.load(L::words(&self.input[tap as usize + block * L::LANES..]))
    }

    #[inline(always)]
    fn maximum<L: Lanes>(&self, lanes: L, taps: &[u32], block: usize) -> L::Int {
        let Some((&first, rest)) = taps.split_first() else { return lanes.zero() };
        let mut most = self.load(lanes, first, block);
        for &tap in rest {
            most = lanes.max(most, self.load(lanes, tap, block));
        }
        most
    }

    /// The mean, from sums in two words as in `fixed::rounded_mean`.
    #[inline(always)]
    fn mean<L: Lanes>(&self, lanes: L, taps: &[u32], block: usize) -> L::Int {
        let (mut high, mut low) = (lanes.zero(), lanes.zero());
        let half = lanes.splat(0xffff);
        for &tap in taps {
            let value = self.load(lanes, tap, block);
            high = lanes.add(high, lanes.shift_right::<16>(value));
            low = lanes.add(low, lanes.and(value, half));
        }
        let mut words = [[0; MOST_LANES]; 2];
        lanes.store(high, L::words_mut(&mut words[0]));
        lanes.store(low, L::words_mut(&mut words[1]));
        let mut means = [0; MOST_LANES];
        for (mean, (high, low)) in means.iter_mut().zip(words[0].into_iter().zip(words[1])) {
            *mean = rounded_quotient(high as i32, low, self.window.taps() as u32) as u32;
        }
        lanes.load(L::words(&means))
    }
}
