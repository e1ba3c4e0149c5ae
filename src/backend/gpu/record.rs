//! A plan as plain data: which shader runs on which buffers, and in what order. A recording is built and tested
//! without a GPU; the engine only executes it.

pub use super::kernels::{Nest, Products, Span, Strip, Target, Tile, Variant, WORKGROUP_SIZE};

use super::kernels;
use super::kernels::launch::{Launch, PortSource};
use crate::lower::{Kernel, TensorId};
use crate::plan::Plan;
use std::collections::HashMap;
use std::sync::Arc;

/// One kernel launch.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// The layer it belongs to.
    pub name: String,
    /// Index of the step of the program; of the first one, if the dispatch does two.
    pub step: usize,
    /// The kernel.
    pub kernel: &'static str,
    /// Whole WGSL text; launches with equal text share a pipeline.
    pub source: Arc<str>,
    /// The numbers of the layer's shape that the shader reads: the uniform at binding 1. (Binding 0 is that of the
    /// batch.)
    pub shape: Vec<u32>,
    /// Buffers by binding, from binding 2 on.
    pub bindings: Vec<Binding>,
    /// Invocations per image and layer.
    pub per_image: usize,
    /// Size along z.
    pub layers: u32,
    /// Invocations of a workgroup.
    pub workgroup_size: u32,
    /// How the kernel is run.
    pub variant: Variant,
    /// Rounds that the loops of an invocation make at most.
    pub rounds: usize,
    /// Where its invocations spend their time.
    pub nest: Nest,
}

/// A buffer of a dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Which buffer.
    pub buffer: Buffer,
    /// Whether the shader writes it.
    pub write: bool,
}

/// A buffer of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Buffer {
    /// The slot of a tensor, one image after the other.
    Tensor(TensorId),
    /// Index in [`Recording::constants`].
    Constant(usize),
}

/// A recorded plan. It can only be made from a [`Plan`], whose program has been checked, or from a graph, in float32
/// (see `float`) or for training (see `train`), and cannot be changed afterwards: its shaders run without bounds checks.
///
/// ```compile_fail,E0451
/// use lq_infer::backend::gpu::record::Recording;
/// let of_nothing = Recording { dispatches: Vec::new(), constants: Vec::new(), fold: 1 };
/// ```
#[derive(Clone, Debug)]
pub struct Recording {
    dispatches: Vec<Dispatch>,
    constants: Vec<(String, Vec<u32>)>,
    fold: u32,
}

/// The texts of shaders, shared by the dispatches that use them.
pub(super) type Sources = HashMap<String, Arc<str>>;

/// Whether one dispatch does both `kernel` and `next`, the step after it. That must not write to a slot that `kernel`
/// reads.
fn fuses(plan: &Plan, kernel: &Kernel, next: &Kernel) -> bool {
    let slot = |id: TensorId| plan.slots().slot_of[id];
    let apart = |read: TensorId| next.writes().into_iter().all(|written| slot(written) != slot(read));
    kernels::takes(kernel, next, plan.program()) && kernel.reads().into_iter().all(apart)
}

impl Recording {
    /// Records `plan` for `target`. `choose` picks one of the variants of a step, given the step's index and its
    /// variants, of which the first is thought best.
    pub fn new(plan: &Plan, target: &Target, choose: &dyn Fn(usize, &[Variant]) -> usize) -> Self {
        let mut recording = Recording::empty(target.fold);
        let mut sources = Sources::new();
        let steps = &plan.program().steps;
        let mut taken = false;
        for (index, step) in steps.iter().enumerate() {
            if std::mem::take(&mut taken) {
                continue;
            }
            let next = steps.get(index + 1).map(|s| &s.kernel).filter(|next| fuses(plan, &step.kernel, next));
            taken = next.is_some();
            let variants = kernels::variants(&step.kernel, plan.program(), target);
            let variant = variants.get(choose(index, &variants)).copied().unwrap_or(Variant::General);
            let launch = kernels::launch(&step.kernel, next, &variant, plan.program(), target);
            recording.add(&mut sources, &step.name, index, step.kernel.name(), variant, &launch);
        }
        recording
    }

