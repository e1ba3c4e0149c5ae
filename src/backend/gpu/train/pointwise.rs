//! Batch norms, ReLUs and quantizers, forward and back.

use super::bases::{ActivationBasis, describe, sums};
use super::recorder::{Extent, NOTHING, SCRATCH};
use super::{BufferId, Into, Recorder, Tensor, quads, row};
use crate::backend::gpu::header::Header;
use crate::backend::gpu::kernels::launch::Launch;
use crate::backend::gpu::kernels::rounds::rounds;
use crate::backend::gpu::record::WORKGROUP_SIZE;
use crate::backend::gpu::table::QUAD;
use crate::graph::Ties;

const ROWS: &str = include_str!("../../../../shaders/train/rows.wgsl");
const AFFINE: &str = include_str!("../../../../shaders/train/affine.wgsl");
const MOMENTS: &str = include_str!("../../../../shaders/train/moments.wgsl");
const NORM: &str = include_str!("../../../../shaders/train/norm.wgsl");
const POINTWISE: &str = include_str!("../../../../shaders/train/pointwise.wgsl");
const SLOPE: &str = include_str!("../../../../shaders/train/slope.wgsl");
const SLOPES: &str = include_str!("../../../../shaders/train/slopes.wgsl");
const SLOPES_SUM: &str = include_str!("../../../../shaders/train/slopes.sum.wgsl");
const THROUGH: &str = include_str!("../../../../shaders/train/through.wgsl");

/// Invocations that work together.
const TEAM: usize = WORKGROUP_SIZE as usize;
/// Quantizers with so many bits compare with all thresholds; others search.
const FEW_BITS: usize = 3;
/// Parts of the sums that one workgroup adds up, together.
const MOST_SUMS: usize = 1 << 13;

/// Where the numbers of a batch norm are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NormPlaces {
    pub epsilon: f64,
    pub gamma: usize,
    pub beta: usize,
    pub mean: usize,
    pub variance: usize,
    /// The buffer for the affine function: `[4, channels]`.
    pub affine: BufferId,
    /// The buffer for the means of gradients: `[2, channels]`.
    pub means: BufferId,
}

/// The buffers of all batch norms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Norms {
    pub values: BufferId,
    pub gradients: BufferId,
    pub statistics: BufferId,
}

/// A batch norm, ReLU and quantizer, each of which may be absent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PointwiseLayer {
    pub norm: Option<NormPlaces>,
    pub relu: bool,
    pub basis: Option<ActivationBasis>,
}

impl PointwiseLayer {
    fn describe(&self, header: &mut Header, x: Tensor) {
        match &self.basis {
            Some(basis) => basis.describe(header),
            None => describe(header, 0, "0.0", Ties::Below),
        }
        header.flag("RELU", self.relu).flag("HAS_NORM", self.norm.is_some());
        header.flag("FEW", self.basis.is_some_and(|basis| basis.bits <= FEW_BITS));
        header.shape("CHANNELS", x.shape.c).shape("QUADS", quads(x.shape.c)).shape("PIXELS", x.shape.pixels());
    }

    /// Connects what all shaders of a layer read.
    fn connect(&self, launch: &mut Launch) {
        launch.read("affine", "vec4<f32>", self.norm.map(|norm| norm.affine));
        launch.read("levels", "f32", self.basis.map_or(NOTHING, |basis| basis.levels));
    }
}

impl Recorder {
    /// Adds the pass forward: by the statistics of the batch in training, else by their averages.
    pub(crate) fn pointwise(&mut self, layer: &PointwiseLayer, norms: &Norms, x: Tensor, to: BufferId, training: bool) {
        if let Some(norm) = &layer.norm {
            self.norm(norm, norms, x, training);
        }
        if let Some(basis) = &layer.basis {
            self.levels(basis);
        }
        self.at_least(NOTHING, 4);
        let (parts, vectors) = self.divided(x);
        let learns = training && layer.basis.is_some();
        let mut launch = Launch::new(parts * vectors, &[ROWS, AFFINE, POINTWISE]);
        let levels = layer.basis.map_or(0, |basis| match basis.bits {
            ..=FEW_BITS => rounds((1 << basis.bits) - 1, 0),
            bits => QUAD * rounds(bits, 0),
        });
        launch.rounds = rounds(self.each(x, parts), levels);
        layer.describe(&mut launch.header, x);
        launch.header.shape("PARTS", parts).flag("LEARNS", learns);
        launch.read("input", "vec4<f32>", x.buffer);
        layer.connect(&mut launch);
        launch.write("output", "vec4<f32>", to).write("parts", "f32", learns.then_some(SCRATCH));
        self.add("train.pointwise", launch, Extent::Once);
        if let Some(basis) = layer.basis.as_ref().filter(|_| learns) {
            self.at_least(SCRATCH, sums(basis.bits) * parts * vectors);
            self.learn(basis, parts * vectors, [x.shape.pixels(), x.shape.c]);
        }
    }

    /// Into how many parts the pixels of a batch are divided, and the vectors of a pixel.
    fn divided(&self, x: Tensor) -> (usize, usize) {
        let vectors = quads(x.shape.c);
        let parts = self.parts(self.images * x.shape.pixels(), vectors);
        (parts.min((MOST_SUMS / vectors).max(TEAM)), vectors)
    }

