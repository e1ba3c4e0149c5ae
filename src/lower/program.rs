//! The lowered network: integer tensors and the steps that make them. Every backend executes exactly this.

use super::kernel::Kernel;
use crate::fixed::{LIMB_LANES, VALUE_LIMBS, join_diagonals, scale_by_power};
use crate::quant::words;
use crate::tensor::Shape;

/// Index of a tensor in [`Program::tensors`].
pub type TensorId = usize;

/// Subtracted from 8-bit pixels to make them signed limbs.
pub const PIXEL_OFFSET: i32 = 128;
/// Value of the fourth lane (alpha) of a pixel word. Padding reads it as 0, so its weight can add what the pixel offset
/// and the mean contribute inside the image only.
pub const PIXEL_ALPHA: i8 = 64;

/// How the numbers of an integer tensor are stored, in 32-bit words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repr {
    /// Bit planes of codes: `[h, w, words(c), planes]` (see [`crate::quant::pack`]).
    Codes {
        /// Planes of a code.
        planes: usize,
    },
    /// Bit planes of values, laid out as `Codes`. Plane 8 p + k holds bit k of limb p (see `Limbs`). Planes from
    /// [`crate::fixed::VALUE_PLANES`] on are 0.
    Bits {
        /// Planes of a value.
        planes: usize,
        /// Fractional bits.
        frac: i32,
    },
    /// Planes of several tensors side by side: `[h, w, words]`.
    Rows {
        /// Words of a row: all planes of one pixel.
        words: usize,
    },
    /// `i32` values v, real = v * 2^-frac: `[h, w, c]`.
    Value {
        /// Fractional bits.
        frac: i32,
    },
    /// Signed 8-bit limbs, four channels to a word: `[h, w, ceil(c / 4), limbs]`, real = (sum limb_k 256^k) * 2^-frac.
    Limbs {
        /// Limbs of a number.
        limbs: usize,
        /// Fractional bits.
        frac: i32,
    },
    /// `i32` diagonal sums, one per power of 256, not yet combined: `[c, diagonals]`.
    Sums {
        /// Diagonals of a sum.
        diagonals: usize,
    },
}

/// An integer tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Name of the layer whose result it holds, with a suffix for derived forms.
    pub name: String,
    /// Shape of one image's tensor.
    pub shape: Shape,
    /// How its numbers are stored.
    pub repr: Repr,
}

impl TensorSpec {
    /// 32-bit words of one pixel.
    pub fn pixel_words(&self) -> usize {
        match self.repr {
            Repr::Codes { planes } | Repr::Bits { planes, .. } => words(self.shape.c) * planes,
            Repr::Rows { words } => words,
            Repr::Value { .. } => self.shape.c,
            Repr::Limbs { limbs, .. } => self.shape.c.div_ceil(LIMB_LANES) * limbs,
            Repr::Sums { diagonals } => self.shape.c * diagonals,
        }
    }

    /// Planes of codes or of the bits of values; 0 for other tensors.
    pub fn planes(&self) -> usize {
        match self.repr {
            Repr::Codes { planes } | Repr::Bits { planes, .. } => planes,
            _ => 0,
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
    /// All tensors. Tensor 0 is the input.
    pub tensors: Vec<TensorSpec>,
    /// The steps, in the order in which they are executed.
    pub steps: Vec<Step>,
    /// How the host fills tensor 0.
    pub input: InputForm,
    /// How the host computes the logits.
    pub logits: Logits,
}

/// One kernel with its operands.
#[derive(Clone, Debug)]
pub struct Step {
    /// The layer it belongs to.
    pub name: String,
    /// The kernel.
    pub kernel: Kernel,
}

/// How the host fills the input tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputForm {
    /// One word per pixel, lanes (c0 - 128, c1 - 128, c2 - 128, [`PIXEL_ALPHA`]) in the network's channel order. Mean
    /// and standard deviation are folded into the first layer.
    Pixels,
    /// Four limbs of round(x * 2^frac), |x| < 2^(30 - frac).
    Limbs {
        /// Fractional bits.
        frac: i32,
    },
    /// Values round(x * 2^frac), |x| < 2^(30 - frac).
    Values {
        /// Fractional bits.
        frac: i32,
    },
}

/// How the host turns the last tensor into logits, class by class.
#[derive(Clone, Debug, PartialEq)]
pub enum Logits {
    /// `(sum diagonals[d] * 256^d + bias) * 2^-frac`.
    Sums {
        /// The tensor of diagonal sums.
        tensor: TensorId,
        /// Bias of each class.
        bias: Vec<i64>,
        /// Fractional bits of each class.
        frac: Vec<i32>,
    },
    /// value * 2^-frac.
    Values {
        /// The tensor of values.
        tensor: TensorId,
        /// Fractional bits.
        frac: i32,
    },
}

impl Logits {
    /// The logits of one image from the words of its logit tensor. This is the only place where they become floats.
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

    /// The tensor from which the logits are computed.
    pub fn tensor(&self) -> TensorId {
        match self {
            Logits::Sums { tensor, .. } | Logits::Values { tensor, .. } => *tensor,
        }
    }
}

impl Program {
    /// Limbs of a limb convolution's input that is made from values.
    pub const INPUT_LIMBS: usize = VALUE_LIMBS;

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.tensors[self.logits.tensor()].shape.c
    }
}

impl Repr {
    /// The same layout with the scale set to 0, to compare layouts alone.
    pub fn without_scale(self) -> Self {
        match self {
            Repr::Bits { planes, .. } => Repr::Bits { planes, frac: 0 },
            Repr::Value { .. } => Repr::Value { frac: 0 },
            Repr::Limbs { limbs, .. } => Repr::Limbs { limbs, frac: 0 },
            Repr::Codes { .. } | Repr::Rows { .. } | Repr::Sums { .. } => self,
        }
    }
}

impl std::fmt::Display for Repr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Repr::Codes { planes } => write!(f, "codes({planes})"),
            Repr::Bits { planes, frac } => write!(f, "bits({planes}, 2^-{frac})"),
            Repr::Rows { words } => write!(f, "rows({words})"),
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
