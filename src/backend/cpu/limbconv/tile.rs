//! A limb convolution for one tile of pixels.

use super::layer::{Combiner, LimbLayer};
use super::pixels;
use crate::backend::arena::SLACK;
use crate::backend::cpu::cells::Cells;
use crate::backend::cpu::codes::CodeBits;
use crate::backend::cpu::count::TILE;
use crate::backend::cpu::epilogue::Targets;
use crate::backend::cpu::gather::Span;
use crate::backend::cpu::lanes::{Lanes, MOST_LANES};
use crate::backend::cpu::tiles::TileWork;
use crate::fixed::{VALUE_LIMBS, WEIGHT_LIMBS};
use crate::quant::WORD_BITS;
use std::ops::Range;

/// The most sums D_d.
const MAX_DIAGONALS: usize = VALUE_LIMBS + WEIGHT_LIMBS - 1;

/// 256^d.
const POWERS: [f64; MAX_DIAGONALS] = {
    let mut powers = [1.0; MAX_DIAGONALS];
    let mut d = 1;
    while d < MAX_DIAGONALS {
        powers[d] = 256.0 * powers[d - 1];
        d += 1;
    }
    powers
};

/// A convolution with its tensors.
pub(super) struct LimbWork<'a> {
    /// The convolution.
    pub conv: &'a LimbLayer,
    /// Its input.
    pub input: &'a [u32],
    /// What becomes of the sums.
    pub end: Ends<'a>,
}

/// What becomes of the sums D_d, with the tensors for that.
pub(super) enum Ends<'a> {
    /// They are combined and finished.
    Combined(&'a Combiner, Targets<'a>),
    /// They are stored.
    Sums(Cells<'a>),
}

/// `D` sums D_d for a tile.
type Sums<L, const D: usize> = [[<L as Lanes>::Int; TILE]; D];

impl TileWork for LimbWork<'_> {
    #[inline(always)]
    fn tile<L: Lanes>(&self, lanes: L, pixels: Range<usize>, groups: Range<usize>, buffer: &mut [u32]) {
        match self.conv.limbs {
            1 => self.limbs::<L, 1, WEIGHT_LIMBS>(lanes, pixels, groups, buffer),
            _ => self.limbs::<L, VALUE_LIMBS, MAX_DIAGONALS>(lanes, pixels, groups, buffer),
        }
    }
}

impl LimbWork<'_> {
    /// Computes inputs of `P` limbs; their products lie on `D` = P + WEIGHT_LIMBS - 1 diagonals.
    #[inline(always)]
    fn limbs<L: Lanes, const P: usize, const D: usize>(
        &self,
        lanes: L,
        pixels: Range<usize>,
        groups: Range<usize>,
        buffer: &mut [u32],
    ) {
        let per_group = WORD_BITS / L::LANES;
        let blocks = self.conv.channels.div_ceil(L::LANES);
        let mut held = None;
        let (buffer, bits) = buffer.split_at_mut(self.conv.patch_words);
        let mut bits = CodeBits::new(bits);
        let mut cases = [0; TILE];
        if let Some(inside) = &self.conv.inside {
            cases.iter_mut().zip(pixels.clone()).for_each(|(case, pixel)| *case = inside.case(pixel));
        }
        for group in groups {
            for block in group * per_group..blocks.min((group + 1) * per_group) {
                let span = self.conv.spans[block];
                if held != Some(span) {
                    self.gather(lanes, span, pixels.clone(), buffer);
                    held = Some(span);
                }
                let sums = self.conv.block::<L, P, D>(lanes, block, blocks, &cases[..pixels.len()], buffer);
                match &self.end {
                    Ends::Combined(combiner, targets) => {
                        let totals = combiner.totals(lanes, block, &sums);
                        combiner.finisher.block(lanes, targets, block, pixels.clone(), &totals, &mut bits);
                    }
                    Ends::Sums(cells) => self.conv.store(lanes, *cells, block, pixels.clone(), &sums),
                }
            }
            if let Ends::Combined(combiner, targets) = &self.end {
                combiner.finisher.group(targets, group, pixels.clone(), &bits);
            }
        }
    }

    /// Copies the input under the windows of a tile.
    #[inline(always)]
    fn gather<L: Lanes>(&self, lanes: L, span: Span, tile: Range<usize>, buffer: &mut [u32]) {
        let gather = &self.conv.gather;
        match self.conv.inside {
            Some(_) => pixels::fill(lanes, gather, self.input, tile, L::DOT_FLIP, buffer),
            None => gather.fill(lanes, self.input, span, tile, L::DOT_FLIP, buffer),
        }
    }
}

impl Combiner {
    /// T for a tile: the carry of the dropped digits, the bias, and D_d 256^(d - drop) of the others.
    #[inline(always)]
    fn totals<L: Lanes, const D: usize>(&self, lanes: L, block: usize, sums: &Sums<L, D>) -> [L::Double; TILE] {
        let biases: &[L::Reals] = bytemuck::cast_slice(self.biases.as_slice());
        let mut totals = [lanes.load_reals(&biases[block]); TILE];
        let mut carries = [lanes.zero(); TILE];
        for d in 0..D {
            for t in 0..TILE {
                if d < self.dropped {
                    carries[t] = lanes.shift_right::<8>(lanes.add(carries[t], sums[d][t]));
                } else {
                    let power = lanes.splat_real(POWERS[d - self.dropped]);
                    totals[t] = lanes.multiply_add(power, lanes.real(sums[d][t]), totals[t]);
                }
            }
        }
        if self.dropped > 0 {
            let one = lanes.splat_real(1.0);
            for t in 0..TILE {
                // Digits above the last diagonal.
                for _ in D..self.dropped {
                    carries[t] = lanes.shift_right::<8>(carries[t]);
                }
                totals[t] = lanes.multiply_add(one, lanes.real(carries[t]), totals[t]);
            }
        }
        totals
    }
}