    /// A recording without dispatches.
    pub(super) fn empty(fold: u32) -> Self {
        Recording { dispatches: Vec::new(), constants: Vec::new(), fold }
    }

    /// Adds a launch of step number `step`. `sources` holds the texts so far.
    pub(super) fn add(
        &mut self,
        sources: &mut Sources,
        name: &str,
        step: usize,
        kernel: &'static str,
        variant: Variant,
        launch: &Launch,
    ) {
        let text = self.source(launch);
        let source = sources.entry(text).or_insert_with_key(|text| Arc::from(text.as_str())).clone();
        let bindings = self.bindings(name, launch);
        self.dispatches.push(Dispatch {
            name: name.to_owned(),
            step,
            kernel,
            source,
            shape: launch.header.shape_words(),
            bindings,
            per_image: launch.per_image,
            layers: launch.layers as u32,
            workgroup_size: launch.workgroup_size,
            variant,
            rounds: launch.rounds,
            nest: launch.nest,
        });
    }

    /// The dispatches, in order of execution.
    pub fn dispatches(&self) -> &[Dispatch] {
        &self.dispatches
    }

    /// Contents of the buffers that never change, each with the layer it belongs to.
    pub fn constants(&self) -> &[(String, Vec<u32>)] {
        &self.constants
    }

    /// Takes out the [`Recording::constants`], which are not needed once they are in the device's memory.
    pub(super) fn take_constants(&mut self) -> Vec<(String, Vec<u32>)> {
        std::mem::take(&mut self.constants)
    }

    /// Workgroups of a dispatch for `images` images along x, y and z: rows of at most `fold`, as many rows as it
    /// takes, and the dispatch's layers.
    pub fn workgroups(&self, dispatch: &Dispatch, images: usize) -> [u32; 3] {
        let total = (dispatch.per_image * images).div_ceil(dispatch.workgroup_size as usize);
        let fold = self.fold as usize;
        [total.min(fold) as u32, total.div_ceil(fold) as u32, dispatch.layers]
    }

    /// The largest batch for which every dispatch has at most `fold` rows and its indices fit in 32 bits.
    pub fn max_images(&self) -> usize {
        let indexed = u32::MAX as usize / 2;
        let most = |d: &Dispatch| indexed.min((self.fold as usize).pow(2).saturating_mul(d.workgroup_size as usize));
        self.dispatches.iter().map(|d| most(d) / d.per_image.max(1)).min().unwrap_or(usize::MAX)
    }

    /// The dispatch whose invocations make the most rounds.
    pub fn longest(&self) -> Option<&Dispatch> {
        self.dispatches.iter().max_by_key(|d| d.rounds)
    }

    /// The first dispatch of each distinct shader.
    pub fn pipelines(&self) -> Vec<&Dispatch> {
        let mut seen = std::collections::HashSet::new();
        self.dispatches.iter().filter(|d| seen.insert(Arc::as_ptr(&d.source))).collect()
    }

    fn source(&self, launch: &Launch) -> String {
        let mut header = launch.header.clone();
        header.number("WORKGROUP_SIZE", launch.workgroup_size as usize).number("FOLD", self.fold as usize);
        let ports: Vec<_> = launch.ports.iter().map(|(p, s)| (*p, !matches!(s, PortSource::Absent))).collect();
        header.ports(&ports);
        header.complete(&launch.files)
    }

    fn bindings(&mut self, layer: &str, launch: &Launch) -> Vec<Binding> {
        let mut bindings = Vec::new();
        for (port, source) in &launch.ports {
            let buffer = match source {
                PortSource::Absent => continue,
                PortSource::Tensor(id) => Buffer::Tensor(*id),
                PortSource::Words(words) => {
                    self.constants.push((format!("{layer}/{}", port.name), words.clone()));
                    Buffer::Constant(self.constants.len() - 1)
                }
            };
            bindings.push(Binding { buffer, write: port.write });
        }
        bindings
    }
}
