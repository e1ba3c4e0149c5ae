//! A bit convolution over a tile of pixels.

use super::{MOST_PLANES, Prepared};
use crate::backend::arena::SLACK;
use crate::backend::cpu::codes::CodeBits;
use crate::backend::cpu::count::{TILE, count};
use crate::backend::cpu::epilogue::Targets;
use crate::backend::cpu::gather::Span;
use crate::backend::cpu::lanes::{Lanes, MOST_LANES};
use crate::backend::cpu::tiles::TileWork;
use crate::quant::WORD_BITS;
use std::ops::Range;

/// A convolution with its tensors.
pub struct Run<'a> {
    pub conv: &'a Prepared,
    pub input: &'a [u32],
    pub targets: Targets<'a>,
}

impl TileWork for Run<'_> {
    #[inline(always)]
    fn tile<L: Lanes>(&self, lanes: L, pixels: Range<usize>, groups: Range<usize>, buffer: &mut [u32]) {
        let conv = self.conv;
        let (buffer, bits) = buffer.split_at_mut(buffer.len() - conv.finisher.bits_words());
        let per_group = WORD_BITS / L::LANES;
        let blocks = conv.channels.div_ceil(L::LANES);
        let mut rows = Rows::new(conv, pixels.clone(), buffer);
        let factors: &[L::Reals] = bytemuck::cast_slice(conv.factors.as_slice());
        let per_block = factors.len() / blocks;
        let mut bits = CodeBits::new(bits);
        for group in groups {
            for block in group * per_group..blocks.min((group + 1) * per_group) {
                let own = &factors[block * per_block..][..per_block];
                let sums = rows.block(lanes, conv, self.input, block, own);
                conv.finisher.block(lanes, &self.targets, block, pixels.clone(), &sums, &mut bits);
            }
            conv.finisher.group(&self.targets, group, pixels.clone(), &bits);
        }
    }
}

/// What a block of output channels has for a part of the input.
struct Own<'a, L: Lanes> {
    /// For all pairs of weight planes, and more.
    weights: &'a [L::Words],
    /// For all plane pairs, and more.
    factors: &'a [L::Reals],
    /// Words of each plane.
    words: usize,
    /// Stored weight planes.
    stored: usize,
    /// Activation planes.
    planes: usize,
}

/// What a tile of pixels sees of the input.
struct Rows<'b> {
    pixels: Range<usize>,
    /// The part and the span of it that the buffers hold.
    held: Option<(usize, Span)>,
    /// `[pixel][tap][word][plane]`.
    whole: &'b mut [u32],
    /// The same by pairs of planes, `[pair][pixel][tap][word][1 or 2 planes]`, where there are more than two.
    pairs: &'b mut [u32],
    /// popcount(A_j), `[plane][pixel]`.
    ones: [f64; TILE * MOST_PLANES],
}

impl<'b> Rows<'b> {
    #[inline(always)]
    fn new(conv: &Prepared, pixels: Range<usize>, buffer: &'b mut [u32]) -> Self {
        let (whole, pairs) = buffer.split_at_mut(conv.row_words);
        Rows { pixels, held: None, whole, pairs, ones: [0.0; TILE * MOST_PLANES] }
    }

    /// T of a block of output channels.
    #[inline(always)]
    fn block<L: Lanes>(
        &mut self,
        lanes: L,
        conv: &Prepared,
        input: &[u32],
        block: usize,
        factors: &[L::Reals],
    ) -> [L::Double; TILE] {
        let weights: &[L::Words] = bytemuck::cast_slice(conv.weights.as_slice());
        let mut sums = [lanes.load_reals(&factors[0]); TILE];
        let mut factors = &factors[1..];
        for (part, &planes) in conv.planes.iter().enumerate() {
            let index = block * conv.planes.len() + part;
            let (span, start) = (conv.spans[index], conv.starts[index]);
            if self.held != Some((part, span)) {
                self.gather(lanes, conv, input, span, planes);
                self.held = Some((part, span));
            }
            if !conv.masked {
                let (own, rest) = factors.split_at(planes);
                for t in 0..TILE {
                    for (j, factor) in own.iter().enumerate() {
                        let ones = lanes.splat_real(self.ones[j * TILE + t]);
                        sums[t] = lanes.multiply_add(lanes.load_reals(factor), ones, sums[t]);
                    }
                }
                factors = rest;
            }
            let words = conv.gather.row_words(span) / planes;
            let own =
                Own { weights: &weights[start..][..words * conv.stored], factors, words, stored: conv.stored, planes };
            factors = self.pairs(lanes, own, &mut sums);
        }
        sums
    }

