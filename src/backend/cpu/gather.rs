//! Copies the input under the windows of a tile of output pixels into contiguous patches (im2col for one tile).

use super::count::TILE;
use super::lanes::Lanes;
use crate::backend::arena::SLACK;
use crate::tensor::{Shape, Window};
use std::ops::Range;

/// Where a convolution reads its input.
#[derive(Clone, Debug)]
pub(super) struct Gather {
    /// The convolution's window.
    pub window: Window,
    /// Shape of the input.
    pub input: Shape,
    /// Shape of the output.
    pub output: Shape,
    /// Words per input pixel.
    pub pixel_words: usize,
}

/// Which words of every input pixel are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Index of the first word.
    pub first: usize,
    /// How many there are.
    pub words: usize,
}

impl Gather {
    /// Words of one patch.
    pub(super) fn patch_words(&self, span: Span) -> usize {
        self.window.taps() * span.words
    }

    /// Words from one patch to the next: more than a patch has, because copies may overshoot.
    pub(super) fn patch_stride(&self, span: Span) -> usize {
        self.patch_words(span) + SLACK
    }

    /// Words that the patches of a tile need.
    pub(super) fn buffer_words(&self, span: Span) -> usize {
        TILE * self.patch_stride(span)
    }

    /// Fills `patches` with a patch `[tap][word]` for each output pixel of `tile`. Taps outside the input are 0. All
    /// words are then XORed with `flip`.
    #[inline(always)]
    pub(super) fn fill<L: Lanes>(
        &self,
        lanes: L,
        input: &[u32],
        span: Span,
        tile: Range<usize>,
        flip: u32,
        patches: &mut [u32],
    ) {
        let mut start = tile.start;
        while start < tile.end {
            // The output pixels of the tile that share a line.
            let (y, x) = (start / self.output.w, start % self.output.w);
            let end = tile.end.min(start + self.output.w - x);
            let patches = &mut patches[(start - tile.start) * self.patch_stride(span)..];
            self.line(lanes, input, span, y, x..x + end - start, flip, patches);
            start = end;
        }
    }

    /// Fills the patches of output pixels `xs` of line `y`, one line of the window after the other. What a copy
    /// overshoots is overwritten by the next line, or lies between patches.
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
        patches: &mut [u32],
    ) {
        let [kh, kw] = self.window.kernel;
        let (line_words, stride) = (kw * span.words, self.patch_stride(span));
        let step = self.window.stride[1];
        // Whether the words of neighbouring taps are neighbours in the input too, so that a line can be copied at once.
        let together = self.window.dilation[1] == 1 && span.words == self.pixel_words;
        let inside = self.window.before[1]..(self.input.w + self.window.before[1] + 1).saturating_sub(kw);
        let mut whole = [None; TILE];
        for (whole, x) in whole.iter_mut().zip(xs.clone()) {
            *whole = (together && inside.contains(&(x * step))).then(|| (x * step - inside.start) * self.pixel_words);
        }
        for ky in 0..kh {
            let Some(iy) = self.window.source(0, y, ky, self.input.h) else {
                (0..xs.len()).for_each(|t| patches[t * stride + ky * line_words..][..line_words].fill(flip));
                continue;
            };
            let input = &input[iy * self.input.w * self.pixel_words..];
            for ((whole, x), patch) in whole.iter().zip(xs.clone()).zip(patches.chunks_exact_mut(stride)) {
                let to = &mut patch[ky * line_words..];
                match whole {
                    Some(from) => copy(lanes, &input[*from..], to, line_words, flip),
                    None => self.taps(input, span, x, flip, &mut to[..line_words]),
                }
            }
        }
    }

    /// Copies one line of the window tap by tap, from the first line of `input`.
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

/// Copies `words` words in whole registers, so up to LANES - 1 words more.
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
