//! Codes of values, by comparing them with thresholds.
//!
//! Thresholds ascend, so a value's rank is the number of thresholds below it, and a table maps ranks to codes. Going up
//! one rank flips the planes in which the two codes differ. A plane's word is therefore its bits in the lowest code,
//! XORed with the results of comparing with every threshold that flips it; ranks themselves are never computed.

use super::aligned::{AlignedVec, transpose};
use super::cells::Cells;
use super::count::TILE;
use super::lanes::Lanes;
use crate::lower::{Ranks, TensorId};
use crate::quant::{WORD_BITS, live_bits};
use std::ops::Range;

/// Writes the codes of a quantizer.
pub(super) struct Coder {
    /// The tensor of codes.
    pub output: TensorId,
    channels: usize,
    planes: usize,
    /// The code of rank 0.
    lowest: u32,
    /// For each threshold, a bit for each plane that it flips.
    flips: Vec<u32>,
}

impl Coder {
    /// For the codes of ranks 0, 1 and so on.
    pub(super) fn new(codes_of_ranks: &[u16], output: TensorId, channels: usize, planes: usize) -> Self {
        let flips = codes_of_ranks.windows(2).map(|w| u32::from(w[0] ^ w[1])).collect();
        Coder { output, channels, planes, lowest: codes_of_ranks.first().map_or(0, |&c| u32::from(c)), flips }
    }

    /// How many thresholds there are.
    pub(super) fn thresholds(&self) -> usize {
        self.flips.len()
    }

    /// Writes the codes of a group of 32 channels for a tile.
    #[inline(always)]
    pub(super) fn write(&self, cells: Cells, group: usize, pixels: Range<usize>, bits: &CodeBits) {
        let pixel_words = self.channels.div_ceil(WORD_BITS) * self.planes;
        let live = live_bits(self.channels, group);
        for plane in 0..self.planes {
            let lowest = if self.lowest >> plane & 1 == 1 { u32::MAX } else { 0 };
            let mut words = [lowest; TILE + 1];
            for (flips, above) in self.flips.iter().zip(&*bits.0) {
                if flips >> plane & 1 == 1 {
                    words.iter_mut().zip(above).for_each(|(word, above)| *word ^= above);
                }
            }
            for (pixel, word) in pixels.clone().zip(words) {
                // SAFETY: only one thread computes this group of channels of this pixel.
                unsafe { cells.set(pixel * pixel_words + group * self.planes + plane, word & live) };
            }
        }
    }
}

/// For a tile, `[threshold][pixel]`: a bit for each of 32 channels that says whether it is above the threshold.
pub(super) struct CodeBits<'a>(&'a mut [[u32; TILE + 1]]);

impl<'a> CodeBits<'a> {
    /// Words that `thresholds` thresholds need.
    pub(super) fn words(thresholds: usize) -> usize {
        thresholds * (TILE + 1)
    }

    /// Uses the memory `words`, of [`CodeBits::words`] words.
    #[inline(always)]
    pub(super) fn new(words: &'a mut [u32]) -> Self {
        CodeBits(words.as_chunks_mut().0)
    }

    /// Compares a block of channels with its thresholds, which are a register each. `above` compares one pixel.
    #[inline(always)]
    pub(super) fn compare<R>(
        &mut self,
        lanes: usize,
        block: usize,
        thresholds: &[R],
        above: impl Fn(usize, &R) -> u32,
    ) {
        let shift = block * lanes % WORD_BITS;
        for (threshold, bits) in thresholds.iter().zip(&mut *self.0) {
            for t in 0..TILE {
                let above = above(t, threshold);
                // Blocks come in order, so the first of a group overwrites the previous group.
                bits[t] = if shift == 0 { above } else { bits[t] | above << shift };
            }
        }
    }
}

/// The thresholds of a quantizer of values.
pub(super) struct RankTables {
    count: usize,
    /// Registers `[block][threshold]`.
    thresholds: AlignedVec<u32>,
    /// 0, or -1 for channels whose values are negated: a register per block.
    signs: AlignedVec<u32>,
}

impl RankTables {
    /// None if out of memory.
    pub(super) fn new(ranks: &Ranks, lanes: usize) -> Option<Self> {
        let thresholds: Vec<u32> = ranks.thresholds.iter().map(|&t| t as u32).collect();
        let signs: Vec<u32> = ranks.signs.iter().map(|&s| (s >> 31) as u32).collect();
        let count = ranks.codes_of_ranks.len() - 1;
        let thresholds = transpose(&thresholds, count, lanes)?;
        Some(RankTables { count, thresholds, signs: transpose(&signs, 1, lanes)? })
    }

    /// Compares the values of a block of channels for a tile.
    #[inline(always)]
    pub(super) fn compare<L: Lanes>(&self, lanes: L, block: usize, values: &[L::Int; TILE], bits: &mut CodeBits) {
        let signs: &[L::Words] = bytemuck::cast_slice(self.signs.as_slice());
        let thresholds: &[L::Words] = bytemuck::cast_slice(self.thresholds.as_slice());
        // Negation is v ^ -1, minus -1.
        let sign = lanes.load(&signs[block]);
        let mut signed = *values;
        for t in 0..TILE {
            signed[t] = lanes.sub(lanes.xor(values[t], sign), sign);
        }
        let thresholds = &thresholds[block * self.count..][..self.count];
        bits.compare(L::LANES, block, thresholds, |t, threshold| lanes.above(signed[t], lanes.load(threshold)));
    }
}
