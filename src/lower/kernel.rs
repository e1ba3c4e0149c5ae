//! The kernels of a program, as data.

use super::program::TensorId;
use crate::tensor::Window;

/// The kernels. Each has a reference in `backend/reference` and a shader of the same name.
#[derive(Clone, Debug)]
pub enum Kernel {
    /// See [`BitConv`].
    BitConv(BitConv),
    /// See [`LimbConv`].
    LimbConv(LimbConv),
    /// See [`LimbSum`]; shares the reference and the shader of [`LimbConv`].
    LimbSum(LimbSum),
    /// See [`Quantize`].
    Quantize(Quantize),
    /// See [`Pointwise`].
    Pointwise(Pointwise),
    /// See [`MaxPool`].
    MaxPool(MaxPool),
    /// See [`AvgPool`].
    AvgPool(AvgPool),
    /// See [`Split`].
    Split(Split),
    /// See [`Slice`].
    Slice(Slice),
    /// See [`Levels`].
    Levels(Levels),
    /// See [`Join`].
    Join(Join),
}

/// Convolution of activation planes with +-1 weight planes: N_ij = sum over taps of b_i a_j, then T = sum C_ij N_ij as
/// two words, over all planes of all parts.
#[derive(Clone, Debug)]
pub struct BitConv {
    /// The tensor of planes that it reads.
    pub input: TensorId,
    /// The parts of every pixel's row that it reads.
    pub parts: Vec<Part>,
    /// The window that slides over the input.
    pub window: Window,
    /// Packed codes, for each output channel `[part][kh, kw, part words, weight planes]`. A masked convolution has one
    /// more plane after the others, whose bits are 1 for the channels that the output channel reads.
    pub weights: Vec<u32>,
    /// Planes of a weight, not counting the mask plane.
    pub weight_planes: usize,
    /// For grouped convolutions: the first word of each part that an output channel reads, `[out, part]`.
    pub mask: Option<Vec<u32>>,
    /// For each output channel `[part][weight plane, activation plane]`: C = high * 2^low_bits + low.
    pub coefficients: Vec<[i32; 2]>,
    /// What follows T.
    pub epilogue: Epilogue,
}

/// A range of a bit convolution's input channels whose planes have the same meaning: the codes of one quantizer or the
/// bits of one tensor's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its first word within a pixel's row.
    pub at: usize,
    /// Number of channels.
    pub channels: usize,
    /// Planes of a channel.
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
}

/// Convolution of limbs with limbs. The sums per power of 256 are combined into two words with a 16-bit low word.
#[derive(Clone, Debug)]
pub struct LimbConv {
    /// The tensor of limbs that it reads.
    pub input: TensorId,
    /// The window that slides over the input.
    pub window: Window,
    /// Packed limbs `[out, kh, kw, words, WEIGHT_LIMBS]`.
    pub weights: Vec<u32>,
    /// Words of four channels that an output channel multiplies, per tap.
    pub words: usize,
    /// For grouped convolutions: the first of these words, `[out]`.
    pub first_words: Option<Vec<u32>>,
    /// Number of low base-256 digits that are dropped from T (rounding down).
    pub drop: usize,
    /// What follows T.
    pub epilogue: Epilogue,
}

/// A limb convolution whose result is its diagonal sums (the last dense layer). The host combines them.
#[derive(Clone, Debug)]
pub struct LimbSum {
    /// The tensor of limbs that it reads.
    pub input: TensorId,
    /// The window, which has one position.
    pub window: Window,
    /// Packed limbs `[out, kh, kw, ceil(c / 4), WEIGHT_LIMBS]`.
    pub weights: Vec<u32>,
    /// The tensor of sums that it writes.
    pub output: TensorId,
}

/// What turns the sums T of a convolution into its result, per output channel.
#[derive(Clone, Debug)]
pub struct Epilogue {
    /// Bits l of T's low word.
    pub low_bits: u32,
    /// Added to T: (high, low) with 0 <= low < 2^l.
    pub bias: Vec<[i32; 2]>,
    /// The result.
    pub finish: Finish,
}

/// The result of an epilogue.
#[derive(Clone, Debug)]
pub enum Finish {
    /// Codes straight from both words of T: rank = number of thresholds below T.
    Codes {
        /// `[out, 2^bits - 1]` ascending (high, low).
        thresholds: Vec<[i32; 2]>,
        /// The stored code of each rank.
        codes_of_ranks: Vec<u16>,
        /// The tensor of codes.
        output: TensorId,
    },
    /// v = saturate(floor(T / 2^shift)) per channel, then + residual (saturating), then ReLU.
    Value {
        /// Shift of each channel; a negative one multiplies.
        shifts: Vec<i32>,
        /// A value tensor of the same scale with at most as many channels; missing channels are 0.
        residual: Option<TensorId>,
        /// Whether a ReLU follows.
        relu: bool,
        /// The tensor in which v is stored, if another step reads it.
        output: Option<TensorId>,
        /// A quantizer of v in the same step, and its tensor of codes.
        codes: Option<(Ranks, TensorId)>,
    },
}

/// A quantizer on values: rank = number of thresholds strictly below sign * v.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranks {
    /// +1 or -1 per channel: the sign of the batch norm's gain before the quantizer.
    pub signs: Vec<i32>,
    /// `[channels, 2^bits - 1]`, ascending. `i32::MIN` is always below, `i32::MAX` never.
    pub thresholds: Vec<i32>,
    /// The stored code of each rank.
    pub codes_of_ranks: Vec<u16>,
}

