//! How much work a step is.

use crate::fixed::{LIMB_LANES, WEIGHT_LIMBS};
use crate::lower::{BitConv, Epilogue, Finish, InputForm, Kernel, LimbConv, Program, Ranks, Repr, TensorId};

/// Lanes of a pixel's word that are not alpha.
const COLOURS: usize = 3;

/// The work of a step. All but the constants is for one image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// 32-bit words that are ANDed and counted. Taps outside the input count too.
    pub words: u64,
    /// Products of bytes that are added up, with those of padding lanes and of taps outside the input. Those of pixels'
    /// alpha, which is the same everywhere, are not needed.
    pub macs: u64,
    /// Bytes of the tensors that are read and written, each once.
    pub tensors: u64,
    /// Bytes of weights and tables, which a batch reads once at least.
    pub constants: u64,
    /// Multiplications that the layer is by its definition: taps x input channels of a group x outputs. 0 but for
    /// convolutions and dense layers.
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

/// Whether a convolution reads the pixels of a picture.
fn reads_pixels(program: &Program, k: &LimbConv) -> bool {
    k.input == 0 && program.input == InputForm::Pixels
}

/// Numbers that `kernel` makes of one image.
fn outputs(program: &Program, kernel: &Kernel) -> usize {
    kernel.writes().first().map_or(0, |&id| program.tensors[id].shape.elements())
}

