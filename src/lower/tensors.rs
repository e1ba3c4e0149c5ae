//! The tensors of a program, and how their numbers are stored.

use crate::fixed::LIMB_LANES;
use crate::quant::words;
use crate::tensor::Shape;

/// Index of a tensor in the `tensors` of a [`super::Program`].
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

/// The tensors of a program by id, with the form of its input.
#[derive(Clone, Copy, Debug)]
pub struct Tensors<'a> {
    /// The tensors, in order of their ids.
    pub specs: &'a [TensorSpec],
    /// How the host fills tensor 0.
    pub input: InputForm,
}

impl<'a> Tensors<'a> {
    /// The tensor `id`, which must exist.
    pub fn get(self, id: TensorId) -> &'a TensorSpec {
        &self.specs[id]
    }

    /// Channels of an optional tensor; 0 without one.
    pub fn channels(self, id: Option<TensorId>) -> usize {
        id.map_or(0, |id| self.get(id).shape.c)
    }

    /// Whether tensor `id` holds the pixels of a picture.
    pub fn is_picture(self, id: TensorId) -> bool {
        id == 0 && self.input == InputForm::Pixels
    }

    /// 32-bit words of one image of the tensors `ids`.
    pub fn words(self, ids: &[TensorId]) -> usize {
        ids.iter().map(|&id| self.get(id).image_words()).sum()
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
