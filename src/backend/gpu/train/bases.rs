//! Quantizers: the levels of their bases, and how these move.

use super::recorder::{Extent, KNOBS, SCRATCH};
use super::{BufferId, Knobs, Recorder};
use crate::backend::gpu::header::Header;
use crate::backend::gpu::kernels::launch::Launch;
use crate::backend::gpu::kernels::rounds::rounds;
use crate::backend::gpu::record::WORKGROUP_SIZE;
use crate::graph::{Encoding, Ties};

const SORTED: &str = include_str!("../../../../shaders/train/sorted.wgsl");
const SOLVE: &str = include_str!("../../../../shaders/train/solve.wgsl");
const COEFFICIENTS: &str = include_str!("../../../../shaders/train/coefficients.wgsl");
const WEIGHTS: &str = include_str!("../../../../shaders/train/weights.wgsl");
const LEVELS: &str = include_str!("../../../../shaders/train/levels.wgsl");
const LEARN: &str = include_str!("../../../../shaders/train/learn.wgsl");

/// Invocations that work together.
const TEAM: usize = WORKGROUP_SIZE as usize;

/// The quantizer of a convolution's weights.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WeightBasis {
    pub bits: usize,
    pub ties: Ties,
    pub outputs: usize,
    pub depth: usize,
    /// The buffer with the weights, and where they begin; their levels go to the same place of `quantized`.
    pub values: (BufferId, usize),
    pub quantized: BufferId,
    /// The buffer with the bases, `[out, bits]`, and where they begin.
    pub bases: (BufferId, usize),
}

/// The quantizer of a layer's activations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ActivationBasis {
    pub bits: usize,
    pub encoding: Encoding,
    pub ties: Ties,
    /// The buffer with the basis, and where it begins.
    pub bases: (BufferId, usize),
    /// The buffer for its levels: `[values, thresholds, codes]`.
    pub levels: BufferId,
}

impl ActivationBasis {
    /// Words of the buffer for the levels.
    pub(crate) fn level_words(bits: usize) -> usize {
        3 << bits
    }

    /// The constants of a shader that looks levels up.
    pub(super) fn describe(&self, header: &mut Header) {
        describe(header, self.bits, if self.encoding == Encoding::ZeroOne { "0.0" } else { "-1.0" }, self.ties);
    }
}

/// Sums from which a basis of so many bits learns.
pub(super) fn sums(bits: usize) -> usize {
    bits * (bits + 1) / 2 + bits
}

/// The constants of a quantizer whose clear bits multiply with `off`.
pub(super) fn describe(header: &mut Header, bits: usize, off: &str, ties: Ties) {
    header.text(&format!("const OFF: f32 = {off};\n"));
    header.number("BITS", bits).number("LEVELS", 1 << bits).flag("TIES_ABOVE", ties == Ties::Above);
    header.number("PAIRS", bits * (bits + 1) / 2).number("SUMS", sums(bits).max(1));
}

/// The constants of a shader that solves for a basis.
fn describe_solving(header: &mut Header, bits: usize) {
    header.number("SQUARE", bits * bits).number("SHARED", sums(bits) * TEAM);
    Knobs::describe(header);
}

/// Rounds of an invocation that sorts levels.
fn sorting(bits: usize) -> usize {
    let levels = 1usize << bits;
    rounds(levels.div_ceil(TEAM), rounds(bits, 0)) + rounds(levels.div_ceil(TEAM), rounds(levels, 0))
}

/// Rounds of the invocation that adds up the team's sums and solves.
fn solving(bits: usize) -> usize {
    rounds(TEAM, 0)
        + rounds(sums(bits), rounds(bits, 0))
        + rounds(bits, rounds(bits, rounds(bits, 0)) + rounds(bits, 0))
        + 2 * rounds(bits, 0)
}

impl Recorder {
    /// Gives weights their levels, and moves the bases.
    pub(crate) fn quantize_weights(&mut self, basis: &WeightBasis) {
        let WeightBasis { bits, outputs, depth, .. } = *basis;
        let mut launch = Launch::new(outputs * TEAM, &[SORTED, SOLVE, COEFFICIENTS, WEIGHTS]);
        launch.rounds = sorting(bits) + solving(bits) + rounds(depth.div_ceil(TEAM), rounds(bits, 0));
        let header = &mut launch.header;
        describe(header, bits, "-1.0", basis.ties);
        describe_solving(header, bits);
        header.shape("OUTPUTS", outputs).shape("DEPTH", depth).shape("AT", basis.values.1);
        header.shape("BASES_AT", basis.bases.1);
        launch.read("values", "f32", basis.values.0).write("bases", "f32", basis.bases.0);
        launch.write("quantized", "f32", basis.quantized).read("knobs", "f32", KNOBS);
        self.add("train.weights", launch, Extent::Once);
    }

    /// Makes the levels of a basis as it is.
    pub(crate) fn levels(&mut self, basis: &ActivationBasis) {
        let mut launch = Launch::new(TEAM, &[SORTED, LEVELS]);
        launch.rounds = sorting(basis.bits) + rounds((1usize << basis.bits).div_ceil(TEAM), 0);
        basis.describe(&mut launch.header);
        launch.header.shape("AT", basis.bases.1);
        launch.read("bases", "f32", basis.bases.0).write("levels", "f32", basis.levels);
        self.add("train.levels", launch, Extent::Once);
    }

    /// Moves a basis, given `count` of each of its sums over so many pixels and channels.
    pub(super) fn learn(&mut self, basis: &ActivationBasis, count: usize, [pixels, channels]: [usize; 2]) {
        let mut launch = Launch::new(TEAM, &[SOLVE, LEARN]);
        launch.rounds = rounds(sums(basis.bits), rounds(count.div_ceil(TEAM), 0)) + solving(basis.bits);
        basis.describe(&mut launch.header);
        describe_solving(&mut launch.header, basis.bits);
        let header = &mut launch.header;
        header.shape("COUNT", count).shape("PIXELS", pixels).shape("CHANNELS", channels).shape("AT", basis.bases.1);
        launch.read("parts", "f32", SCRATCH).read("knobs", "f32", KNOBS).write("bases", "f32", basis.bases.0);
        self.add("train.learn", launch, Extent::Once);
    }
}
