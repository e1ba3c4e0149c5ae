//! A bit convolution over a tile of pixels.

use super::{MOST_PLANES, Prepared};
use crate::backend::cpu::SLACK;
use crate::backend::simd::codes::CodeBits;
use crate::backend::simd::count::{TILE, count};
use crate::backend::simd::epilogue::Targets;
use crate::backend::simd::gather::Span;
use crate::backend::simd::lanes::{Lanes, MOST_LANES};
use crate::backend::simd::tiles::TileWork;
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
                for j in 0..planes {
                    let factor = lanes.load_reals(&factors[j]);
                    for t in 0..TILE {
                        let ones = lanes.splat_real(self.ones[j * TILE + t]);
                        sums[t] = lanes.multiply_add(factor, ones, sums[t]);
                    }
                }
                factors = &factors[planes..];
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
        for (t, row) in conv.gather.split(span, self.whole).take(self.pixels.len()).enumerate() {
            if !conv.masked {
                match planes {
                    1 => ones_of::<L, 1>(lanes, row, &mut self.ones[t..]),
                    2 => ones_of::<L, 2>(lanes, row, &mut self.ones[t..]),
                    _ => ones(row, planes, &mut self.ones[t..]),
                }
            }
            if planes > 2 {
                split_pairs(row, planes, self.pixels.len(), t, self.pairs);
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

/// Ones of each of one or two planes of a row, to every [`TILE`]th of `out`.
#[inline(always)]
fn ones_of<L: Lanes, const A: usize>(lanes: L, row: &[u32], out: &mut [f64]) {
    let (mut sums, mut at) = ([lanes.zero(); 2], 0);
    while at + L::LANES <= row.len() {
        sums[at / L::LANES % 2] = lanes.count(sums[at / L::LANES % 2], lanes.load(L::words(&row[at..])));
        at += L::LANES;
    }
    let mut lane = [[0; MOST_LANES]; 2];
    for (sums, lane) in sums.into_iter().zip(&mut lane) {
        lanes.store(lanes.counted(sums), L::words_mut(lane));
    }
    let mut totals = [0; A];
    for (k, sum) in lane[0][..L::LANES].iter().zip(&lane[1]).map(|(a, b)| a + b).enumerate() {
        totals[k % A] += sum;
    }
    for (k, word) in row[at..].iter().enumerate() {
        totals[k % A] += word.count_ones();
    }
    for (j, total) in totals.into_iter().enumerate() {
        out[j * TILE] = f64::from(total);
    }
}

/// The same for any number of planes.
#[inline(always)]
fn ones(row: &[u32], planes: usize, out: &mut [f64]) {
    for j in 0..planes {
        let ones = row[j..].iter().step_by(planes).map(|word| word.count_ones()).sum::<u32>();
        out[j * TILE] = f64::from(ones);
    }
}

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
