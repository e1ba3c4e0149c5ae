//! How much work a step is.

use crate::fixed::{LIMB_LANES, WEIGHT_LIMBS};
use crate::lower::{BitConv, Epilogue, Finish, Kernel, LimbConv, Program, Ranks, Repr, TensorId};

/// The work of a step. All but the constants is for one image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// 32-bit words that are ANDed and counted. Taps outside the input count too.
    pub words: u64,
    /// Products of bytes that are added up, with those of padding lanes and of taps outside the input.
    pub macs: u64,
    /// Bytes of the tensors that are read and written, each once.
    pub tensors: u64,
    /// Bytes of weights and tables, which a batch reads once at least.
    pub constants: u64,
    /// Multiplications that the layer is by its definition: taps x input channels of a group x outputs. 0 but for convolutions
    /// and dense layers.
    pub network_macs: u64,
}

impl std::ops::Add for Work {
    type Output = Work;

    fn add(self, other: Work) -> Work {
        Work {
            words: self.words + other.words,
            macs: self.macs + other.macs,
            tensors: self.tensors + other.tensors,
            constants: self.constants + other.constants,
            network_macs: self.network_macs + other.network_macs,
        }
    }
}

impl Work {
    /// The work of `kernel`, a step of `program`.
    pub fn of(program: &Program, kernel: &Kernel) -> Work {
        let (words, macs) = (bit_words(program, kernel), byte_products(program, kernel));
        let constants = constant_bytes(kernel) as u64;
        Work {
            words,
            macs,
            tensors: tensor_bytes(program, kernel),
            constants,
            network_macs: network_macs(program, kernel),
        }
    }

    /// Bytes that a batch of so many images reads and writes at least.
    pub fn bytes(&self, images: usize) -> u64 {
        images as u64 * self.tensors + self.constants
    }
}

/// Numbers that `kernel` makes of one image.
fn outputs(program: &Program, kernel: &Kernel) -> usize {
    kernel.writes().first().map_or(0, |&id| program.tensors[id].shape.elements())
}

/// 32-bit words that a bit convolution ANDs and counts for one image; 0 for other kernels. Taps outside the input count too.
pub fn bit_words(program: &Program, kernel: &Kernel) -> u64 {
    let Kernel::BitConv(k) = kernel else { return 0 };
    let words: usize = k.parts.iter().map(|p| p.words * p.planes).sum();
    (outputs(program, kernel) * k.window.taps() * words * k.weight_planes) as u64
}

/// Products of bytes that a limb convolution adds up for one image; 0 for other kernels.
fn byte_products(program: &Program, kernel: &Kernel) -> u64 {
    let limbs = |input: TensorId| match program.tensors[input].repr {
        Repr::Limbs { limbs, .. } => limbs,
        _ => 0,
    };
    let each = match kernel {
        Kernel::LimbConv(k) => k.window.taps() * k.words * limbs(k.input),
        Kernel::LimbSum(k) => k.window.taps() * program.tensors[k.input].shape.c.div_ceil(LIMB_LANES) * limbs(k.input),
        _ => 0,
    };
    (outputs(program, kernel) * each * LIMB_LANES * WEIGHT_LIMBS) as u64
}

fn tensor_bytes(program: &Program, kernel: &Kernel) -> u64 {
    let bytes = |id: &TensorId| 4 * program.tensors[*id].image_words() as u64;
    let read: u64 = kernel.reads().iter().map(bytes).sum();
    match kernel {
        // It writes a part of its output, as much as it reads.
        Kernel::Join(_) => 2 * read,
        _ => read + kernel.writes().iter().map(bytes).sum::<u64>(),
    }
}

fn constant_bytes(kernel: &Kernel) -> usize {
    let ranks =
        |r: &Ranks| size_of_val(&r.signs[..]) + size_of_val(&r.thresholds[..]) + size_of_val(&r.codes_of_ranks[..]);
    let epilogue = |e: &Epilogue| {
        let finish = match &e.finish {
            Finish::Codes { thresholds, codes_of_ranks, .. } => {
                size_of_val(&thresholds[..]) + size_of_val(&codes_of_ranks[..])
            }
            Finish::Value { shifts, codes, .. } => {
                size_of_val(&shifts[..]) + codes.as_ref().map_or(0, |(r, _)| ranks(r))
            }
        };
        size_of_val(&e.bias[..]) + finish
    };
    match kernel {
        Kernel::BitConv(k) => size_of_val(&k.weights[..]) + size_of_val(&k.coefficients[..]) + epilogue(&k.epilogue),
        Kernel::LimbConv(k) => size_of_val(&k.weights[..]) + epilogue(&k.epilogue),
        Kernel::LimbSum(k) => size_of_val(&k.weights[..]),
        Kernel::Quantize(k) => ranks(&k.ranks),
        Kernel::Pointwise(k) => size_of_val(&k.gains[..]) + size_of_val(&k.biases[..]) + size_of_val(&k.shifts[..]),
        Kernel::Levels(k) => size_of_val(&k.values[..]),
        Kernel::MaxPool(_) | Kernel::AvgPool(_) | Kernel::Split(_) | Kernel::Slice(_) | Kernel::Join(_) => 0,
    }
}

fn network_macs(program: &Program, kernel: &Kernel) -> u64 {
    let Some(&output) = kernel.writes().first() else { return 0 };
    let pixels = program.tensors[output].shape.pixels();
    let each = match kernel {
        Kernel::BitConv(k) => bit_weights(k, program.tensors[output].shape.c),
        Kernel::LimbConv(k) if k.first_words.is_some() => limb_weights(k),
        Kernel::LimbConv(LimbConv { input, window, .. }) => {
            window.taps() * program.tensors[*input].shape.c * program.tensors[output].shape.c
        }
        Kernel::LimbSum(k) => k.window.taps() * program.tensors[k.input].shape.c * program.tensors[output].shape.c,
        _ => 0,
    };
    (pixels * each) as u64
}

/// Weights of a bit convolution; with groups the mask tells them.
fn bit_weights(k: &BitConv, outputs: usize) -> usize {
    match k.mask {
        None => k.window.taps() * k.parts.iter().map(|p| p.channels).sum::<usize>() * outputs,
        Some(_) => {
            k.weights.chunks_exact(k.stored_planes()).map(|planes| planes[k.weight_planes].count_ones() as usize).sum()
        }
    }
}

/// Weights of a limb convolution in groups: lanes that are not 0, as those of other groups' channels are.
fn limb_weights(k: &LimbConv) -> usize {
    let used = |limbs: &[u32]| limbs.iter().fold(0, |all, limb| all | limb);
    let lanes = |word: u32| word.to_le_bytes().iter().filter(|&&lane| lane != 0).count();
    k.weights.chunks_exact(WEIGHT_LIMBS).map(|limbs| lanes(used(limbs))).sum()
}

/// Whether `kernel` is a 3x3 bit convolution, which is where networks spend their time.
pub fn is_square_bitconv(kernel: &Kernel) -> bool {
    matches!(kernel, Kernel::BitConv(BitConv { window, .. }) if window.kernel == [3, 3])
}