    /// Pixels of a part.
    fn each(&self, x: Tensor, parts: usize) -> usize {
        (self.images * x.shape.pixels()).div_ceil(parts)
    }

    fn norm(&mut self, norm: &NormPlaces, norms: &Norms, x: Tensor, training: bool) {
        let (parts, vectors) = self.divided(x);
        if training {
            let mut launch = Launch::new(parts * vectors, &[ROWS, MOMENTS]);
            launch.rounds = rounds(self.each(x, parts), 0);
            launch.header.shape("QUADS", vectors).shape("PIXELS", x.shape.pixels()).shape("PARTS", parts);
            launch.read("input", "vec4<f32>", x.buffer).write("parts", "vec4<f32>", SCRATCH);
            self.at_least(SCRATCH, 2 * QUAD * parts * vectors);
            self.add("train.moments", launch, Extent::Once);
        }
        let mut launch = Launch::new(vectors * TEAM, &[NORM]);
        launch.rounds = rounds(parts.div_ceil(TEAM), 0) + rounds(TEAM.ilog2() as usize, 0);
        let header = &mut launch.header;
        header.flag("TRAINING", training).shape("QUADS", vectors).shape("CHANNELS", x.shape.c);
        header.shape("PIXELS", x.shape.pixels()).shape("PARTS", parts);
        header.shape("GAMMA_AT", norm.gamma).shape("BETA_AT", norm.beta);
        header.shape("MEAN_AT", norm.mean).shape("VARIANCE_AT", norm.variance);
        header.shape("EPSILON", (norm.epsilon as f32).to_bits() as usize);
        launch.read("parts", "vec4<f32>", training.then_some(SCRATCH)).read("values", "f32", norms.values);
        launch.write("statistics", "f32", norms.statistics).write("affine", "f32", norm.affine);
        self.add("train.norm", launch, Extent::Once);
    }

    /// Adds the gradients of the batch norm's parameters, and that of the input if it is wanted.
    pub(crate) fn pointwise_back(
        &mut self,
        layer: &PointwiseLayer,
        norms: &Norms,
        x: Tensor,
        gradient: BufferId,
        into: Option<Into>,
    ) {
        if let Some(norm) = &layer.norm {
            self.slopes(layer, x, gradient);
            self.slopes_sum(x, norms.gradients, [norm.beta, norm.gamma], Some(norm.means));
        }
        let Some(into) = into else { return };
        let mut launch = Launch::new(x.vectors(), &[AFFINE, SLOPE, THROUGH]);
        layer.describe(&mut launch.header, x);
        launch.header.flag("ADDS", into.adds);
        launch.read("input", "vec4<f32>", x.buffer).read("gradient", "vec4<f32>", gradient);
        layer.connect(&mut launch);
        launch.read("means", "vec4<f32>", layer.norm.map(|norm| norm.means));
        launch.write("output", "vec4<f32>", into.tensor.buffer);
        self.add("train.through", launch, Extent::ByImage);
    }

    /// Adds the gradient of a bias: the sum of `gradient`.
    pub(crate) fn bias_back(&mut self, gradient: Tensor, (to, at): (BufferId, usize)) {
        let layer = PointwiseLayer { norm: None, relu: false, basis: None };
        self.slopes(&layer, gradient, gradient.buffer);
        self.slopes_sum(gradient, to, [at, 0], None);
    }

    fn slopes(&mut self, layer: &PointwiseLayer, x: Tensor, gradient: BufferId) {
        let (parts, vectors) = self.divided(x);
        let mut launch = Launch::new(parts * vectors, &[ROWS, AFFINE, SLOPE, SLOPES]);
        launch.rounds = rounds(self.each(x, parts), 0);
        layer.describe(&mut launch.header, x);
        launch.header.shape("PARTS", parts);
        launch.read("input", "vec4<f32>", x.buffer).read("gradient", "vec4<f32>", gradient);
        layer.connect(&mut launch);
        launch.write("parts", "vec4<f32>", SCRATCH);
        self.at_least(SCRATCH, 2 * QUAD * parts * vectors);
        self.add("train.slopes", launch, Extent::Once);
    }

    fn slopes_sum(&mut self, x: Tensor, to: BufferId, [beta, gamma]: [usize; 2], means: Option<BufferId>) {
        let (parts, vectors) = self.divided(x);
        let mut launch = Launch::new(vectors * TEAM, &[SLOPES_SUM]);
        launch.rounds = rounds(parts.div_ceil(TEAM), 0) + rounds(TEAM.ilog2() as usize, 0);
        let header = &mut launch.header;
        header.flag("HAS_NORM", means.is_some()).shape("QUADS", vectors).shape("CHANNELS", x.shape.c);
        header.shape("PIXELS", x.shape.pixels()).shape("PARTS", parts);
        header.shape("BETA_AT", beta).shape("GAMMA_AT", gamma);
        launch.read("parts", "vec4<f32>", SCRATCH).write("gradients", "f32", to).write("means", "f32", means);
        self.add("train.slopes_sum", launch, Extent::Once);
    }
}

impl NormPlaces {
    /// Words of the buffers for the affine function and for the means.
    pub(crate) fn words(channels: usize) -> [usize; 2] {
        [4 * row(channels), 2 * row(channels)]
    }
}