/// 32-bit words that a bit convolution ANDs and counts for one image; 0 for other kernels. Taps outside the input count
/// too.
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
    let lanes = match kernel {
        Kernel::LimbConv(k) if reads_pixels(program, k) => COLOURS,
        _ => LIMB_LANES,
    };
    (outputs(program, kernel) * each * lanes * WEIGHT_LIMBS) as u64
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
        Kernel::LimbConv(k) => {
            let channels = if reads_pixels(program, k) { COLOURS } else { program.tensors[k.input].shape.c };
            k.window.taps() * channels * program.tensors[output].shape.c
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::random::random_program;
    use crate::graph::{ConvOptions, GraphBuilder, Op, Weights};
    use crate::lower::InputKind;
    use crate::tensor::{Shape, Window};

    fn work(build: impl FnOnce(&mut GraphBuilder), shape: [usize; 3], layer: &str, kernel: &str) -> Work {
        let mut b = GraphBuilder::new(Shape { h: shape[0], w: shape[1], c: shape[2] });
        build(&mut b);
        let program = random_program(&b.finish().unwrap(), InputKind::Tensor, 1).unwrap();
        let listing: Vec<_> = program.steps.iter().map(|s| (s.name.as_str(), s.kernel.name())).collect();
        let step = program.steps.iter().find(|s| s.name.starts_with(layer) && s.kernel.name() == kernel);
        Work::of(&program, &step.unwrap_or_else(|| panic!("{listing:?}")).kernel)
    }

    fn ends(b: &mut GraphBuilder, x: usize, size: [usize; 2]) {
        let x = b.push("pool", Op::AvgPool { window: Window::whole(size) }, &[x]);
        b.dense("dense", x, 5, [1, 1]);
    }

    /// 6x5 pixels of 40 channels at 2 bits to 20 channels at 3 bits, 3x3.
    #[test]
    fn bit_convolutions() {
        let build = |b: &mut GraphBuilder| {
            let x = b.quantize("in", 0, 2);
            let x = b.conv("conv", x, 20, Window::same(3, 1, [6, 5]), Weights::Planes { bits: 3 });
            let x = b.bn_relu("conv", x);
            let x = b.quantize("out", x, 2);
            let x = b.conv("next", x, 4, Window::valid(1, 1), Weights::Planes { bits: 1 });
            let x = b.batch_norm("next", x);
            ends(b, x, [6, 5]);
        };
        let w = work(build, [6, 5, 40], "conv", "bitconv");
        // 30 pixels, 20 outputs, 9 taps, 2 words of 32 channels, 3 x 2 planes.
        assert_eq!(w.words, 30 * 20 * 9 * 2 * 6);
        assert_eq!(w.network_macs, 30 * 20 * 9 * 40);
        assert_eq!(w.macs, 0);
        // In 2 words of 2 planes, out 1 word of 2 planes.
        assert_eq!(w.tensors, 30 * 4 * (2 * 2 + 2));
        // Weights, 6 coefficients of two words, a bias of two words, 3 thresholds of two words; 4 codes of two bytes.
        assert_eq!(w.constants, 20 * (9 * 2 * 3 * 4 + 6 * 8 + 8 + 3 * 8) + 4 * 2);
        assert_eq!(w.bytes(8), 8 * w.tensors + w.constants);
    }

    #[test]
    fn bit_convolutions_in_groups() {
        let build = |b: &mut GraphBuilder| {
            let x = b.quantize("in", 0, 2);
            let options = ConvOptions { weights: Weights::Planes { bits: 1 }, groups: 4, ..ConvOptions::default() };
            let x = b.conv_with("conv", x, 12, Window::same(3, 1, [6, 5]), options);
            let x = b.batch_norm("conv", x);
            ends(b, x, [6, 5]);
        };
        let w = work(build, [6, 5, 40], "conv", "bitconv");
        assert_eq!(w.network_macs, 30 * 12 * 9 * 10);
        // 10 channels begin at 0, 10, 20 and 30: the last ones are in two words.
        assert_eq!(w.words, 30 * 12 * 9 * 2 * 2);
    }

    /// Values of 10 channels to 6, 1x1 at every second pixel: four limbs times three.
    #[test]
    fn limb_convolutions() {
        let build = |b: &mut GraphBuilder| {
            let x = b.conv("conv", 0, 6, Window::valid(1, 2), Weights::Float);
            let x = b.batch_norm("conv", x);
            ends(b, x, [3, 3]);
        };
        let w = work(build, [6, 5, 10], "conv", "limbconv");
        assert_eq!(w.network_macs, 9 * 6 * 10);
        assert_eq!((w.words, w.macs), (0, 9 * 6 * 12 * 4 * 3));
        // Limbs of 3 words of four channels in, 6 values out.
        assert_eq!(w.tensors, 30 * 3 * 4 * 4 + 9 * 6 * 4);
        // Weights of 3 words of 3 limbs; a bias of two words and a shift.
        assert_eq!(w.constants, 6 * (3 * 3 * 4 + 8 + 4));
        let dense = work(build, [6, 5, 10], "dense", "limbsum");
        assert_eq!((dense.network_macs, dense.macs), (5 * 6, 5 * 8 * 4 * 3));
    }

    /// A picture of 8x8 pixels to 5 channels, 3x3 at every second one.
    #[test]
    fn alpha_is_no_channel() {
        let mut b = GraphBuilder::new(Shape { h: 8, w: 8, c: 3 });
        let x = b.conv("conv", 0, 5, Window::same(3, 2, [8, 8]), Weights::Float);
        let x = b.bn_relu("conv", x);
        ends(&mut b, x, [4, 4]);
        let program = random_program(&b.finish().unwrap(), InputKind::Pixels, 1).unwrap();
        assert_eq!(program.input, InputForm::Pixels);
        let w = Work::of(&program, &program.steps[0].kernel);
        assert_eq!((w.network_macs, w.macs), (16 * 5 * 9 * 3, 16 * 5 * 9 * 3 * 3));
        assert_eq!(w.tensors, 64 * 4 + 16 * 5 * 4);
    }

    #[test]
    fn pools_and_pointwise() {
        let build = |b: &mut GraphBuilder| {
            let x = b.push("max", Op::MaxPool { window: Window::valid(2, 2) }, &[0]);
            let x = b.bn_relu("norm", x);
            ends(b, x, [3, 2]);
        };
        let pool = work(build, [6, 4, 10], "max", "maxpool");
        assert_eq!((pool.words, pool.macs, pool.network_macs, pool.constants), (0, 0, 0, 0));
        assert_eq!(pool.tensors, 4 * 10 * (24 + 6));
        let pointwise = work(build, [6, 4, 10], "norm", "pointwise");
        // Gain, bias of 64 bits, shift.
        assert_eq!((pointwise.tensors, pointwise.constants), (2 * 4 * 10 * 6, 10 * (4 + 8 + 4)));
    }
}
