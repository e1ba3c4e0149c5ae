//! Scales, adds and clamps values.

use super::cells::Cells;
use super::lanes::Lanes;
use super::level::Level;
use super::tiles::{TileWork, Tiles};
use crate::backend::arena::{Arena, Output};
use crate::backend::reference::pointwise::value;
use crate::lower::Pointwise;
use crate::quant::WORD_BITS;
use std::ops::Range;

/// Computes `out`.
pub(super) fn run(k: &Pointwise, level: Level, arena: &Arena, out: &mut Output, tiles: &Tiles) {
    let (pixels, channels) = (out.spec.shape.pixels(), out.spec.shape.c);
    let row = |id| (arena.read(id), arena.spec(id).shape.c);
    let work =
        PointwiseWork { k, input: row(k.input), residual: k.residual.map(row), output: Cells::new(out.data), channels };
    tiles.run(level, &work, pixels, channels, 0);
}

/// A pointwise kernel with its tensors; inputs are words and channels.
struct PointwiseWork<'a> {
    k: &'a Pointwise,
    input: (&'a [u32], usize),
    residual: Option<(&'a [u32], usize)>,
    output: Cells<'a>,
    channels: usize,
}

impl TileWork for PointwiseWork<'_> {
    #[inline(always)]
    fn tile<L: Lanes>(&self, _: L, pixels: Range<usize>, groups: Range<usize>, _: &mut [u32]) {
        let channels = groups.start * WORD_BITS..self.channels.min(groups.end * WORD_BITS);
        for pixel in pixels {
            let start = pixel * self.channels;
            // SAFETY: only one thread computes this group of channels of this pixel.
            let out = unsafe { self.output.words(start + channels.start..start + channels.end) };
            let read =
                |(data, have): (&[u32], usize), c: usize| if c < have { data[pixel * have + c] as i32 } else { 0 };
            for (target, c) in out.iter_mut().zip(channels.clone()) {
                let addend = self.residual.map_or(0, |residual| read(residual, c));
                *target = value(self.k, c, read(self.input, c), addend) as u32;
            }
        }
    }
}
