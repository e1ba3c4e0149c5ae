//! Convolutions of pictures: patches of three bytes per pixel.
//!
//! The fourth byte of a pixel's word, alpha, is [`PIXEL_ALPHA`] everywhere in the picture. Patches leave it out, which
//! saves a quarter of all products. Instead the sums start with what alpha contributes: alpha times the weights of the
//! taps inside the picture. Which taps these are depends only on the output pixel's line and column, and there are few
//! different cases ([`Inside`]).

use crate::backend::arena::SLACK;
use crate::backend::cpu::gather::Gather;
use crate::backend::cpu::lanes::Lanes;
use crate::fixed::WEIGHT_LIMBS;
use crate::lower::PIXEL_ALPHA;
use std::ops::Range;

/// Bytes per pixel in a patch.
const COLOURS: usize = 3;
/// Pixels that are copied at once.
const AT_ONCE: usize = 4;

/// With more cases than this, tables for them would cost more than they save.
const MOST_CASES: usize = 256;

/// Words of a patch of `taps` pixels; the end of the last word is undefined.
pub(super) fn patch_words(taps: usize) -> usize {
    (taps * COLOURS).div_ceil(size_of::<u32>())
}

/// Which taps of a window lie inside the picture, for every output pixel.
pub(crate) struct Inside {
    /// For each output line, and for each output column, an index into `taps`.
    cases: [Vec<usize>; 2],
    /// The different sets of taps that are inside along each dimension.
    taps: [Vec<Vec<usize>>; 2],
}

impl Inside {
    /// Finds them for all output pixels.
    pub(crate) fn new(gather: &Gather) -> Self {
        let sizes = [(gather.output.h, gather.input.h), (gather.output.w, gather.input.w)];
        let mut inside = Inside { cases: Default::default(), taps: Default::default() };
        for (d, (outputs, inputs)) in sizes.into_iter().enumerate() {
            for out in 0..outputs {
                let is_inside = |&tap: &usize| gather.window.source(d, out, tap, inputs).is_some();
                let taps: Vec<usize> = (0..gather.window.kernel[d]).filter(is_inside).collect();
                let known = &mut inside.taps[d];
                let case = known.iter().position(|k| *k == taps).unwrap_or(known.len());
                if case == known.len() {
                    known.push(taps);
                }
                inside.cases[d].push(case);
            }
        }
        inside
    }

    /// Whether there are few cases, as for windows that slide over a whole picture.
    pub(crate) fn is_small(&self) -> bool {
        self.taps[0].len() * self.taps[1].len() <= MOST_CASES
    }

    /// The case of an output pixel.
    #[inline(always)]
    pub(crate) fn case(&self, pixel: usize) -> usize {
        let [lines, columns] = &self.cases;
        lines[pixel / columns.len()] * self.taps[1].len() + columns[pixel % columns.len()]
    }

    /// For each case, the taps that are inside, line by line; a line of the window has `width` taps.
    pub(crate) fn taps(&self, width: usize) -> impl Iterator<Item = Vec<usize>> {
        let [lines, columns] = &self.taps;
        let both = lines.iter().flat_map(move |ys| columns.iter().map(move |xs| (ys, xs)));
        both.map(move |(ys, xs)| ys.iter().flat_map(|y| xs.iter().map(move |x| y * width + x)).collect())
    }
}

/// What alpha adds to the sums of an output channel over these taps; its weights are `[tap][WEIGHT_LIMBS]`.
pub(super) fn alpha_sums(weights: &[u32], taps: &[usize]) -> [i32; WEIGHT_LIMBS] {
    let mut sums = [0; WEIGHT_LIMBS];
    for &tap in taps {
        for (sum, limbs) in sums.iter_mut().zip(&weights[tap * WEIGHT_LIMBS..]) {
            *sum += i32::from(PIXEL_ALPHA) * i32::from(limbs.to_le_bytes()[COLOURS] as i8);
        }
    }
    sums
}

/// The weights of an output channel, `[tap][WEIGHT_LIMBS]`, without those of alpha: `[word of a patch][WEIGHT_LIMBS]`.
pub(super) fn without_alpha(weights: &[u32]) -> Vec<u32> {
    let taps = weights.len() / WEIGHT_LIMBS;
    let mut out = vec![0; patch_words(taps) * WEIGHT_LIMBS];
    for (tap, limbs) in weights.chunks_exact(WEIGHT_LIMBS).enumerate() {
        for (q, word) in limbs.iter().enumerate() {
            for (colour, byte) in word.to_le_bytes().into_iter().take(COLOURS).enumerate() {
                let (word, at) = ((tap * COLOURS + colour) / 4, (tap * COLOURS + colour) % 4);
                out[word * WEIGHT_LIMBS + q] |= u32::from(byte) << (8 * at);
            }
        }
    }
    out
}

