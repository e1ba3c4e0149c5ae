//! The lowered network: integer tensors and the steps that make them. Every backend executes exactly this.

use crate::fixed::{LIMB_LANES, VALUE_LIMBS, join_diagonals, scale_by_power};
use crate::quant::words;
use crate::tensor::{Shape, Window};

/// Index of a tensor in [`Program::tensors`].
pub type TensorId = usize;

/// What 8-bit pixels are lowered by to become signed limbs.
pub const PIXEL_OFFSET: i32 = 128;
/// Value of the fourth lane of a pixel word: it is 0 outside the image, so its weight carries the offset and the mean.
pub const PIXEL_ALPHA: i8 = 64;

/// How the numbers of an integer tensor are stored, in 32-bit words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repr {
    /// Bit planes of codes: `[h, w, words(c), planes]` (see [`crate::quant::pack`]).
    Codes { planes: usize },
    /// `i32` values v, real = v * 2^-frac: `[h, w, c]`.
    Value { frac: i32 },
    /// Signed 8-bit limbs, four channels a word: `[h, w, ceil(c / 4), limbs]`, real = (sum limb_k 256^k) * 2^-frac.
    Limbs { limbs: usize, frac: i32 },
    /// `i32` sums by power of 256, not joined yet: `[c, diagonals]`.
    Sums { diagonals: usize },
}

/// An integer tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Name of the layer whose result it is.
    pub name: String,
    pub shape: Shape,
    pub repr: Repr,
}

impl TensorSpec {
    /// 32-bit words of one pixel.
    pub fn pixel_words(&self) -> usize {
        match self.repr {
            Repr::Codes { planes } => words(self.shape.c) * planes,
            Repr::Value { .. } => self.shape.c,
            Repr::Limbs { limbs, .. } => self.shape.c.div_ceil(LIMB_LANES) * limbs,
            Repr::Sums { diagonals } => self.shape.c * diagonals,
        }
    }

    /// 32-bit words of one image.
    pub fn image_words(&self) -> usize {
        self.shape.pixels() * self.pixel_words()
    }
}

/// A lowered network for one kind of input.
#[derive(Clone, Debug)]
pub struct Program {
    pub tensors: Vec<TensorSpec>,
    pub steps: Vec<Step>,
    /// Tensor 0 is the input; this says how the host fills it.
    pub input: InputForm,
    pub logits: Logits,
}

/// One kernel launch.
#[derive(Clone, Debug)]
pub struct Step {
    /// The layer it belongs to.
    pub name: String,
    pub kernel: Kernel,
}

/// How the host fills the input tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputForm {
    /// One word per pixel, lanes (c0 - 128, c1 - 128, c2 - 128, [`PIXEL_ALPHA`]) in the network's channel order. Mean and
    /// deviation are folded into the first layer.
    Pixels,
    /// Four limbs of round(x * 2^frac), |x| < 2^(30 - frac).
    Limbs { frac: i32 },
    /// Values round(x * 2^frac), |x| < 2^(30 - frac).
    Values { frac: i32 },
}

/// How the host turns the last tensor into logits, class by class.
#[derive(Clone, Debug, PartialEq)]
pub enum Logits {
    /// `(sum diagonals[d] * 256^d + bias) * 2^-frac`.
    Sums { tensor: TensorId, bias: Vec<i64>, frac: Vec<i32> },
    /// value * 2^-frac.
    Values { tensor: TensorId, frac: i32 },
}

impl Logits {
    /// The logits of one image from the words of its logit tensor. This is the one place where they become floats.
    pub fn join(&self, words: &[u32]) -> Vec<f32> {
        let real = |n: i128, frac: i32| scale_by_power(n as f64, -frac) as f32;
        match self {
            Logits::Values { frac, .. } => words.iter().map(|&w| real(i128::from(w as i32), *frac)).collect(),
            Logits::Sums { bias, frac, .. } => {
                let diagonals = words.len() / bias.len().max(1);
                let classes = words.chunks_exact(diagonals).zip(bias.iter().zip(frac));
                let sum = |d: &[u32]| join_diagonals(&d.iter().map(|&d| d as i32).collect::<Vec<_>>());
                classes.map(|(d, (&bias, &frac))| real(sum(d) + i128::from(bias), frac)).collect()
            }
        }
    }

    /// The tensor that holds them.
    pub fn tensor(&self) -> TensorId {
        match self {
            Logits::Sums { tensor, .. } | Logits::Values { tensor, .. } => *tensor,
        }
    }
}

/// The kernels. Each has a reference in `backend/cpu` and a shader of the same name.
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
}

/// Convolution of codes with +-1 planes: N_ij = sum over taps of b_i a_j, T = sum_ij C_ij N_ij as two words.
#[derive(Clone, Debug)]
pub struct BitConv {
    pub input: TensorId,
    pub window: Window,
    /// Packed codes `[out, kh, kw, words, weight planes]`.
    pub weights: Vec<u32>,
    pub weight_planes: usize,
    pub activation_planes: usize,
    /// `[out, weight plane, activation plane]`: C = high * 2^low_bits + low.
    pub coefficients: Vec<[i32; 2]>,
    pub epilogue: Epilogue,
}

/// Convolution of limbs with limbs; sums per power of 256, joined to two words with a 16-bit low word.
#[derive(Clone, Debug)]
pub struct LimbConv {
    pub input: TensorId,
    pub window: Window,
    /// Packed limbs `[out, kh, kw, channel group, WEIGHT_LIMBS]`.
    pub weights: Vec<u32>,
    /// Low powers of 256 whose digits are dropped (floor) from T.
    pub drop: usize,
    pub epilogue: Epilogue,
}

/// A limb convolution whose diagonal sums are the result (the last dense layer); joined on the host.
#[derive(Clone, Debug)]
pub struct LimbSum {
    pub input: TensorId,
    pub window: Window,
    /// As in [`LimbConv`].
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
        codes_of_ranks: Vec<u8>,
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
    pub codes_of_ranks: Vec<u8>,
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
        }
    }

    /// Tensors the kernel writes, each of them whole.
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
        }
    }
}

impl Program {
    /// Limbs of every value-derived input of a limb convolution.
    pub const INPUT_LIMBS: usize = VALUE_LIMBS;

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.tensors[self.logits.tensor()].shape.c
    }
}

impl std::fmt::Display for Repr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Repr::Codes { planes } => write!(f, "codes({planes})"),
            Repr::Value { frac } => write!(f, "value(2^-{frac})"),
            Repr::Limbs { limbs, frac } => write!(f, "limbs({limbs}, 2^-{frac})"),
            Repr::Sums { diagonals } => write!(f, "sums({diagonals})"),
        }
    }
}

impl std::fmt::Display for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tensor = |id: TensorId| format!("%{id}:{} {}", self.tensors[id].shape, self.tensors[id].repr);
        writeln!(f, "input {} as {:?}", tensor(0), self.input)?;
        for step in &self.steps {
            let list = |ids: Vec<TensorId>| ids.into_iter().map(tensor).collect::<Vec<_>>().join(", ");
            let (writes, reads) = (list(step.kernel.writes()), list(step.kernel.reads()));
            writeln!(f, "{:<26} {:<9} {writes} <- {reads}", step.name, step.kernel.name())?;
        }
        writeln!(f, "logits %{}", self.logits.tensor())
    }
}
