//! Buffers and launches as they are collected.

use super::{BufferId, Knobs, quads};
use crate::backend::gpu::device::Gpu;
use crate::backend::gpu::kernels::launch::Launch;
use crate::backend::gpu::record::{Recording, Sources, Target, Variant};
use crate::tensor::Shape;

/// Multiply-adds and launches that a slow GPU does in a second, by which the first submissions are made.
const PRODUCTS: f64 = 20e9;
const LAUNCHES: f64 = 20e3;

/// A tensor in a buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tensor {
    pub buffer: BufferId,
    pub shape: Shape,
}

/// Where a gradient goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Into {
    pub tensor: Tensor,
    /// Whether it is added to what is there.
    pub adds: bool,
}

/// A buffer that is asked for.
#[derive(Clone, Debug)]
pub(in crate::backend::gpu) struct Wanted {
    pub name: String,
    pub words: usize,
}

/// Collects buffers and launches.
pub(crate) struct Recorder {
    pub(in crate::backend::gpu) recording: Recording,
    pub(in crate::backend::gpu) buffers: Vec<Wanted>,
    /// Whether each dispatch is as large as the batch; others are done once.
    pub(in crate::backend::gpu) by_image: Vec<bool>,
    /// Images of the largest batch.
    pub(in crate::backend::gpu) images: usize,
    pub(super) target: Target,
    /// Whether it is for a rasteriser, which has few threads.
    pub(super) software: bool,
    sources: Sources,
    /// Multiply-adds for each image, so far.
    products: usize,
    /// The layer whose launches are added.
    layer: String,
}

/// Where launches put what only the next ones read.
pub(super) const SCRATCH: BufferId = 0;
/// Zeros, for what a launch has not got.
pub(super) const NOTHING: BufferId = 1;
/// [`Knobs`].
pub(super) const KNOBS: BufferId = 2;

/// How often a launch is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    ByImage,
    Once,
}

impl Recorder {
    /// The buffer with [`Knobs`].
    pub(crate) const KNOBS: BufferId = KNOBS;

    /// For batches of up to `images` images on `gpu`.
    pub(crate) fn on(gpu: &Gpu, images: usize) -> Self {
        let like_hardware = gpu.known_strengths().get().is_some_and(|known| known.sharing);
        Self::new(gpu.target(), gpu.info().software && !like_hardware, images)
    }

    /// For batches of up to `images` images, on a rasteriser or on hardware.
    pub(crate) fn new(target: Target, software: bool, images: usize) -> Self {
        let mut recorder = Recorder {
            recording: Recording::empty(target.fold),
            buffers: Vec::new(),
            by_image: Vec::new(),
            images,
            target,
            software,
            sources: Sources::new(),
            products: 0,
            layer: String::new(),
        };
        recorder.buffer("partial results", 4);
        recorder.buffer("zeros", 4);
        recorder.buffer("settings", Knobs::COUNT);
        recorder
    }

    /// A buffer of so many words, which are 0 at first.
    pub(crate) fn buffer(&mut self, name: &str, words: usize) -> BufferId {
        self.buffers.push(Wanted { name: name.to_owned(), words: words.next_multiple_of(4).max(4) });
        self.buffers.len() - 1
    }

    /// A buffer for tensors of the batch with so many words for each image.
    pub(crate) fn batch_buffer(&mut self, name: &str, words: usize) -> BufferId {
        self.buffer(name, words * self.images)
    }

    /// How many launches there are so far.
    pub(crate) fn len(&self) -> usize {
        self.by_image.len()
    }

    /// What was recorded, without its buffers.
    pub(crate) fn into_recording(self) -> Recording {
        self.recording
    }

    /// Names the layer to which the launches that follow belong.
    pub(crate) fn layer(&mut self, name: &str) -> &mut Self {
        self.layer = name.to_owned();
        self
    }

    /// Notes that so many products are made for each image.
    pub(super) fn multiplies(&mut self, products: usize) {
        self.products += products;
    }

    /// What the launches so far are expected to take for a batch on a slow GPU.
    pub(crate) fn seconds(&self) -> f64 {
        self.products as f64 * self.images as f64 / PRODUCTS + self.len() as f64 / LAUNCHES
    }

    /// Makes a buffer at least so large.
    pub(super) fn at_least(&mut self, buffer: BufferId, words: usize) {
        let wanted = &mut self.buffers[buffer];
        if words > wanted.words {
            wanted.words = words.next_multiple_of(4);
            if buffer == SCRATCH {
                wanted.name = format!("partial results of layer '{}'", self.layer);
            }
        }
    }

    /// Adds a launch.
    pub(super) fn add(&mut self, kernel: &'static str, launch: Launch, extent: Extent) {
        self.by_image.push(extent == Extent::ByImage);
        let step = self.by_image.len() - 1;
        self.recording.add(&mut self.sources, &self.layer, step, kernel, Variant::General, &launch);
    }

    /// Into how many parts `rows` are divided, so that together with `each` invocations for a part they fill the device.
    pub(super) fn parts(&self, rows: usize, each: usize) -> usize {
        let wanted = if self.software { FEW } else { MANY };
        (wanted / each.max(1)).clamp(1, rows.max(1))
    }
}

/// Invocations among which sums are divided: enough for a rasteriser's threads, or to fill a GPU.
const FEW: usize = 1 << 9;
const MANY: usize = 1 << 15;

impl Tensor {
    /// Vectors for each image.
    pub(super) fn vectors(&self) -> usize {
        self.shape.pixels() * quads(self.shape.c)
    }
}
