//! The reference: obvious loops that define what every other kernel must compute. They run one image at a time.

mod avgpool;
mod bitconv;
mod epilogue;
pub mod float;
mod join;
mod levels;
mod limbconv;
mod maxpool;
pub mod pointwise;
mod probe;
mod quantize;
mod slice;
mod split;

use super::arena::{Arena, ArenaLayout, Output, traced};
use super::control::Control;
use super::interface::{Backend, Executable, Progress, Traced, check_batch};
use super::peak::Peak;
use super::timeline::{Detail, Recorder, Timeline};
use crate::error::Result;
use crate::lower::{Kernel, TensorId};
use crate::plan::Plan;
use rayon::prelude::*;
use std::any::Any;
use std::sync::Arc;

/// The backend that runs the reference kernels on the CPU.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    /// Whether images of a batch run on several threads (rayon's current pool).
    pub parallel: bool,
}

impl Backend for Reference {
    fn name(&self) -> String {
        "cpu-reference".into()
    }

    fn prepare(&self, plan: Arc<Plan>, max_batch: usize, progress: Progress) -> Result<Box<dyn Executable>> {
        let steps = plan.program().steps.len();
        progress(steps, steps)?;
        Ok(Box::new(ReferenceNet {
            memory: ArenaLayout::of(&plan),
            plan,
            max_batch: max_batch.max(1),
            parallel: self.parallel,
        }))
    }

    fn rate(&self, peak: Peak) -> Result<f64> {
        probe::rate(peak)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct ReferenceNet {
    memory: ArenaLayout,
    plan: Arc<Plan>,
    max_batch: usize,
    parallel: bool,
}

impl Executable for ReferenceNet {
    fn as_any(&self) -> &dyn Any {
        self
    }

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
        check_batch(input.len(), 1, self.plan.input_words(), 1)?;
        let mut arena = Arena::new(&self.memory, input)?;
        let steps = self.plan.program().steps.iter().enumerate();
        Ok(steps
            .map(|(index, step)| {
                traced(index, &step.kernel.writes(), &mut arena, |a, outputs| run_kernel(&step.kernel, a, outputs))
            })
            .collect())
    }
}

impl ReferenceNet {
    fn images(&self, input: &[u32], images: usize, control: &Control, recorder: Option<&Recorder>) -> Result<Vec<u32>> {
        check_batch(input.len(), images, self.plan.input_words(), self.max_batch)?;
        let (from, to) = (self.plan.input_words(), self.plan.output_words());
        let mut output = vec![0; images * to];
        let one = |(input, output): (&[u32], &mut [u32])| self.image(input, output, control, recorder);
        if self.parallel && images > 1 {
            input.par_chunks_exact(from).zip(output.par_chunks_exact_mut(to)).try_for_each(one)?;
        } else {
            input.chunks_exact(from).zip(output.chunks_exact_mut(to)).try_for_each(one)?;
        }
        Ok(output)
    }

    fn image(&self, input: &[u32], output: &mut [u32], control: &Control, recorder: Option<&Recorder>) -> Result<()> {
        let mut arena = Arena::new(&self.memory, input)?;
        for (index, step) in self.plan.program().steps.iter().enumerate() {
            control.check()?;
            Recorder::step(recorder, index, &step.name, step.kernel.name(), || {
                arena.step(&step.kernel.writes(), |arena, outputs| run_kernel(&step.kernel, arena, outputs));
            });
        }
        output.copy_from_slice(&arena.read(self.memory.output())[..output.len()]);
        Ok(())
    }
}

/// Runs one image and calls `see` with the words of every tensor that a step wrote. A concatenation is written by
/// several steps, so `see` gets it several times; it is complete the last time.
pub fn trace(plan: &Plan, input: &[u32], see: &mut dyn FnMut(TensorId, &[u32])) -> Result<()> {
    let layout = ArenaLayout::of(plan);
    let mut arena = Arena::new(&layout, input)?;
    for step in &plan.program().steps {
        arena.step(&step.kernel.writes(), |arena, outputs| run_kernel(&step.kernel, arena, outputs));
        step.kernel.writes().into_iter().for_each(|tensor| see(tensor, arena.read(tensor)));
    }
    Ok(())
}

/// Runs the reference of `kernel`.
pub fn run_kernel(kernel: &Kernel, arena: &Arena, outputs: &mut [Output]) {
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
