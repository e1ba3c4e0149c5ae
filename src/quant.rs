//! Learned quantizers (LQ-Nets section 3; original file `learned_quantization.py`) and **the** definition of bit order.
//!
//! A code is a small integer whose bit j is the coefficient of basis element j. Levels, midpoints and codes are
//! computed in `f32` in the same order of operations as the original code, so that they match it bit for bit.

use serde::{Deserialize, Serialize};

/// Most bits of a weight's or an activation's code.
pub const MAX_BITS: usize = 8;
/// Channels per packed word.
pub const WORD_BITS: usize = 32;

/// What the bits of an activation code mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Bit 1 adds the basis element, bit 0 adds nothing (the original code). A number that is above no threshold
    /// becomes 0.
    #[default]
    ZeroOne,
    /// Bit 1 adds the basis element, bit 0 subtracts it (the paper's text, and ports that follow it).
    PlusMinus,
}

/// Which level a number gets that equals a threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ties {
    /// The level below: comparisons are strict (the original code).
    #[default]
    Below,
    /// The level above: comparisons are "at least".
    Above,
}

impl Encoding {
    /// Number of planes that store a code of `bits` bits. [`Encoding::PlusMinus`] has one more, in which every
    /// channel's bit is 1. It tells channels from padding: all planes of a padded tap are 0, so the tap contributes
    /// nothing.
    pub fn planes(self, bits: usize) -> usize {
        bits + usize::from(self == Encoding::PlusMinus)
    }

    /// What a set bit of each stored plane adds. For [`Encoding::PlusMinus`], with coefficients e = 2 a - 1 and bits a,
    /// sum u_j e_j = sum 2 u_j a_j + (-sum u_j) * 1; the last plane holds the constant 1.
    pub fn plane_values(self, basis: &[f32]) -> Vec<f64> {
        let basis = basis.iter().map(|&u| f64::from(u));
        match self {
            Encoding::ZeroOne => basis.collect(),
            Encoding::PlusMinus => basis.clone().map(|u| 2.0 * u).chain([-basis.sum::<f64>()]).collect(),
        }
    }
}

/// Packed words per plane for `channels` channels.
pub const fn words(channels: usize) -> usize {
    channels.div_ceil(WORD_BITS)
}

/// Packs rows of `channels` codes into bit planes. This is the bit order of files, shaders and CPU kernels alike:
///
/// channel c of a row lives in word `c / 32`, bit `c % 32` (least significant first); the words of a row are ordered
/// `[word][plane]`; bits past the last channel are 0. Rows follow each other without gaps, so a tensor of codes
/// `[.., channels]` becomes `[.., words, planes]`.
pub fn pack(codes: &[u8], channels: usize, planes: usize) -> Vec<u32> {
    if channels == 0 || planes == 0 {
        return Vec::new();
    }
    let row_words = words(channels) * planes;
    let mut out = vec![0; codes.len() / channels * row_words];
    for (row, packed) in codes.chunks_exact(channels).zip(out.chunks_exact_mut(row_words)) {
        pack_row(row, planes, packed);
    }
    out
}

/// Packs one row; `packed` has `words * planes` elements.
pub fn pack_row<C: Copy + Into<u32>>(codes: &[C], planes: usize, packed: &mut [u32]) {
    for (group, words) in codes.chunks(WORD_BITS).zip(packed.chunks_exact_mut(planes)) {
        for (plane, word) in words.iter_mut().enumerate() {
            *word = group.iter().enumerate().fold(0, |w, (bit, &code)| w | (code.into() >> plane & 1) << bit);
        }
    }
}

/// The code of `channel` in one packed row (see [`pack`]).
pub fn code_at(row: &[u32], channel: usize, planes: usize) -> u16 {
    let base = channel / WORD_BITS * planes;
    (0..planes).fold(0, |code, j| code | ((row[base + j] >> (channel % WORD_BITS) & 1) as u16) << j)
}

/// Adds the code of `channel` to one packed row (see [`pack`]) in which it is 0 so far.
pub fn put_code(row: &mut [u32], channel: usize, planes: usize, code: u8) {
    let words = &mut row[channel / WORD_BITS * planes..][..planes];
    for (plane, word) in words.iter_mut().enumerate() {
        *word |= u32::from(code >> plane & 1) << (channel % WORD_BITS);
    }
}

