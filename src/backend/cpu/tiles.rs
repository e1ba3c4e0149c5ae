//! Splits work into tiles of pixels and groups of 32 output channels, and shares these among threads.

use super::count::TILE;
use super::lanes::{Lanes, Work};
use super::level::Level;
use crate::quant::WORD_BITS;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Work that is done tile by tile.
pub(super) trait TileWork: Sync {
    /// Computes the channels of `groups` for the output pixels `pixels`. `buffer` is scratch memory of the size that
    /// was asked for, with arbitrary contents. Must be `#[inline(always)]`, see [`Work`].
    fn tile<L: Lanes>(&self, lanes: L, pixels: Range<usize>, groups: Range<usize>, buffer: &mut [u32]);
}

/// Runs tiles on a number of threads, and keeps their scratch memory.
pub(super) struct Tiles {
    /// How many threads share the work.
    pub threads: usize,
    buffers: Mutex<Vec<Vec<u32>>>,
}

impl Tiles {
    /// For `threads` threads, at least one.
    pub(super) fn new(threads: usize) -> Self {
        Tiles { threads: threads.max(1), buffers: Mutex::default() }
    }

    /// Runs `work` for `pixels` output pixels and `channels` channels, with scratch memory of `buffer_words` words per
    /// task.
    pub(super) fn run(&self, level: Level, work: &impl TileWork, pixels: usize, channels: usize, buffer_words: usize) {
        let (tiles, groups) = (pixels.div_ceil(TILE), channels.div_ceil(WORD_BITS));
        let splits = self.splits(tiles, groups);
        let task = |buffer: &mut Buffer, index: usize| {
            let (tile, split) = (index / splits, index % splits);
            let pixels = tile * TILE..pixels.min((tile + 1) * TILE);
            let groups = split * groups / splits..(split + 1) * groups / splits;
            level.run(OneTile { work, pixels, groups, buffer: &mut buffer.words[..buffer_words] });
        };
        if self.threads == 1 {
            let mut buffer = self.buffer(buffer_words);
            return (0..tiles).for_each(|tile| task(&mut buffer, tile));
        }
        (0..tiles * splits).into_par_iter().for_each_init(|| self.buffer(buffer_words), task);
    }

    /// How many pieces to cut the channels into, so that all threads get about the same amount of work.
    fn splits(&self, tiles: usize, groups: usize) -> usize {
        // How many rounds all threads need if each takes one task per round, in units of a whole tile.
        let cost = |splits: usize| ((tiles * splits).div_ceil(self.threads) as f64) / splits as f64;
        (1..=groups.min(4 * self.threads))
            .min_by(|&a, &b| (cost(a) + a as f64 * 1e-3).total_cmp(&(cost(b) + b as f64 * 1e-3)))
            .unwrap_or(1)
    }

    fn buffer(&self, words: usize) -> Buffer<'_> {
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffer = buffers.pop().unwrap_or_default();
        drop(buffers);
        if buffer.len() < words {
            buffer.resize(words, 0);
        }
        Buffer { owner: self, words: buffer }
    }
}

/// Scratch memory that returns to its owner when dropped.
struct Buffer<'a> {
    owner: &'a Tiles,
    words: Vec<u32>,
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        let mut buffers = self.owner.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        buffers.push(std::mem::take(&mut self.words));
    }
}

struct OneTile<'a, T> {
    work: &'a T,
    pixels: Range<usize>,
    groups: Range<usize>,
    buffer: &'a mut [u32],
}

impl<T: TileWork> Work for OneTile<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        self.work.tile(lanes, self.pixels, self.groups, self.buffer);
    }
}
