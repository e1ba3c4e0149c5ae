//! The kernels of a program, as data.

use super::program::TensorId;
use crate::tensor::Window;

/// The kernels. Each has a reference in `backend/reference` and a shader of the same name.
#[derive(Clone, Debug)]
pub enum Kernel {
    BitConv(BitConv),
    LimbConv(LimbConv),
    LimbSum(LimbSum),
    Quantize(Quantize),
    Pointwise(Pointwise),
    MaxPool(MaxPool),
    AvgPool(AvgPool),
    Split(Split),
    Slice(Slice),
    Levels(Levels),
    Join(Join),
}

/// Convolution of planes with +-1 planes: N_ij = sum over taps of b_i a_j, T = sum C_ij N_ij as two words, over all planes
/// of all parts.
#[derive(Clone, Debug)]
pub struct BitConv {
    pub input: TensorId,
    /// What is read of every pixel's row.
    pub parts: Vec<Part>,
    pub window: Window,
    /// Packed codes, for each output channel `[part][kh, kw, part words, weight planes]`. A masked convolution has one plane
    /// more, after the others: its bits are 1 where the output channel reads.
    pub weights: Vec<u32>,
    /// Without that of the mask.
    pub weight_planes: usize,
    /// Convolutions in groups: the first word of each part that an output channel reads, `[out, part]`.
    pub mask: Option<Vec<u32>>,
    /// For each output channel `[part][weight plane, activation plane]`: C = high * 2^low_bits + low.
    pub coefficients: Vec<[i32; 2]>,
    pub epilogue: Epilogue,
}

/// Channels of a bit convolution's input that share the meaning of their planes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its first word within a pixel's row.
    pub at: usize,
    pub channels: usize,
    pub planes: usize,
    /// Words of each plane that an output channel multiplies, per tap.
    pub words: usize,
}

impl BitConv {
    /// Stored weight planes, with that of the mask.
    pub fn stored_planes(&self) -> usize {
        self.weight_planes + usize::from(self.mask.is_some())
    }

    /// Words of an output channel's weights for `part`.
    pub fn part_words(&self, part: &Part) -> usize {
        self.window.taps() * part.words * self.stored_planes()
    }

    /// Words of an output channel's weights.
    pub fn channel_words(&self) -> usize {
        self.parts.iter().map(|p| self.part_words(p)).sum()
    }

    /// Coefficients of an output channel.
    pub fn channel_pairs(&self) -> usize {
        self.parts.iter().map(|p| self.weight_planes * p.planes).sum()
    }

    /// The first word of part `p` that output channel `c` reads.
    pub fn first_word(&self, c: usize, p: usize) -> usize {
        self.mask.as_ref().map_or(0, |first| first[c * self.parts.len() + p] as usize)
    }
}

/// Convolution of limbs with limbs; sums per power of 256, joined to two words with a 16-bit low word.
#[derive(Clone, Debug)]
pub struct LimbConv {
    pub input: TensorId,
    pub window: Window,
    /// Packed limbs `[out, kh, kw, words, WEIGHT_LIMBS]`.
    pub weights: Vec<u32>,
    /// Words of four channels that an output channel multiplies, per tap.
    pub words: usize,
    /// Convolutions in groups: the first of them, `[out]`.
    pub first_words: Option<Vec<u32>>,
    /// Low powers of 256 whose digits are dropped (floor) from T.
    pub drop: usize,
    pub epilogue: Epilogue,
}

/// A limb convolution whose diagonal sums are the result (the last dense layer); joined on the host.
#[derive(Clone, Debug)]
pub struct LimbSum {
    pub input: TensorId,
    pub window: Window,
    /// Packed limbs `[out, kh, kw, ceil(c / 4), WEIGHT_LIMBS]`.
    pub weights: Vec<u32>,
    pub output: TensorId,
}

/// What happens to T, per output channel.
#[derive(Clone, Debug)]
pub struct Epilogue {
    /// Bits l of T's low word.
    pub low_bits: u32,
    /// Added to T: (high, low) with 0 <= low < 2^l.
    pub bias: Vec<[i32; 2]>,
    pub finish: Finish,
}

/// The result of an epilogue.
#[derive(Clone, Debug)]
pub enum Finish {
    /// Codes straight from both words of T: rank = number of thresholds below T.
    Codes {
        /// `[out, 2^bits - 1]` ascending (high, low).
        thresholds: Vec<[i32; 2]>,
        codes_of_ranks: Vec<u16>,
        output: TensorId,
    },
    /// v = saturate(floor(T / 2^shift)) per channel, then + residual (saturating), then ReLU.
    Value {
        shifts: Vec<i32>,
        /// A value tensor of the same scale with at most as many channels; missing ones are 0.
        residual: Option<TensorId>,
        relu: bool,
        /// Where v goes, if anyone else reads it.
        output: Option<TensorId>,
        /// The quantizer of v that follows.
        codes: Option<(Ranks, TensorId)>,
    },
}

/// A quantizer on values: rank = number of thresholds strictly below sign * v.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranks {
    /// +1 or -1 per channel: the direction of the batch norm before the quantizer.
    pub signs: Vec<i32>,
    /// `[channels, 2^bits - 1]`, ascending. `i32::MIN` is always below, `i32::MAX` never.
    pub thresholds: Vec<i32>,
    pub codes_of_ranks: Vec<u16>,
}

/// Values to codes.
#[derive(Clone, Debug)]
pub struct Quantize {
    pub input: TensorId,
    pub ranks: Ranks,
    pub output: TensorId,
}

/// v = saturate(floor((x * gain + bias) / 2^shift)) per channel in 64 bits, then + residual (saturating), then ReLU.
/// Channels that the input lacks read as 0.
#[derive(Clone, Debug)]
pub struct Pointwise {
    pub input: TensorId,
    pub residual: Option<TensorId>,
    pub gains: Vec<i32>,
    pub biases: Vec<i64>,
    /// 0 to 60.
    pub shifts: Vec<u32>,
    pub relu: bool,
    pub output: TensorId,
}

/// Maximum of values over windows; padding never wins.
#[derive(Clone, Debug)]
pub struct MaxPool {
    pub input: TensorId,
    pub window: Window,
    pub output: TensorId,
}

/// Mean of values over windows, rounded half up (see [`crate::fixed::rounded_mean`]).
#[derive(Clone, Debug)]
pub struct AvgPool {
    pub input: TensorId,
    pub window: Window,
    pub output: TensorId,
}

/// Values to limbs.
#[derive(Clone, Debug)]
pub struct Split {
    pub input: TensorId,
    pub output: TensorId,
}

/// Values to the bit planes of their limbs.
#[derive(Clone, Debug)]
pub struct Slice {
    pub input: TensorId,
    pub output: TensorId,
}

/// Codes to the values of their levels.
#[derive(Clone, Debug)]
pub struct Levels {
    pub input: TensorId,
    /// The value of each stored code.
    pub values: Vec<i32>,
    pub output: TensorId,
}

/// Copies the rows of `input` into those of `output`, from word `at` on. Several of these make a concatenation.
#[derive(Clone, Debug)]
pub struct Join {
    pub input: TensorId,
    pub at: usize,
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

    /// Tensors the kernel writes, each of them whole but for [`Join`].
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

    /// The kernel's name: its shader and its reference are called so.
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