/// Mask of the bits in word `word` of a row that belong to one of its `channels` channels.
pub fn live_bits(channels: usize, word: usize) -> u32 {
    match channels.saturating_sub(word * WORD_BITS) {
        n if n >= WORD_BITS => u32::MAX,
        n => (1u32 << n) - 1,
    }
}

/// The levels of a quantizer in ascending order, the code of each, and the midpoints between neighbours.
#[derive(Clone, Debug, PartialEq)]
pub struct Levels {
    /// Level values in ascending order, 2^bits of them. Of equal levels, the one with the larger code comes first.
    pub values: Vec<f32>,
    /// `codes[r]` is the code of the level with rank r, as it is stored (see [`Encoding::planes`]).
    pub codes: Vec<u16>,
    /// `thresholds[r]` separates rank r from rank r + 1. [`Ties`] says on which side a number equal to it falls.
    pub thresholds: Vec<f32>,
}

impl Levels {
    /// Levels of an activation quantizer.
    ///
    /// With [`Encoding::ZeroOne`], rank 0 always has the value 0 and code 0, even where a negative basis element makes
    /// the lowest level negative: the original code starts from zeros and replaces only what exceeds a threshold.
    pub fn of_activations(basis: &[f32], encoding: Encoding) -> Self {
        match encoding {
            Encoding::ZeroOne => {
                let mut levels = Self::sorted(basis, 0.0);
                levels.values[0] = 0.0;
                levels.codes[0] = 0;
                levels
            }
            Encoding::PlusMinus => {
                let mut levels = Self::sorted(basis, -1.0);
                levels.codes.iter_mut().for_each(|code| *code |= 1 << basis.len());
                levels
            }
        }
    }

    /// Levels of one output channel's weight quantizer: all sums of +-basis elements. Here rank 0 keeps its own level.
    pub fn of_weights(basis: &[f32]) -> Self {
        Self::sorted(basis, -1.0)
    }

    fn sorted(basis: &[f32], off: f32) -> Self {
        let value = |code: usize| {
            basis.iter().enumerate().fold(0f32, |sum, (j, &v)| sum + if code >> j & 1 == 1 { v } else { off * v })
        };
        let mut codes: Vec<usize> = (0..1 << basis.len()).collect();
        // TensorFlow's top_k is descending and stable (smaller code first); the original reverses it, so among equal
        // levels the larger code comes first.
        codes.sort_by(|&a, &b| value(a).total_cmp(&value(b)).then(b.cmp(&a)));
        let values: Vec<f32> = codes.iter().map(|&c| value(c)).collect();
        let thresholds = values.windows(2).map(|w| 0.5 * w[0] + 0.5 * w[1]).collect();
        Levels { values, codes: codes.into_iter().map(|c| c as u16).collect(), thresholds }
    }

    /// Rank of `x`: the number of thresholds below it, including one equal to it if ties go up.
    pub fn rank(&self, x: f32, ties: Ties) -> usize {
        self.thresholds.partition_point(|&t| x > t || (ties == Ties::Above && x == t))
    }

    /// The level of every stored code; NaN for codes that no number is quantized to.
    pub fn by_code(&self) -> Vec<f32> {
        let most = self.codes.iter().copied().max().unwrap_or(0);
        let mut table = vec![f32::NAN; usize::from(most) + 1];
        for (&code, &value) in self.codes.iter().zip(&self.values) {
            table[usize::from(code)] = value;
        }
        table
    }
}

/// How training code compares float weights with thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightRule {
    /// Which level a weight gets that equals a threshold.
    pub ties: Ties,
    /// Whether subnormal weights count as 0, as they do in TensorFlow on CPUs.
    pub flushes_subnormals: bool,
}

impl WeightRule {
    /// The rule of the original code.
    pub const ORIGINAL: WeightRule = WeightRule { ties: Ties::Below, flushes_subnormals: true };
}

/// Turns the float weights of a layer into codes, with one basis per output channel.
#[derive(Clone, Debug)]
pub struct WeightQuantizer {
    /// One entry per output channel.
    levels: Vec<Levels>,
    rule: WeightRule,
}

/// The level to which a weight is quantized.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightLevel {
    /// Position among the levels of its channel; 0 is the lowest.
    pub rank: usize,
    /// The level's code.
    pub code: u8,
    /// The level itself.
    pub value: f32,
}