    #[inline(always)]
    fn gather<L: Lanes>(&mut self, lanes: L, conv: &Prepared, input: &[u32], span: Span, planes: usize) {
        conv.gather.rows(lanes, input, span, self.pixels.clone(), 0, self.whole);
        let row_words = conv.gather.row_words(span);
        let rows = self.whole.chunks_exact(conv.gather.row_stride(span)).take(self.pixels.len());
        for (t, row) in rows.enumerate() {
            if !conv.masked {
                ones(lanes, row, row_words, planes, &mut self.ones[t..]);
            }
            if planes > 2 {
                split_pairs(&row[..row_words], planes, self.pixels.len(), t, self.pairs);
            }
        }
    }

    /// Adds the products of all pairs of planes. Returns the factors that are left.
    #[inline(always)]
    fn pairs<'f, L: Lanes>(&self, lanes: L, own: Own<'f, L>, sums: &mut [L::Double; TILE]) -> &'f [L::Reals] {
        let Own { mut weights, mut factors, words, stored, planes } = own;
        let pixels = self.pixels.len();
        for i in (0..stored).step_by(2) {
            let width = 2.min(stored - i);
            let (own, rest) = weights.split_at(words * width);
            weights = rest;
            let mut before = 0;
            for j in (0..planes).step_by(2) {
                let depth = 2.min(planes - j);
                let row_words = words * depth;
                let (all, stride) = match planes {
                    ..=2 => (&*self.whole, row_words + SLACK),
                    _ => (&self.pairs[before..], row_words),
                };
                before += row_words * pixels;
                let mut rows: [&[u32]; TILE] = [&[]; TILE];
                for (row, words) in rows.iter_mut().zip(all.chunks_exact(stride).take(pixels)) {
                    *row = &words[..row_words];
                }
                let rows = &rows[..pixels];
                match (width, depth) {
                    (1, 1) => count::<L, 1, 1>(lanes, own, rows, factors, sums),
                    (1, _) => count::<L, 1, 2>(lanes, own, rows, factors, sums),
                    (_, 1) => count::<L, 2, 1>(lanes, own, rows, factors, sums),
                    _ => count::<L, 2, 2>(lanes, own, rows, factors, sums),
                }
                factors = &factors[width * depth..];
            }
        }
        factors
    }
}

/// Ones of each plane of the first `words` words of a row, to every [`TILE`]th of `out`.
#[inline(always)]
fn ones<L: Lanes>(lanes: L, row: &[u32], words: usize, planes: usize, out: &mut [f64]) {
    if planes <= 2 && words.div_ceil(L::LANES) <= L::COUNTS {
        let [even, odd] = ones_of_pairs(lanes, row, words);
        out[0] = f64::from(if planes == 1 { even + odd } else { even });
        if planes == 2 {
            out[TILE] = f64::from(odd);
        }
        return;
    }
    for j in 0..planes {
        let ones = row[j..words].iter().step_by(planes).map(|word| word.count_ones()).sum::<u32>();
        out[j * TILE] = f64::from(ones);
    }
}

/// Ones of the even and of the odd words. What follows the last in its register is masked off.
#[inline(always)]
fn ones_of_pairs<L: Lanes>(lanes: L, row: &[u32], words: usize) -> [u32; 2] {
    let (mut sums, mut at) = (lanes.zero(), 0);
    while at + L::LANES <= words {
        sums = lanes.count(sums, lanes.load(L::words(&row[at..])));
        at += L::LANES;
    }
    if at < words {
        let mask = lanes.load(L::words(&FIRST[MOST_LANES - (words - at)..]));
        sums = lanes.count(sums, lanes.and(mask, lanes.load(L::words(&row[at..]))));
    }
    lanes.sum_pairs(lanes.counted(sums))
}

/// From MOST_LANES - n on: n ones.
const FIRST: [u32; 2 * MOST_LANES] = {
    let mut words = [0; 2 * MOST_LANES];
    let mut k = 0;
    while k < MOST_LANES {
        words[k] = u32::MAX;
        k += 1;
    }
    words
};

/// Sorts the words of pixel `t` of `pixels` by pairs of planes.
fn split_pairs(row: &[u32], planes: usize, pixels: usize, t: usize, pairs: &mut [u32]) {
    let (words, mut before) = (row.len() / planes, 0);
    for j in (0..planes).step_by(2) {
        let depth = 2.min(planes - j);
        let out = &mut pairs[before + t * words * depth..][..words * depth];
        for (to, from) in out.chunks_exact_mut(depth).zip(row.chunks_exact(planes)) {
            to.copy_from_slice(&from[j..j + depth]);
        }
        before += words * depth * pixels;
    }
}
