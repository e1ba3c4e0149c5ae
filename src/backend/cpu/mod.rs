//! The reference: obvious loops that define what every other kernel must compute, run one image at a time.

mod avgpool;
mod bitconv;
mod epilogue;
pub mod float;
mod join;
mod levels;
mod limbconv;
mod maxpool;
pub mod pixels;
pub mod pointwise;
pub(super) mod probe;
mod quantize;
mod slice;
mod split;

use super::timeline::{Detail, Recorder, Timeline};
use super::{Backend, Control, Executable, Peak, Traced, check_batch};
use crate::error::{Error, Result};
use crate::lower::{Kernel, Step, TensorId, TensorSpec};
use crate::plan::Plan;
use rayon::prelude::*;
use std::sync::Arc;

/// Words past the end of every slot, so that fast kernels may copy by whole registers.
pub const SLACK: usize = 16;

/// The reference kernels on this machine's processors.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    /// Whether images of a batch run on several threads (rayon's current pool).
    pub parallel: bool,
}

impl Backend for Cpu {
    fn name(&self) -> String {
        "cpu-reference".into()
    }

    fn prepare(
        &self,
        plan: Arc<Plan>,
        max_batch: usize,
        progress: &dyn Fn(usize, usize),
    ) -> Result<Box<dyn Executable>> {
        let steps = plan.program.steps.len();
        progress(steps, steps);
        Ok(Box::new(CpuNet { plan, max_batch: max_batch.max(1), parallel: self.parallel }))
    }

    fn rate(&self, peak: Peak) -> Result<f64> {
        probe::rate(peak)
    }
}

struct CpuNet {
    plan: Arc<Plan>,
    max_batch: usize,
    parallel: bool,
}

impl Executable for CpuNet {
    fn max_batch(&self) -> usize {
        self.max_batch
    }

    fn run(&self, input: &[u32], images: usize, control: &Control) -> Result<Vec<u32>> {
        self.images(input, images, control, None)
    }

    fn timed(&self, input: &[u32], images: usize, detail: Detail, control: &Control) -> Result<(Vec<u32>, Timeline)> {
        Recorder::of_cpu(detail, |steps| self.images(input, images, control, steps))
    }

    fn trace(&self, input: &[u32]) -> Result<Vec<Traced>> {
        check_batch(&self.plan, input, 1, 1)?;
        let mut arena = Arena::new(&self.plan, input)?;
        let steps = self.plan.program.steps.iter().enumerate();
        Ok(steps
            .map(|(index, step)| traced(index, step, &mut arena, |a, outputs| reference(&step.kernel, a, outputs)))
            .collect())
    }
}

/// Runs a step and keeps what it wrote.
pub fn traced(index: usize, step: &Step, arena: &mut Arena, run: impl FnOnce(&Arena, &mut [Output])) -> Traced {
    let writes = step.kernel.writes();
    arena.step(&writes, run);
    Traced { step: index, written: writes.into_iter().map(|id| (id, arena.read(id).to_vec())).collect() }
}

impl CpuNet {
    fn images(&self, input: &[u32], images: usize, control: &Control, recorder: Option<&Recorder>) -> Result<Vec<u32>> {
        check_batch(&self.plan, input, images, self.max_batch)?;
        let (from, to) = (self.plan.input_words(), self.plan.output_words());
        let mut output = vec![0; images * to];
        let one = |(input, output): (&[u32], &mut [u32])| run_image(&self.plan, input, output, control, recorder);
        if self.parallel && images > 1 {
            input.par_chunks_exact(from).zip(output.par_chunks_exact_mut(to)).try_for_each(one)?;
        } else {
            input.chunks_exact(from).zip(output.chunks_exact_mut(to)).try_for_each(one)?;
        }
        Ok(output)
    }
}

/// Runs one image and shows the words of every tensor that a step wrote, step by step. The parts of a concatenation are joined
/// one after the other, so it is shown several times and complete the last time.
pub fn trace(plan: &Plan, input: &[u32], see: &mut dyn FnMut(TensorId, &[u32])) -> Result<()> {
    let mut arena = Arena::new(plan, input)?;
    for step in &plan.program.steps {
        arena.step(&step.kernel.writes(), |arena, outputs| reference(&step.kernel, arena, outputs));
        step.kernel.writes().into_iter().for_each(|tensor| see(tensor, arena.read(tensor)));
    }
    Ok(())
}

fn run_image(
    plan: &Plan,
    input: &[u32],
    output: &mut [u32],
    control: &Control,
    recorder: Option<&Recorder>,
) -> Result<()> {
    let mut arena = Arena::new(plan, input)?;
    for (index, step) in plan.program.steps.iter().enumerate() {
        control.check()?;
        Recorder::step(recorder, index, step, || {
            arena.step(&step.kernel.writes(), |arena, outputs| reference(&step.kernel, arena, outputs));
        });
    }
    output.copy_from_slice(&arena.read(plan.program.logits.tensor())[..output.len()]);
    Ok(())
}