impl LimbLayer {
    /// The sums of a block of channels for a tile, which has a pixel for each of `cases`.
    #[inline(always)]
    fn block<L: Lanes, const P: usize, const D: usize>(
        &self,
        lanes: L,
        block: usize,
        blocks: usize,
        cases: &[usize],
        buffer: &[u32],
    ) -> Sums<L, D> {
        let words = match self.inside {
            Some(_) => pixels::patch_words(self.gather.window.taps()),
            None => self.gather.patch_words(self.spans[block]),
        };
        let mut patches: [&[u32]; TILE] = [&[]; TILE];
        for (patch, all) in patches.iter_mut().zip(buffer.chunks_exact(words + SLACK).take(cases.len())) {
            *patch = &all[..words];
        }
        let weights: &[L::Words] = bytemuck::cast_slice(self.weights.as_slice());
        let weights = &weights[self.starts[block]..self.starts[block + 1]];
        let offsets: &[L::Words] = bytemuck::cast_slice(self.offsets.as_slice());
        let mut sums = [[lanes.zero(); TILE]; D];
        for (t, case) in cases.iter().enumerate() {
            for d in 0..D {
                sums[d][t] = lanes.load(&offsets[(case * blocks + block) * D + d]);
            }
        }
        products::<L, P, D>(lanes, weights, &patches[..cases.len()], &mut sums);
        sums
    }

    /// Stores the sums as the result.
    #[inline(always)]
    fn store<L: Lanes, const D: usize>(
        &self,
        lanes: L,
        cells: Cells,
        block: usize,
        pixels: Range<usize>,
        sums: &Sums<L, D>,
    ) {
        let first = block * L::LANES;
        let count = L::LANES.min(self.channels - first);
        for (t, pixel) in pixels.enumerate() {
            let start = (pixel * self.channels + first) * D;
            // SAFETY: only one thread computes this block of channels of this pixel.
            let out = unsafe { cells.words(start..start + count * D) };
            for (d, sums) in sums.iter().enumerate() {
                let mut lane = [0; MOST_LANES];
                lanes.store(sums[t], L::words_mut(&mut lane));
                out.iter_mut().skip(d).step_by(D).zip(lane).for_each(|(out, sum)| *out = sum);
            }
        }
    }
}

/// Adds the products of the input's `P` limbs and the weights' limbs, for as many pixels at a time as registers hold.
#[inline(always)]
fn products<L: Lanes, const P: usize, const D: usize>(
    lanes: L,
    weights: &[L::Words],
    patches: &[&[u32]],
    sums: &mut Sums<L, D>,
) {
    let mut at = 0;
    while at < patches.len() {
        let fits = |pixels: usize| D * pixels <= L::SUMS;
        at += match patches.len() - at {
            7.. if fits(7) => tile::<L, P, D, 7>(lanes, weights, patches, at, sums),
            4.. if fits(4) => tile::<L, P, D, 4>(lanes, weights, patches, at, sums),
            3.. if fits(3) => tile::<L, P, D, 3>(lanes, weights, patches, at, sums),
            2.. if fits(2) => tile::<L, P, D, 2>(lanes, weights, patches, at, sums),
            _ => tile::<L, P, D, 1>(lanes, weights, patches, at, sums),
        };
    }
}

/// Computes `T` pixels starting at `at`; the caller makes sure there are that many. Returns `T`.
#[inline(always)]
fn tile<L: Lanes, const P: usize, const D: usize, const T: usize>(
    lanes: L,
    weights: &[L::Words],
    patches: &[&[u32]],
    at: usize,
    out: &mut Sums<L, D>,
) -> usize {
    let weights = weights.as_chunks::<WEIGHT_LIMBS>().0;
    let words = weights.len();
    let mut tile: [&[[u32; P]]; T] = [&[]; T];
    for t in 0..T {
        tile[t] = &patches[at + t].as_chunks::<P>().0[..words];
    }
    let mut sums = [[lanes.zero(); T]; D];
    for d in 0..D {
        for t in 0..T {
            sums[d][t] = out[d][at + t];
        }
    }
    for k in 0..words {
        let mut limbs = [lanes.zero(); WEIGHT_LIMBS];
        for q in 0..WEIGHT_LIMBS {
            limbs[q] = lanes.load(&weights[k][q]);
        }
        for t in 0..T {
            for p in 0..P {
                let x = lanes.splat(tile[t][k][p] as i32);
                for q in 0..WEIGHT_LIMBS {
                    sums[p + q][t] = lanes.dot(sums[p + q][t], x, limbs[q]);
                }
            }
        }
    }
    for d in 0..D {
        if let Some(out) = out[d][at..].first_chunk_mut::<T>() {
            *out = sums[d];
        }
    }
    T
}
