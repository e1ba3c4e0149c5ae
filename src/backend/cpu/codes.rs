//! Codes from comparisons with thresholds.
//!
//! Thresholds ascend, so a channel's rank is the number of those below its value, and its code that of the rank. Going up one
//! rank flips the planes in which the two codes differ: a plane's word is its bits in the lowest code, XORed with the
//! comparisons at all thresholds that flip it. No rank is ever formed.

use super::aligned::{Aligned, transpose};
use super::cells::Cells;
use super::count::TILE;
use super::lanes::Lanes;
use crate::lower::{Ranks, TensorId};
use crate::quant::{WORD_BITS, live_bits};
use std::ops::Range;

/// Where the codes of a quantizer go, and its table from ranks.
pub struct Coder {
    pub output: TensorId,
    channels: usize,
    planes: usize,
    lowest: u32,
    /// Planes that each threshold flips.
    flips: Vec<u32>,
}

impl Coder {
    pub fn new(codes_of_ranks: &[u16], output: TensorId, channels: usize, planes: usize) -> Self {
        let flips = codes_of_ranks.windows(2).map(|w| u32::from(w[0] ^ w[1])).collect();
        Coder { output, channels, planes, lowest: codes_of_ranks.first().map_or(0, |&c| u32::from(c)), flips }
    }

    pub fn thresholds(&self) -> usize {
        self.flips.len()
    }

    /// Writes the codes of 32 channels of a tile.
    #[inline(always)]
    pub fn write(&self, cells: Cells, group: usize, pixels: Range<usize>, bits: &CodeBits) {
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
                // SAFETY: each group of channels of each pixel is finished by one thread.
                unsafe { cells.set(pixel * pixel_words + group * self.planes + plane, word & live) };
            }
        }
    }
}

/// Which of 32 channels are above each threshold, for a tile: `[threshold][pixel]`.
pub struct CodeBits<'a>(&'a mut [[u32; TILE + 1]]);

impl<'a> CodeBits<'a> {
    /// Words for `thresholds` thresholds.
    pub fn words(thresholds: usize) -> usize {
        thresholds * (TILE + 1)
    }

    /// In memory of so many words.
    #[inline(always)]
    pub fn new(words: &'a mut [u32]) -> Self {
        CodeBits(words.as_chunks_mut().0)
    }

    /// Compares a block of channels with its thresholds, a register each; `above` compares those of one pixel.
    #[inline(always)]
    pub fn compare<R>(&mut self, lanes: usize, block: usize, thresholds: &[R], above: impl Fn(usize, &R) -> u32) {
        let shift = block * lanes % WORD_BITS;
        for (threshold, bits) in thresholds.iter().zip(&mut *self.0) {
            for t in 0..TILE {
                let above = above(t, threshold);
                // Blocks come in order: the first of a group replaces what was there.
                bits[t] = if shift == 0 { above } else { bits[t] | above << shift };
            }
        }
    }
}

/// A quantizer of values.
pub struct RankTables {
    count: usize,
    /// Registers `[block][threshold]`.
    thresholds: Aligned<u32>,
    /// 0 or -1, a register per block.
    signs: Aligned<u32>,
}

impl RankTables {
    /// None if there is no memory.
    pub fn new(ranks: &Ranks, lanes: usize) -> Option<Self> {
        let thresholds: Vec<u32> = ranks.thresholds.iter().map(|&t| t as u32).collect();
        let signs: Vec<u32> = ranks.signs.iter().map(|&s| (s >> 31) as u32).collect();
        let count = ranks.codes_of_ranks.len() - 1;
        let thresholds = transpose(&thresholds, count, lanes)?;
        Some(RankTables { count, thresholds, signs: transpose(&signs, 1, lanes)? })
    }

    /// Compares the values of a block of channels of a tile.
    #[inline(always)]
    pub fn compare<L: Lanes>(&self, lanes: L, block: usize, values: &[L::Int; TILE], bits: &mut CodeBits) {
        let signs: &[L::Words] = bytemuck::cast_slice(self.signs.as_slice());
        let thresholds: &[L::Words] = bytemuck::cast_slice(self.thresholds.as_slice());
        // -v is !v + 1.
        let sign = lanes.load(&signs[block]);
        let mut signed = *values;
        for t in 0..TILE {
            signed[t] = lanes.sub(lanes.xor(values[t], sign), sign);
        }
        let thresholds = &thresholds[block * self.count..][..self.count];
        bits.compare(L::LANES, block, thresholds, |t, threshold| lanes.above(signed[t], lanes.load(threshold)));
    }
}
