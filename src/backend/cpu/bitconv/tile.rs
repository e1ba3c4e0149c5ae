//! A bit convolution for one tile of pixels.

use super::layer::{BitLayer, MOST_PLANES};
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
pub(super) struct BitWork<'a> {
    /// The convolution.
    pub conv: &'a BitLayer,
    /// Its input.
    pub input: &'a [u32],
    /// What its epilogue reads and writes.
    pub targets: Targets<'a>,
}

impl TileWork for BitWork<'_> {
    #[inline(always)]
    fn tile<L: Lanes>(&self, lanes: L, pixels: Range<usize>, groups: Range<usize>, buffer: &mut [u32]) {
        let conv = self.conv;
        let (buffer, bits) = buffer.split_at_mut(buffer.len() - conv.finisher.bits_words());
        let per_group = WORD_BITS / L::LANES;
        let blocks = conv.channels.div_ceil(L::LANES);
        let mut patches = Patches::new(conv, pixels.clone(), buffer);
        let factors: &[L::Reals] = bytemuck::cast_slice(conv.factors.as_slice());
        let per_block = factors.len() / blocks;
        let mut bits = CodeBits::new(bits);
        for group in groups {
            for block in group * per_group..blocks.min((group + 1) * per_group) {
                let own = &factors[block * per_block..][..per_block];
                let sums = patches.block(lanes, conv, self.input, block, own);
                conv.finisher.block(lanes, &self.targets, block, pixels.clone(), &sums, &mut bits);
            }
            conv.finisher.group(&self.targets, group, pixels.clone(), &bits);
        }
    }
}

/// The constants of a block of output channels for a part of the input.
struct PartConstants<'a, L: Lanes> {
    /// The part's weights: one or two weight planes at a time, as [`BitLayer::weights`] orders them.
    weights: &'a [L::Words],
    /// One factor for each weight plane and activation plane, in order of use, then those of later parts.
    factors: &'a [L::Reals],
    /// Words of one plane in a patch, over all taps of the window.
    words: usize,
    /// Weight planes, and one for the mask if there is one.
    stored: usize,
    /// Activation planes.
    planes: usize,
}

/// The input under the windows of a tile.
struct Patches<'b> {
    pixels: Range<usize>,
    /// Which part, and which span of it, the buffers hold.
    held: Option<(usize, Span)>,
    /// `[pixel][tap][word][plane]`.
    whole: &'b mut [u32],
    /// The same in pairs of planes, if there are more than two: `[pair][pixel][tap][word][1 or 2 planes]`.
    pairs: &'b mut [u32],
    /// popcount(A_j), `[plane][pixel]`.
    ones: [f64; TILE * MOST_PLANES],
}

impl<'b> Patches<'b> {
    #[inline(always)]
    fn new(conv: &BitLayer, pixels: Range<usize>, buffer: &'b mut [u32]) -> Self {
        let (whole, pairs) = buffer.split_at_mut(conv.patch_words);
        Patches { pixels, held: None, whole, pairs, ones: [0.0; TILE * MOST_PLANES] }
    }