/// The slots of one image, each with [`SLACK`] words past its end that may be read.
pub struct Arena<'a> {
    plan: &'a Plan,
    slots: Vec<Vec<u32>>,
}

impl<'a> Arena<'a> {
    /// Empty slots, and the input in its own.
    pub fn new(plan: &'a Plan, input: &[u32]) -> Result<Self> {
        let slots = plan.slots.iter().map(|&words| zeroed(words + SLACK)).collect::<Result<_>>()?;
        Ok(Self::with_slots(plan, slots, input))
    }

    /// The slots of an earlier run of the same plan.
    pub fn with_slots(plan: &'a Plan, mut slots: Vec<Vec<u32>>, input: &[u32]) -> Self {
        slots[plan.slot_of[0]][..input.len()].copy_from_slice(input);
        Arena { plan, slots }
    }

    pub fn into_slots(self) -> Vec<Vec<u32>> {
        self.slots
    }

    pub fn spec(&self, id: TensorId) -> &TensorSpec {
        &self.plan.program.tensors[id]
    }

    pub fn read(&self, id: TensorId) -> &[u32] {
        &self.slots[self.plan.slot_of[id]][..self.spec(id).image_words()]
    }

    /// As [`Arena::read`], with [`SLACK`] more words of no meaning.
    pub fn slack(&self, id: TensorId) -> &[u32] {
        &self.slots[self.plan.slot_of[id]][..self.spec(id).image_words() + SLACK]
    }

    /// Takes the slots of `writes` (one or two tensors) out of the arena, so that `run` can write them while it reads others.
    pub fn step(&mut self, writes: &[TensorId], run: impl FnOnce(&Arena, &mut [Output])) {
        let mut taken: [Vec<u32>; 2] = Default::default();
        for (slot, &id) in taken.iter_mut().zip(writes) {
            *slot = std::mem::take(&mut self.slots[self.plan.slot_of[id]]);
        }
        let [first, second] = &mut taken;
        match *writes {
            [a] => run(self, &mut [self.output(a, first)]),
            [a, b] => run(self, &mut [self.output(a, first), self.output(b, second)]),
            // No kernel writes more, and one that writes nothing has nothing to do.
            _ => {}
        }
        for (slot, &id) in taken.into_iter().zip(writes) {
            self.slots[self.plan.slot_of[id]] = slot;
        }
    }

    fn output<'b>(&'b self, id: TensorId, slot: &'b mut [u32]) -> Output<'b> {
        let spec = self.spec(id);
        Output { id, spec, data: &mut slot[..spec.image_words()] }
    }
}

/// Runs the reference of `kernel`.
pub fn reference(kernel: &Kernel, arena: &Arena, outputs: &mut [Output]) {
    match kernel {
        Kernel::BitConv(k) => bitconv::run(k, arena, outputs),
        Kernel::LimbConv(k) => limbconv::run(k, arena, outputs),
        Kernel::LimbSum(k) => limbconv::run_sums(k, arena, outputs[0].data),
        Kernel::Quantize(k) => quantize::run(k, arena, &mut outputs[0]),
        Kernel::Pointwise(k) => pointwise::run(k, arena, &mut outputs[0]),
        Kernel::MaxPool(k) => maxpool::run(k, arena, &mut outputs[0]),
        Kernel::AvgPool(k) => avgpool::run(k, arena, &mut outputs[0]),
        Kernel::Split(k) => split::run(k, arena, outputs[0].data),
        Kernel::Slice(k) => slice::run(k, arena, &mut outputs[0]),
        Kernel::Levels(k) => levels::run(k, arena, &mut outputs[0]),
        Kernel::Join(k) => join::run(k, arena, &mut outputs[0]),
    }
}

/// A tensor that a kernel writes.
pub struct Output<'a> {
    pub id: TensorId,
    pub spec: &'a TensorSpec,
    pub data: &'a mut [u32],
}

fn zeroed(words: usize) -> Result<Vec<u32>> {
    let mut slot = Vec::new();
    slot.try_reserve_exact(words).map_err(|_| Error::OutOfMemory {
        device: "cpu".into(),
        problem: format!("{} bytes of activations", words * 4),
    })?;
    slot.resize(words, 0);
    Ok(slot)
}

/// Input pixel and tap index of every tap that lies inside the input, for output position (y, x).
pub fn inside(
    window: &crate::tensor::Window,
    input: crate::tensor::Shape,
    y: usize,
    x: usize,
) -> impl Iterator<Item = (usize, usize)> + '_ {
    let [kh, kw] = window.kernel;
    (0..kh).flat_map(move |ky| (0..kw).map(move |kx| (ky, kx))).filter_map(move |(ky, kx)| {
        let iy = window.source(0, y, ky, input.h)?;
        let ix = window.source(1, x, kx, input.w)?;
        Some((iy * input.w + ix, ky * kw + kx))
    })
}
