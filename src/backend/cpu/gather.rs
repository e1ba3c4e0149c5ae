//! What lies under the windows of a tile of output pixels, copied into rows.

use super::count::TILE;
use super::lanes::Lanes;
use crate::backend::arena::SLACK;
use crate::tensor::{Shape, Window};
use std::ops::Range;

/// Where a convolution reads.
#[derive(Clone, Debug)]
pub struct Gather {
    pub window: Window,
    pub input: Shape,
    pub output: Shape,
    /// Words of an input pixel.
    pub pixel_words: usize,
}

/// Words of every input pixel that are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub first: usize,
    pub words: usize,
}

impl Gather {
    /// Words of a row, for `span`.
    pub fn row_words(&self, span: Span) -> usize {
        self.window.taps() * span.words
    }

    /// Words from one row to the next: copies may overshoot.
    pub fn row_stride(&self, span: Span) -> usize {
        self.row_words(span) + SLACK
    }

    /// Words that the rows of a tile need.
    pub fn buffer_words(&self, span: Span) -> usize {
        TILE * self.row_stride(span)
    }

    /// Fills a row `[tap][word]` for each output pixel of `tile`, all words XORed with `flip`. Taps outside the input are 0
    /// before that.
    #[inline(always)]
    pub fn rows<L: Lanes>(&self, lanes: L, input: &[u32], span: Span, tile: Range<usize>, flip: u32, rows: &mut [u32]) {
        let mut start = tile.start;
        while start < tile.end {
            // Output pixels of one line.
            let (y, x) = (start / self.output.w, start % self.output.w);
            let end = tile.end.min(start + self.output.w - x);
            let rows = &mut rows[(start - tile.start) * self.row_stride(span)..];
            self.line(lanes, input, span, y, x..x + end - start, flip, rows);
            start = end;
        }
    }

    /// Output pixels `xs` of line `y`, one line of the window after the other: a copy's overshoot is overwritten by the next
    /// line's, or lies between rows.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn line<L: Lanes>(
        &self,
        lanes: L,
        input: &[u32],
        span: Span,
        y: usize,
        xs: Range<usize>,
        flip: u32,
        rows: &mut [u32],
    ) {
        let [kh, kw] = self.window.kernel;
        let (line_words, stride) = (kw * span.words, self.row_stride(span));
        let step = self.window.stride[1];
        // Taps that lie side by side, as their words do.
        let together = self.window.dilation[1] == 1 && span.words == self.pixel_words;
        let inside = self.window.before[1]..(self.input.w + self.window.before[1] + 1).saturating_sub(kw);
        let mut whole = [None; TILE];
        for (whole, x) in whole.iter_mut().zip(xs.clone()) {
            *whole = (together && inside.contains(&(x * step))).then(|| (x * step - inside.start) * self.pixel_words);
        }
        for ky in 0..kh {
            let Some(iy) = self.window.source(0, y, ky, self.input.h) else {
                (0..xs.len()).for_each(|t| rows[t * stride + ky * line_words..][..line_words].fill(flip));
                continue;
            };
            let input = &input[iy * self.input.w * self.pixel_words..];
            for ((whole, x), row) in whole.iter().zip(xs.clone()).zip(rows.chunks_exact_mut(stride)) {
                let to = &mut row[ky * line_words..];
                match whole {
                    Some(from) => copy(lanes, &input[*from..], to, line_words, flip),
                    None => self.taps(input, span, x, flip, &mut to[..line_words]),
                }
            }
        }
    }

    /// The taps of one line of the window, which lie in the first line of `input`, one by one.
    #[inline(never)]
    fn taps(&self, input: &[u32], span: Span, x: usize, flip: u32, line: &mut [u32]) {
        for (kx, tap) in line.chunks_exact_mut(span.words).enumerate() {
            let source = self.window.source(1, x, kx, self.input.w);
            let from = source.map(|ix| ix * self.pixel_words + span.first);
            match from {
                Some(from) => {
                    let words = input[from..].iter().zip(tap);
                    words.for_each(|(from, to)| *to = from ^ flip);
                }
                None => tap.fill(flip),
            }
        }
    }
}

/// Copies `words` words by whole registers, so up to LANES - 1 more.
#[inline(always)]
fn copy<L: Lanes>(lanes: L, from: &[u32], to: &mut [u32], words: usize, flip: u32) {
    let flip = lanes.splat(flip as i32);
    let mut at = 0;
    while at < words {
        let register = lanes.load(L::words(&from[at..]));
        lanes.store(lanes.xor(register, flip), L::words_mut(&mut to[at..]));
        at += L::LANES;
    }
}