impl WeightQuantizer {
    /// A quantizer of `outputs` channels with bases `[bits, out]`.
    pub fn new(basis: &[f32], outputs: usize, rule: WeightRule) -> Self {
        let levels = (0..outputs).map(|out| Levels::of_weights(&channel_basis(basis, outputs, out))).collect();
        WeightQuantizer { levels, rule }
    }

    /// The level of a weight of channel `output`.
    pub fn level(&self, output: usize, weight: f32) -> WeightLevel {
        let weight = if self.rule.flushes_subnormals && weight.is_subnormal() { 0.0 } else { weight };
        let levels = &self.levels[output];
        let rank = levels.rank(weight, self.rule.ties);
        WeightLevel { rank, code: levels.codes[rank] as u8, value: levels.values[rank] }
    }
}

/// The basis of one output channel out of a `[bits, out]` array.
pub fn channel_basis(basis: &[f32], outputs: usize, channel: usize) -> Vec<f32> {
    basis.iter().skip(channel).step_by(outputs.max(1)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_round_trips_for_odd_channel_counts() {
        for channels in [1, 3, 16, 31, 32, 33, 70] {
            let codes: Vec<u8> = (0..3 * channels).map(|i| (i * 7 % 8) as u8).collect();
            let packed = pack(&codes, channels, 3);
            let row = words(channels) * 3;
            assert_eq!(packed.len(), 3 * row);
            let mut put = vec![0; packed.len()];
            for (i, &code) in codes.iter().enumerate() {
                assert_eq!(code_at(&packed[i / channels * row..][..row], i % channels, 3), u16::from(code));
                put_code(&mut put[i / channels * row..][..row], i % channels, 3, code);
            }
            assert_eq!(put, packed);
        }
    }

    #[test]
    fn unsorted_bases_sort_levels_and_keep_codes() {
        let levels = Levels::of_activations(&[0.5, 0.25, 0.75], Encoding::ZeroOne);
        assert_eq!(levels.values, [0.0, 0.25, 0.5, 0.75, 0.75, 1.0, 1.25, 1.5]);
        assert_eq!(levels.codes, [0, 2, 1, 4, 3, 6, 5, 7], "of the tied 3 and 4 the larger code comes first");
        assert_eq!(levels.rank(0.125, Ties::Below), 0, "a threshold itself belongs to the level below");
        assert_eq!(levels.rank(0.126, Ties::Below), 1);
    }

    #[test]
    fn below_every_threshold_is_zero_even_for_negative_bases() {
        let levels = Levels::of_activations(&[1.0, -0.25], Encoding::ZeroOne);
        assert_eq!((levels.values[0], levels.codes[0]), (0.0, 0));
        assert_eq!(levels.codes, [0, 0, 3, 1]);
        let by_code = levels.by_code();
        assert!(by_code[2].is_nan(), "nothing gets the code of the negative level");
        assert_eq!([by_code[0], by_code[1], by_code[3]], [0.0, 1.0, 0.75]);
    }

    #[test]
    fn plus_minus_levels_carry_a_plane_of_ones() {
        let basis = [0.5, 1.0];
        let levels = Levels::of_activations(&basis, Encoding::PlusMinus);
        assert_eq!(
            (levels.values.as_slice(), levels.codes.as_slice()),
            (&[-1.5, -0.5, 0.5, 1.5][..], &[4, 5, 6, 7][..])
        );
        let planes = Encoding::PlusMinus.plane_values(&basis);
        assert_eq!((planes.as_slice(), Encoding::PlusMinus.planes(2)), (&[1.0, 2.0, -1.5][..], 3));
    }

    #[test]
    fn one_bit_weights_send_zero_where_ties_go() {
        let code = |w: f32, rule| WeightQuantizer::new(&[0.5], 1, rule).level(0, w).code;
        let codes = |rule| [0.0, 1e-45, 1e-30, -1.0].map(|w| code(w, rule));
        assert_eq!(codes(WeightRule::ORIGINAL), [0, 0, 1, 0]);
        assert_eq!(codes(WeightRule { ties: Ties::Above, flushes_subnormals: true }), [1, 1, 1, 0]);
        assert_eq!(codes(WeightRule { ties: Ties::Below, flushes_subnormals: false }), [0, 1, 1, 0]);
    }
}
