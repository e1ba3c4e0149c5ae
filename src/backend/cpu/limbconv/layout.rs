//! Weights of a limb convolution, laid out as registers of output channels.

use super::layer::{End, LimbLayer};
use super::pixels::{self, Inside};
use crate::backend::cpu::aligned::{AlignedVec, EXACT, blocks, transpose};
use crate::backend::cpu::gather::{Gather, Span};
use crate::fixed::{WEIGHT_LIMBS, scale_by_power};
use crate::lower::{TensorId, TensorSpec};
use crate::tensor::Window;
use std::ops::Range;

/// Rearranges the weights of either kind of limb convolution, `[channel][tap][word][WEIGHT_LIMBS]`, into registers of
/// `lanes` channels.
pub(super) struct LimbLayout<'a> {
    /// The convolution's window.
    pub window: Window,
    /// The tensor it reads.
    pub input: TensorId,
    /// All weights.
    pub weights: &'a [u32],
    /// Words of a pixel that a channel reads.
    pub words: usize,
    /// The first of these for each channel; 0 if None.
    pub first_words: Option<&'a [u32]>,
    /// Limbs of the input.
    pub limbs: usize,
    /// Output channels.
    pub channels: usize,
    /// Channels in a register.
    pub lanes: usize,
    /// See `Lanes::DOT_FLIP`.
    pub flip: u32,
    /// Whether the input is a picture.
    pub picture: bool,
}

