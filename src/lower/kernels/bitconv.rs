//! Convolution of bit planes.

use super::checks::{MAX_CODE_PLANES, WEIGHTS};
use super::epilogue::Epilogue;
use super::facts::{Checked, KernelFacts, need, outputs};
use crate::fixed::VALUE_PLANES;
use crate::lower::tensors::{Repr, TensorId, TensorSpec, Tensors};
use crate::quant::{MAX_BITS, words};
use crate::tensor::{MAX_EXTENT, Window};
use std::ops::Range;

/// Most planes of the bits of values, rounded up to a multiple of a neighbour's.
pub(super) const MAX_PLANES: usize = VALUE_PLANES + MAX_CODE_PLANES;

/// Convolution of activation planes with +-1 weight planes: N_ij = sum over taps of b_i a_j, then T = sum C_ij N_ij as
/// two words, over all planes of all parts.
#[derive(Clone, Debug)]
pub struct BitConv {
    /// Codes, bits or rows of them.
    pub input: TensorId,
    /// The parts of every pixel's row that it reads.
    pub parts: Vec<Part>,
    /// The window that slides over the input.
    pub window: Window,
    /// Packed codes, for each output channel `[part][kh, kw, part words, weight planes]`. A masked convolution has
    /// one more plane after the others, whose bits are 1 for the channels that the output channel reads.
    pub weights: Vec<u32>,
    /// Weight planes, not counting the mask plane.
    pub weight_planes: usize,
    /// For grouped convolutions: the first word of each part that an output channel reads, `[out, part]`.
    pub mask: Option<Vec<u32>>,
    /// For each output channel `[part][weight plane, activation plane]`: C = high * 2^low_bits + low.
    pub coefficients: Vec<[i32; 2]>,
    /// What happens to T.
    pub epilogue: Epilogue,
}

/// Channels of a bit convolution's input whose planes have one meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its first word within a pixel's row.
    pub at: usize,
    /// Channels of the part.
    pub channels: usize,
    /// Planes of each channel.
    pub planes: usize,
    /// Words of each plane that an output channel multiplies, per tap.
    pub words: usize,
}

impl BitConv {
    /// Stored weight planes, including the mask plane.
    pub fn stored_planes(&self) -> usize {
        self.weight_planes + usize::from(self.mask.is_some())
    }

    /// Words of one output channel's weights for `part`.
    pub fn part_words(&self, part: &Part) -> usize {
        self.window.taps() * part.words * self.stored_planes()
    }

    /// Words of one output channel's weights.
    pub fn channel_words(&self) -> usize {
        self.parts.iter().map(|p| self.part_words(p)).sum()
    }

    /// Coefficients of one output channel: pairs of a weight plane and an activation plane.
    pub fn channel_pairs(&self) -> usize {
        self.parts.iter().map(|p| self.weight_planes * p.planes).sum()
    }

    /// The first word of part `p` that output channel `c` reads.
    pub fn first_word(&self, c: usize, p: usize) -> usize {
        self.mask.as_ref().map_or(0, |first| first[c * self.parts.len() + p] as usize)
    }

    fn check_part(&self, part: &Part, input: &TensorSpec) -> Checked {
        let own = words(part.channels);
        let extents = (1..=MAX_PLANES).contains(&part.planes) && (1..=MAX_EXTENT).contains(&part.channels);
        need(extents && part.words <= own && part.at <= MAX_EXTENT, "a part of its input has the wrong form")?;
        need(self.mask.is_some() || part.words == own, "leaves out words of its input")?;
        need(part.at + own * part.planes <= input.pixel_words(), "a part of its input lies outside it")
    }
}

impl KernelFacts for BitConv {
    fn name(&self) -> &'static str {
        "bitconv"
    }

    fn reads(&self) -> Vec<TensorId> {
        [self.input].into_iter().chain(self.epilogue.residual()).collect()
    }

    fn writes(&self) -> Vec<TensorId> {
        self.epilogue.writes()
    }

    fn check(&self, tensors: Tensors) -> Checked {
        let (input, out) = (tensors.get(self.input), self.epilogue.shape(tensors)?);
        need(matches!(input.repr, Repr::Codes { .. } | Repr::Bits { .. } | Repr::Rows { .. }), "needs planes")?;
        need((1..=MAX_BITS).contains(&self.weight_planes) && !self.parts.is_empty(), "its planes have the wrong form")?;
        tensors.check_window(&self.window, input.shape, out)?;
        self.parts.iter().try_for_each(|part| self.check_part(part, input))?;
        need(self.mask.as_ref().is_none_or(|m| m.len() == out.c * self.parts.len()), "its mask does not fit")?;
        let reaches =
            |(p, part): (usize, &Part)| (0..out.c).all(|c| self.first_word(c, p) + part.words <= words(part.channels));
        need(self.parts.iter().enumerate().all(reaches), "multiplies words that its input does not have")?;
        need(self.weights.len() == out.c * self.channel_words(), WEIGHTS)?;
        need(self.coefficients.len() == out.c * self.channel_pairs(), "has too few or too many coefficients")?;
        self.epilogue.check(tensors, out)
    }

    fn words_read(&self, id: TensorId, tensors: Tensors) -> Vec<Range<usize>> {
        let part = |p: &Part| p.at..p.at.saturating_add(words(p.channels).saturating_mul(p.planes));
        match id == self.input {
            true => self.parts.iter().map(part).collect(),
            false => std::iter::once(0..tensors.get(id).pixel_words()).collect(),
        }
    }

    fn window(&self) -> Option<&Window> {
        Some(&self.window)
    }

    /// Of the input's parts, those of the part with the most. Planes of zeros behind those of values do not count.
    fn planes(&self) -> Option<[usize; 2]> {
        let input = self.parts.iter().map(|p| p.planes).max().unwrap_or(0);
        Some([self.weight_planes, input.min(VALUE_PLANES)])
    }

    fn counted_words(&self, tensors: Tensors) -> usize {
        let words: usize = self.parts.iter().map(|p| p.words * p.planes).sum();
        outputs(self.writes().first().copied(), tensors) * self.window.taps() * words * self.weight_planes
    }

    /// With groups, the mask marks the weights.
    fn network_macs(&self, tensors: Tensors) -> usize {
        let Ok(out) = self.epilogue.shape(tensors) else { return 0 };
        let weights = match self.mask {
            None => self.window.taps() * self.parts.iter().map(|p| p.channels).sum::<usize>() * out.c,
            Some(_) => {
                let stored = self.weights.chunks_exact(self.stored_planes());
                stored.map(|planes| planes[self.weight_planes].count_ones() as usize).sum()
            }
        };
        out.pixels() * weights
    }

    fn constant_bytes(&self) -> usize {
        size_of_val(&self.weights[..]) + size_of_val(&self.coefficients[..]) + self.epilogue.bytes()
    }

    /// Parts as channels x planes.
    fn details(&self) -> String {
        let part = |p: &Part| format!(", part {}x{} at {}", p.channels, p.planes, p.at);
        let parts: String = self.parts.iter().map(part).collect();
        let masked = if self.mask.is_some() { ", masked" } else { "" };
        format!("{}, weight planes {}{masked}{parts}{}", self.window, self.weight_planes, self.epilogue.details())
    }
}