    /// The accumulators T of a block of output channels, for each pixel of the tile.
    #[inline(always)]
    fn block<L: Lanes>(
        &mut self,
        lanes: L,
        conv: &BitLayer,
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
            let words = conv.gather.patch_words(span) / planes;
            let own = PartConstants {
                weights: &weights[start..][..words * conv.stored],
                factors,
                words,
                stored: conv.stored,
                planes,
            };
            factors = self.add_products(lanes, own, &mut sums);
        }
        sums
    }

    /// Fills `whole`, `ones` (unless there is a mask) and `pairs` (if there are more than two planes).
    #[inline(always)]
    fn gather<L: Lanes>(&mut self, lanes: L, conv: &BitLayer, input: &[u32], span: Span, planes: usize) {
        conv.gather.fill(lanes, input, span, self.pixels.clone(), 0, self.whole);
        let patch_words = conv.gather.patch_words(span);
        let patches = self.whole.chunks_exact(conv.gather.patch_stride(span)).take(self.pixels.len());
        for (t, patch) in patches.enumerate() {
            if !conv.masked {
                ones(lanes, patch, patch_words, planes, &mut self.ones[t..]);
            }
            if planes > 2 {
                split_pairs(&patch[..patch_words], planes, self.pixels.len(), t, self.pairs);
            }
        }
    }

    /// Adds, for each weight plane and activation plane, the popcount times its factor to `sums`. Returns the factors
    /// of the parts that follow.
    #[inline(always)]
    fn add_products<'f, L: Lanes>(
        &self,
        lanes: L,
        own: PartConstants<'f, L>,
        sums: &mut [L::Double; TILE],
    ) -> &'f [L::Reals] {
        let PartConstants { mut weights, mut factors, words, stored, planes } = own;
        let pixels = self.pixels.len();
        for i in (0..stored).step_by(2) {
            let width = 2.min(stored - i);
            let (own, rest) = weights.split_at(words * width);
            weights = rest;
            let mut before = 0;
            for j in (0..planes).step_by(2) {
                let depth = 2.min(planes - j);
                let patch_words = words * depth;
                let (all, stride) = match planes {
                    ..=2 => (&*self.whole, patch_words + SLACK),
                    _ => (&self.pairs[before..], patch_words),
                };
                before += patch_words * pixels;
                let mut patches: [&[u32]; TILE] = [&[]; TILE];
                for (patch, words) in patches.iter_mut().zip(all.chunks_exact(stride).take(pixels)) {
                    *patch = &words[..patch_words];
                }
                let patches = &patches[..pixels];
                match (width, depth) {
                    (1, 1) => count::<L, 1, 1>(lanes, own, patches, factors, sums),
                    (1, _) => count::<L, 1, 2>(lanes, own, patches, factors, sums),
                    (_, 1) => count::<L, 2, 1>(lanes, own, patches, factors, sums),
                    _ => count::<L, 2, 2>(lanes, own, patches, factors, sums),
                }
                factors = &factors[width * depth..];
            }
        }
        factors
    }
}

/// Writes the number of ones of each plane of a patch to every [`TILE`]th number of `out`. The patch has `words` words.
#[inline(always)]
fn ones<L: Lanes>(lanes: L, patch: &[u32], words: usize, planes: usize, out: &mut [f64]) {
    if planes <= 2 && words.div_ceil(L::LANES) <= L::COUNTS {
        let [even, odd] = ones_of_pairs(lanes, patch, words);
        out[0] = f64::from(if planes == 1 { even + odd } else { even });
        if planes == 2 {
            out[TILE] = f64::from(odd);
        }
        return;
    }
    for j in 0..planes {
        let ones = patch[j..words].iter().step_by(planes).map(|word| word.count_ones()).sum::<u32>();
        out[j * TILE] = f64::from(ones);
    }
}

/// The number of ones in the even and in the odd words. What follows the last word in its register is masked off.
#[inline(always)]
fn ones_of_pairs<L: Lanes>(lanes: L, patch: &[u32], words: usize) -> [u32; 2] {
    let (mut sums, mut at) = (lanes.zero(), 0);
    while at + L::LANES <= words {
        sums = lanes.count(sums, lanes.load(L::words(&patch[at..])));
        at += L::LANES;
    }
    if at < words {
        let mask = lanes.load(L::words(&FIRST[MOST_LANES - (words - at)..]));
        sums = lanes.count(sums, lanes.and(mask, lanes.load(L::words(&patch[at..]))));
    }
    lanes.sum_pairs(lanes.counted(sums))
}

/// Masks: starting at MOST_LANES - n there are n words of ones, then zeros.
const FIRST: [u32; 2 * MOST_LANES] = {
    let mut words = [0; 2 * MOST_LANES];
    let mut k = 0;
    while k < MOST_LANES {
        words[k] = u32::MAX;
        k += 1;
    }
    words
};

/// Copies the patch of pixel `t` (of `pixels`) into `pairs`, where the words of each two planes are together.
fn split_pairs(patch: &[u32], planes: usize, pixels: usize, t: usize, pairs: &mut [u32]) {
    let (words, mut before) = (patch.len() / planes, 0);
    for j in (0..planes).step_by(2) {
        let depth = 2.min(planes - j);
        let out = &mut pairs[before + t * words * depth..][..words * depth];
        for (to, from) in out.chunks_exact_mut(depth).zip(patch.chunks_exact(planes)) {
            to.copy_from_slice(&from[j..j + depth]);
        }
        before += words * depth * pixels;
    }
}