/// Fills a patch for each output pixel of `tile`. Taps outside the input are 0. All bytes are then XORed with a byte of
/// `flip`.
#[inline(always)]
pub(super) fn fill<L: Lanes>(
    lanes: L,
    gather: &Gather,
    input: &[u32],
    tile: Range<usize>,
    flip: u32,
    patches: &mut [u32],
) {
    let [kh, kw] = gather.window.kernel;
    let stride = patch_words(gather.window.taps()) + SLACK;
    for (pixel, patch) in tile.zip(patches.chunks_exact_mut(stride)) {
        let (y, x) = (pixel / gather.output.w, pixel % gather.output.w);
        let patch: &mut [u8] = bytemuck::cast_slice_mut(patch);
        let whole = whole_line(gather, x);
        for ky in 0..kh {
            // What a line overshoots is overwritten by the next one, or lies between patches.
            let to = &mut patch[ky * kw * COLOURS..];
            let line = gather.window.source(0, y, ky, gather.input.h).map(|iy| &input[iy * gather.input.w..]);
            match (line, whole) {
                (Some(line), Some(from)) => copy(lanes, &line[from..], to, kw, flip),
                (line, _) => taps(gather, line, x, flip, &mut to[..kw * COLOURS]),
            }
        }
    }
}

/// Where the window's lines start, if all their taps are adjacent and inside the picture.
#[inline(always)]
fn whole_line(gather: &Gather, x: usize) -> Option<usize> {
    let window = &gather.window;
    let from = (x * window.stride[1]).checked_sub(window.before[1])?;
    (window.dilation[1] == 1 && from + window.kernel[1] <= gather.input.w).then_some(from)
}

/// Copies the colours of `pixels` pixels. Overshoots by up to [`AT_ONCE`] pixels and four bytes.
#[inline(always)]
fn copy<L: Lanes>(lanes: L, from: &[u32], to: &mut [u8], pixels: usize, flip: u32) {
    let mut at = 0;
    while at < pixels {
        let (from, to) = (&from[at..].as_chunks().0[0], &mut to[at * COLOURS..].as_chunks_mut().0[0]);
        lanes.without_fourths(from, flip, to);
        at += AT_ONCE;
    }
}

/// Copies one line of a window tap by tap. `line` is the input from the start of that line on; None if the line is
/// outside.
#[inline(never)]
fn taps(gather: &Gather, line: Option<&[u32]>, x: usize, flip: u32, to: &mut [u8]) {
    for (kx, to) in to.chunks_exact_mut(COLOURS).enumerate() {
        let source = gather.window.source(1, x, kx, gather.input.w);
        let word = line.zip(source).map_or(0, |(line, ix)| line[ix]) ^ flip;
        to.copy_from_slice(&word.to_le_bytes()[..COLOURS]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::{dot4, pack_lanes};

    /// The products of colours and what alpha adds are together the products of whole words.
    #[test]
    fn nothing_is_lost() {
        let taps = 5;
        let weights: Vec<u32> = (0..taps * WEIGHT_LIMBS as u32).map(|k| 0x9e37_79b9_u32.wrapping_mul(k + 1)).collect();
        let pixels: Vec<u32> =
            (0..taps as i8).map(|k| pack_lanes([k * 25 - 60, 127 - k, -128 + k, PIXEL_ALPHA])).collect();
        let bytes: Vec<u8> = pixels.iter().flat_map(|p| p.to_le_bytes()[..COLOURS].to_vec()).chain([77]).collect();
        let row: Vec<u32> = bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        assert_eq!(row.len(), patch_words(taps as usize));
        let all: Vec<usize> = (0..taps as usize).collect();
        let alpha = alpha_sums(&weights, &all);
        let colours = without_alpha(&weights);
        for q in 0..WEIGHT_LIMBS {
            let limb = |weights: &[u32]| weights.iter().skip(q).step_by(WEIGHT_LIMBS).copied().collect::<Vec<_>>();
            let dot = |x: &[u32], w: &[u32]| x.iter().zip(limb(w)).map(|(&x, w)| dot4(x, w)).sum::<i32>();
            assert_eq!(dot(&row, &colours) + alpha[q], dot(&pixels, &weights));
        }
    }
}