impl LimbLayout<'_> {
    /// Lays everything out. None if out of memory.
    pub(super) fn prepare(&self, input: &TensorSpec, output: &TensorSpec, end: End) -> Option<LimbLayer> {
        let gather =
            Gather { window: self.window, input: input.shape, output: output.shape, pixel_words: input.pixel_words() };
        let inside = self.picture.then(|| Inside::new(&gather)).filter(Inside::is_small);
        let spans: Vec<Span> = blocks(self.channels, self.lanes).map(|block| self.span(block)).collect();
        let mut starts = vec![0];
        for span in &spans {
            let patch =
                if inside.is_some() { pixels::patch_words(self.window.taps()) } else { gather.patch_words(*span) };
            starts.push(starts[starts.len() - 1] + patch / self.limbs * WEIGHT_LIMBS);
        }
        Some(LimbLayer {
            input: self.input,
            channels: self.channels,
            limbs: self.limbs,
            patch_words: spans.iter().map(|&s| gather.buffer_words(s)).max()?,
            weights: if inside.is_some() { self.colours(&starts) } else { self.spread(&spans, &starts) }?,
            offsets: self.offsets(inside.as_ref())?,
            inside,
            gather,
            spans,
            starts,
            end,
        })
    }

    fn first_word(&self, c: usize) -> usize {
        self.first_words.map_or(0, |first| first[c] as usize)
    }

    /// The words of a pixel that the channels of a block read.
    fn span(&self, block: Range<usize>) -> Span {
        let firsts = block.map(|c| self.first_word(c));
        let first = firsts.clone().min().unwrap_or(0);
        let end = firsts.max().unwrap_or(0) + self.words;
        Span { first: first * self.limbs, words: (end - first) * self.limbs }
    }

    /// The limbs of channel `c`, `[tap][word][WEIGHT_LIMBS]`.
    fn channel(&self, c: usize) -> &[u32] {
        let size = self.window.taps() * self.words * WEIGHT_LIMBS;
        &self.weights[c * size..][..size]
    }

    /// The weights. Words of a span that a channel does not read have weights of 0.
    fn spread(&self, spans: &[Span], starts: &[usize]) -> Option<AlignedVec<u32>> {
        let mut out = AlignedVec::zeroed(starts.last()? * self.lanes)?;
        for (b, block) in blocks(self.channels, self.lanes).enumerate() {
            let (first, span) = (spans[b].first / self.limbs, spans[b].words / self.limbs);
            let own = &mut out.as_mut_slice()[starts[b] * self.lanes..];
            for (lane, c) in block.enumerate() {
                for (index, row) in self.channel(c).chunks_exact(WEIGHT_LIMBS).enumerate() {
                    let at = index / self.words * span + self.first_word(c) - first + index % self.words;
                    for (q, &limbs) in row.iter().enumerate() {
                        own[(at * WEIGHT_LIMBS + q) * self.lanes + lane] = limbs;
                    }
                }
            }
        }
        Some(out)
    }

    /// The weights for patches of pictures, which have no alpha.
    fn colours(&self, starts: &[usize]) -> Option<AlignedVec<u32>> {
        let mut out = AlignedVec::zeroed(starts.last()? * self.lanes)?;
        for (block, start) in blocks(self.channels, self.lanes).zip(starts) {
            for (lane, c) in block.enumerate() {
                let own = &mut out.as_mut_slice()[start * self.lanes + lane..];
                let weights = pixels::without_alpha(self.channel(c));
                own.iter_mut().step_by(self.lanes).zip(weights).for_each(|(to, word)| *to = word);
            }
        }
        Some(out)
    }

    /// Initial values of the sums of each channel, for each case of an output pixel.
    fn offsets(&self, inside: Option<&Inside>) -> Option<AlignedVec<u32>> {
        let diagonals = self.limbs + WEIGHT_LIMBS - 1;
        let cases = match inside {
            Some(inside) => inside.taps(self.window.kernel[1]).collect(),
            None => vec![Vec::new()],
        };
        let flipped: Vec<[i64; WEIGHT_LIMBS]> = (0..self.channels).map(|c| self.flipped(c, inside.is_some())).collect();
        let padded = self.channels.next_multiple_of(self.lanes);
        let mut rows = vec![0u32; cases.len() * padded * diagonals];
        for (rows, taps) in rows.chunks_exact_mut(padded * diagonals).zip(&cases) {
            for (c, (row, flipped)) in rows.chunks_exact_mut(diagonals).zip(&flipped).enumerate() {
                let alpha = pixels::alpha_sums(self.channel(c), taps);
                for (q, (alpha, flipped)) in alpha.into_iter().zip(flipped).enumerate() {
                    let start = (i64::from(alpha) - flipped) as u32;
                    row[q..q + self.limbs].iter_mut().for_each(|d| *d = d.wrapping_add(start));
                }
            }
        }
        transpose(&rows, diagonals, self.lanes)
    }

    /// What flipped bytes add to the sums of each limb of channel `c`. In pictures alpha is not multiplied.
    fn flipped(&self, c: usize, picture: bool) -> [i64; WEIGHT_LIMBS] {
        if self.flip == 0 {
            return [0; WEIGHT_LIMBS];
        }
        let colours = if picture { pixels::without_alpha(self.channel(c)) } else { self.channel(c).to_vec() };
        std::array::from_fn(|q| 128 * sum(&colours, q, |b| b))
    }

    /// Whether the magnitudes of all terms of T sum to less than 2^53.
    pub(super) fn is_exact(&self, c: usize, dropped: usize, bias: f64) -> bool {
        let mut most = bias.abs() + scale_by_power(1.0, 31);
        for q in 0..WEIGHT_LIMBS {
            let sum = (128 * sum(self.channel(c), q, i64::abs)) as f64;
            most += (0..self.limbs)
                .map(|p| sum * scale_by_power(1.0, 8 * (p + q) as i32 - 8 * dropped as i32))
                .sum::<f64>();
        }
        most < EXACT
    }
}

/// The sum over the bytes of limb `q` of `of` each byte, for weights `[word][WEIGHT_LIMBS]`.
fn sum(weights: &[u32], q: usize, of: impl Fn(i64) -> i64) -> i64 {
    let words = weights.iter().skip(q).step_by(WEIGHT_LIMBS);
    words.flat_map(|w| w.to_le_bytes()).map(|b| of(i64::from(b as i8))).sum()
}
