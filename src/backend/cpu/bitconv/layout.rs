//! Weights and coefficients of a bit convolution, laid out as registers of output channels.

use crate::backend::cpu::aligned::{AlignedVec, EXACT, blocks, combine, transpose};
use crate::backend::cpu::gather::Span;
use crate::lower::{BitConv, Part};

/// Rearranges a kernel, which has all of one output channel together, into registers of `lanes` channels.
pub(super) struct BitLayout<'a> {
    /// The kernel.
    pub k: &'a BitConv,
    /// Output channels.
    pub channels: usize,
    /// Channels in a register.
    pub lanes: usize,
}

impl BitLayout<'_> {
    /// C_ij of channel `c`: `[part][weight plane][activation plane]`.
    fn coefficients(&self, c: usize) -> Vec<f64> {
        let pairs = self.k.channel_pairs();
        let l = self.k.epilogue.low_bits;
        self.k.coefficients[c * pairs..][..pairs].iter().map(|&pair| combine(pair, l)).collect()
    }

    fn bias(&self, c: usize) -> f64 {
        combine(self.k.epilogue.bias[c], self.k.epilogue.low_bits)
    }

    /// Whether the magnitudes of all terms of channel `c` sum to less than 2^53.
    pub(super) fn is_exact(&self, c: usize) -> bool {
        let (mut sum, mut coefficients) = (self.bias(c).abs(), &self.coefficients(c)[..]);
        let mut weights = &self.k.weights[c * self.k.channel_words()..][..self.k.channel_words()];
        for part in &self.k.parts {
            let (c_own, c_rest) = coefficients.split_at(self.k.weight_planes * part.planes);
            let (own, rest) = weights.split_at(self.k.part_words(part));
            let most = self.most_ones(part, own);
            sum += c_own.iter().map(|c| 3.0 * c.abs() * most).sum::<f64>();
            (coefficients, weights) = (c_rest, rest);
        }
        sum < EXACT
    }

    /// The most ones of an activation plane of `part` that a channel with these weights can count.
    fn most_ones(&self, part: &Part, weights: &[u32]) -> f64 {
        let stored = self.k.stored_planes();
        match self.k.mask {
            Some(_) => weights.iter().skip(stored - 1).step_by(stored).map(|mask| f64::from(mask.count_ones())).sum(),
            None => (self.k.window.taps() * part.channels) as f64,
        }
    }

    /// The words of each part that the channels of each block read.
    pub(super) fn spans(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        for block in blocks(self.channels, self.lanes) {
            for (p, part) in self.k.parts.iter().enumerate() {
                let firsts = block.clone().map(|c| self.k.first_word(c, p));
                let first = firsts.clone().min().unwrap_or(0);
                let end = firsts.max().unwrap_or(0) + part.words;
                spans.push(Span { first: part.at + first * part.planes, words: (end - first) * part.planes });
            }
        }
        spans
    }

    /// The first register of each span's weights, and the number of all registers.
    pub(super) fn starts(&self, spans: &[Span]) -> (Vec<usize>, usize) {
        let per_word = self.k.window.taps() * self.k.stored_planes();
        let mut starts = Vec::with_capacity(spans.len());
        let mut sum = 0;
        for (index, span) in spans.iter().enumerate() {
            starts.push(sum);
            sum += self.span_words(index, *span) * per_word;
        }
        (starts, sum)
    }

    /// Words per plane in span `index`.
    fn span_words(&self, index: usize, span: Span) -> usize {
        span.words / self.k.parts[index % self.k.parts.len()].planes
    }

    /// All weights. Words of a span that a channel does not read have weights of 0. None if out of memory.
    pub(super) fn weights(&self, spans: &[Span], starts: &[usize], registers: usize) -> Option<AlignedVec<u32>> {
        let mut out = AlignedVec::zeroed(registers * self.lanes)?;
        for (b, block) in blocks(self.channels, self.lanes).enumerate() {
            let mut offset = 0;
            for (p, part) in self.k.parts.iter().enumerate() {
                let index = b * self.k.parts.len() + p;
                let (words, first) = (self.span_words(index, spans[index]), spans[index].first);
                let own = &mut out.as_mut_slice()[starts[index] * self.lanes..];
                for (lane, c) in block.clone().enumerate() {
                    let from = &self.k.weights[c * self.k.channel_words() + offset..][..self.k.part_words(part)];
                    let skipped = self.k.first_word(c, p) - (first - part.at) / part.planes;
                    self.channel(from, part, words, skipped, lane, own);
                }
                offset += self.k.part_words(part);
            }
        }
        Some(out)
    }

    /// Copies the weights of one channel and part to its lane.
    fn channel(&self, from: &[u32], part: &Part, span: usize, skipped: usize, lane: usize, out: &mut [u32]) {
        let stored = self.k.stored_planes();
        for (index, row) in from.chunks_exact(stored).enumerate() {
            let (tap, word) = (index / part.words, index % part.words);
            let at = tap * span + skipped + word;
            for (plane, &bits) in row.iter().enumerate() {
                let pair = plane / 2 * 2;
                let width = 2.min(stored - pair);
                let before = pair * self.k.window.taps() * span;
                out[(before + at * width + plane % 2) * self.lanes + lane] = bits;
            }
        }
    }

    /// What each popcount is multiplied by, with the biases first. None if out of memory.
    pub(super) fn factors(&self) -> Option<AlignedVec<f64>> {
        let rows: Vec<Vec<f64>> = (0..self.channels).map(|c| self.channel_factors(c)).collect();
        let n = rows.first()?.len();
        transpose(&rows.concat(), n, self.lanes)
    }

    fn channel_factors(&self, c: usize) -> Vec<f64> {
        let (mut factors, mut at) = (vec![self.bias(c)], 0);
        let all = self.coefficients(c);
        for part in &self.k.parts {
            let pairs = &all[at..][..self.k.weight_planes * part.planes];
            at += pairs.len();
            let sum = |j: usize| -> f64 { pairs.iter().skip(j).step_by(part.planes).sum() };
            if self.k.mask.is_none() {
                factors.extend((0..part.planes).map(|j| -sum(j)));
            }
            // The mask is the last plane.
            let factor = |i: usize, j: usize| {
                if i < self.k.weight_planes { 2.0 * pairs[i * part.planes + j] } else { -sum(j) }
            };
            for i in (0..self.k.stored_planes()).step_by(2) {
                for j in (0..part.planes).step_by(2) {
                    for i in i..self.k.stored_planes().min(i + 2) {
                        factors.extend((j..part.planes.min(j + 2)).map(|j| factor(i, j)));
                    }
                }
            }
        }
        factors
    }
}