/// Values to codes.
#[derive(Clone, Debug)]
pub struct Quantize {
    /// The tensor of values that it reads.
    pub input: TensorId,
    /// The quantizer.
    pub ranks: Ranks,
    /// The tensor of codes that it writes.
    pub output: TensorId,
}

/// v = saturate(floor((x * gain + bias) / 2^shift)) per channel in 64 bits, then + residual (saturating), then ReLU.
/// Channels that the input lacks read as 0.
#[derive(Clone, Debug)]
pub struct Pointwise {
    /// The tensor of values that it reads.
    pub input: TensorId,
    /// A value tensor that is added, with at most as many channels as the output; missing channels are 0.
    pub residual: Option<TensorId>,
    /// Gain of each channel.
    pub gains: Vec<i32>,
    /// Bias of each channel.
    pub biases: Vec<i64>,
    /// Right shift of each channel, 0 to 60.
    pub shifts: Vec<u32>,
    /// Whether a ReLU follows.
    pub relu: bool,
    /// The tensor of values that it writes.
    pub output: TensorId,
}

/// Maximum of values over windows. Padding never wins.
#[derive(Clone, Debug)]
pub struct MaxPool {
    /// The tensor of values that it reads.
    pub input: TensorId,
    /// The window that slides over the input.
    pub window: Window,
    /// The tensor of values that it writes.
    pub output: TensorId,
}

/// Mean of values over windows, rounded half up (see [`crate::fixed::rounded_mean`]).
#[derive(Clone, Debug)]
pub struct AvgPool {
    /// The tensor of values that it reads.
    pub input: TensorId,
    /// The window that slides over the input.
    pub window: Window,
    /// The tensor of values that it writes.
    pub output: TensorId,
}

/// Values to limbs.
#[derive(Clone, Debug)]
pub struct Split {
    /// The tensor of values that it reads.
    pub input: TensorId,
    /// The tensor of limbs that it writes.
    pub output: TensorId,
}

/// Values to the bit planes of their limbs.
#[derive(Clone, Debug)]
pub struct Slice {
    /// The tensor of values that it reads.
    pub input: TensorId,
    /// The tensor of bits that it writes.
    pub output: TensorId,
}

/// Codes to the values of their levels.
#[derive(Clone, Debug)]
pub struct Levels {
    /// The tensor of codes that it reads.
    pub input: TensorId,
    /// The value of each stored code.
    pub values: Vec<i32>,
    /// The tensor of values that it writes.
    pub output: TensorId,
}

/// Copies one member of a concatenation: the words of every pixel of `input` go into the row of that pixel in `output`.
#[derive(Clone, Debug)]
pub struct Join {
    /// The member.
    pub input: TensorId,
    /// First word within a row of `output`.
    pub at: usize,
    /// The concatenation.
    pub output: TensorId,
}

impl Kernel {
    /// Tensors the kernel reads.
    pub fn reads(&self) -> Vec<TensorId> {
        let epilogue = |input: TensorId, e: &Epilogue| match &e.finish {
            Finish::Value { residual: Some(r), .. } => vec![input, *r],
            _ => vec![input],
        };
        match self {
            Kernel::BitConv(k) => epilogue(k.input, &k.epilogue),
            Kernel::LimbConv(k) => epilogue(k.input, &k.epilogue),
            Kernel::LimbSum(k) => vec![k.input],
            Kernel::Quantize(k) => vec![k.input],
            Kernel::Pointwise(k) => [k.input].into_iter().chain(k.residual).collect(),
            Kernel::MaxPool(k) => vec![k.input],
            Kernel::AvgPool(k) => vec![k.input],
            Kernel::Split(k) => vec![k.input],
            Kernel::Slice(k) => vec![k.input],
            Kernel::Levels(k) => vec![k.input],
            Kernel::Join(k) => vec![k.input],
        }
    }

    /// Tensors the kernel writes. It writes them completely, except for [`Join`], which writes a part of every row.
    pub fn writes(&self) -> Vec<TensorId> {
        match self {
            Kernel::BitConv(BitConv { epilogue, .. }) | Kernel::LimbConv(LimbConv { epilogue, .. }) => {
                match &epilogue.finish {
                    Finish::Codes { output, .. } => vec![*output],
                    Finish::Value { output, codes, .. } => {
                        output.iter().chain(codes.iter().map(|c| &c.1)).copied().collect()
                    }
                }
            }
            Kernel::LimbSum(k) => vec![k.output],
            Kernel::Quantize(k) => vec![k.output],
            Kernel::Pointwise(k) => vec![k.output],
            Kernel::MaxPool(k) => vec![k.output],
            Kernel::AvgPool(k) => vec![k.output],
            Kernel::Split(k) => vec![k.output],
            Kernel::Slice(k) => vec![k.output],
            Kernel::Levels(k) => vec![k.output],
            Kernel::Join(k) => vec![k.output],
        }
    }

    /// The kernel's name, as in programs, reports and the names of its shader and its reference.
    pub fn name(&self) -> &'static str {
        match self {
            Kernel::BitConv(_) => "bitconv",
            Kernel::LimbConv(_) => "limbconv",
            Kernel::LimbSum(_) => "limbsum",
            Kernel::Quantize(_) => "quantize",
            Kernel::Pointwise(_) => "pointwise",
            Kernel::MaxPool(_) => "maxpool",
            Kernel::AvgPool(_) => "avgpool",
            Kernel::Split(_) => "split",
            Kernel::Slice(_) => "slice",
            Kernel::Levels(_) => "levels",
            Kernel::Join(_) => "join",
        }
    }
}
