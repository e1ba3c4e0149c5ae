//! What lies under the windows of a tile of output pixels, copied into rows.

use super::count::TILE;
use super::lanes::Lanes;
use crate::backend::cpu::SLACK;
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

    /// Words that rows for a tile need at most, with room for the overshoot of the last copy.
    pub fn buffer_words(&self, span: Span) -> usize {
        TILE * self.row_words(span) + SLACK
    }

    /// Fills a row `[tap][word]` for each output pixel of `tile`, one after the other, all words XORed with `flip`. Taps
    /// outside the input are 0 before that.
    #[inline(always)]
    pub fn rows<L: Lanes>(&self, lanes: L, input: &[u32], span: Span, tile: Range<usize>, flip: u32, rows: &mut [u32]) {
        let row_words = self.row_words(span);
        let (mut y, mut x) = (tile.start / self.output.w, tile.start % self.output.w);
        for t in 0..tile.len() {
            self.row(lanes, input, span, (y, x), flip, &mut rows[t * row_words..]);
            x += 1;
            if x == self.output.w {
                (y, x) = (y + 1, 0);
            }
        }
    }

    /// Later copies overwrite the overshoot of earlier ones.
    #[inline(always)]
    fn row<L: Lanes>(&self, lanes: L, input: &[u32], span: Span, (y, x): (usize, usize), flip: u32, row: &mut [u32]) {
        let [kh, kw] = self.window.kernel;
        let line_words = kw * span.words;
        let left = x * self.window.stride[1];
        let inside = left >= self.window.before[1] && left - self.window.before[1] + kw <= self.input.w;
        // Taps that lie side by side, as their words do.
        let whole = inside && self.window.dilation[1] == 1 && span.words == self.pixel_words;
        for ky in 0..kh {
            let line = &mut row[ky * line_words..];
            match self.window.source(0, y, ky, self.input.h) {
                Some(iy) if whole => {
                    let from = (iy * self.input.w + left - self.window.before[1]) * self.pixel_words;
                    copy(lanes, &input[from..], line, line_words, flip);
                }
                Some(iy) => self.line(lanes, input, span, (iy, x), flip, line),
                None => line[..line_words].fill(flip),
            }
        }
    }

    /// The taps of one line of the window, which lie in input line `iy`, one by one.
    #[inline(never)]
    fn line<L: Lanes>(&self, _: L, input: &[u32], span: Span, (iy, x): (usize, usize), flip: u32, line: &mut [u32]) {
        for (kx, tap) in line.chunks_exact_mut(span.words).take(self.window.kernel[1]).enumerate() {
            let source = self.window.source(1, x, kx, self.input.w);
            let from = source.map(|ix| (iy * self.input.w + ix) * self.pixel_words + span.first);
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
