//! A plan prepared for this machine's processors.

use super::level::Level;
use super::step::PreparedStep;
use super::threads::Threads;
use super::tiles::Tiles;
use crate::backend::arena::{Arena, ArenaLayout, Output, traced};
use crate::backend::control::Control;
use crate::backend::interface::{Executable, Traced, check_batch};
use crate::backend::timeline::{Detail, Recorder, Timeline};
use crate::error::{Error, Result};
use crate::plan::Plan;
use rayon::prelude::*;
use std::any::Any;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A plan laid out for this machine. It keeps nothing of the plan that running does not need.
pub struct CpuNet {
    level: Level,
    threads: Threads,
    memory: ArenaLayout,
    steps: Vec<PreparedStep>,
    max_batch: usize,
    /// For images that have one thread each.
    alone: Tiles,
    /// For an image that has all threads.
    shared: Tiles,
    /// Slots of earlier runs, for reuse.
    arenas: Mutex<Vec<Vec<Vec<u32>>>>,
}

impl CpuNet {
    /// Prepares `plan` for batches of up to `max_batch` images, at least one.
    pub(super) fn new(plan: &Plan, level: Level, threads: Threads, max_batch: usize) -> Self {
        let steps = &plan.program().steps;
        CpuNet {
            memory: ArenaLayout::of(plan),
            steps: threads.run(|| steps.par_iter().map(|step| PreparedStep::new(plan, step, level)).collect()),
            max_batch: max_batch.max(1),
            alone: Tiles::new(1),
            shared: Tiles::new(threads.count()),
            arenas: Mutex::default(),
            level,
            threads,
        }
    }
}

impl Executable for CpuNet {
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
        check_batch(input.len(), 1, self.memory.input_words(), 1)?;
        self.threads.run(|| {
            let mut arena = Arena::new(&self.memory, input)?;
            let trace = self.steps.iter().enumerate().map(|(index, step)| {
                let run = |arena: &Arena, outputs: &mut [Output]| step.run(self.level, arena, outputs, &self.shared);
                traced(index, &step.writes, &mut arena, run)
            });
            Ok(trace.collect())
        })
    }
}

impl CpuNet {
    /// Runs a batch, and times its steps if there is a recorder.
    fn images(&self, input: &[u32], images: usize, control: &Control, recorder: Option<&Recorder>) -> Result<Vec<u32>> {
        check_batch(input.len(), images, self.memory.input_words(), self.max_batch)?;
        let (from, to) = (self.memory.input_words(), self.memory.output_words());
        let mut output = vec![0; images * to];
        // Every thread computes the same number of whole images; all threads together compute each of those that are
        // left.
        let together = images - images % self.shared.threads;
        let image = |tiles: &Tiles, index: usize, output: &mut [u32]| {
            self.image(&input[index * from..][..from], output, tiles, control, recorder)
        };
        self.threads.run(|| {
            let (first, rest) = output.split_at_mut(together * to);
            first.par_chunks_exact_mut(to).enumerate().try_for_each(|(i, out)| image(&self.alone, i, out))?;
            rest.chunks_exact_mut(to).enumerate().try_for_each(|(i, out)| image(&self.shared, together + i, out))
        })?;
        Ok(output)
    }

    /// Runs one step `repeats` times on an input of zeros.
    pub fn rerun(&self, step: usize, repeats: usize) -> Result<()> {
        let step = self.steps.get(step).ok_or_else(|| Error::Usage(format!("there is no step {step}")))?;
        let input = vec![0; self.memory.input_words()];
        self.threads.run(|| {
            let mut arena = self.arena(&input)?;
            for _ in 0..repeats {
                arena.step(&step.writes, |arena, outputs| step.run(self.level, arena, outputs, &self.shared));
            }
            self.arenas().push(arena.into_slots());
            Ok(())
        })
    }

    fn arenas(&self) -> MutexGuard<'_, Vec<Vec<Vec<u32>>>> {
        self.arenas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The slots of an earlier run, or new ones.
    fn arena(&self, input: &[u32]) -> Result<Arena<'_>> {
        let slots = self.arenas().pop();
        match slots {
            Some(slots) => Ok(Arena::with_slots(&self.memory, slots, input)),
            None => Arena::new(&self.memory, input),
        }
    }

    /// Runs one image.
    fn image(
        &self,
        input: &[u32],
        output: &mut [u32],
        tiles: &Tiles,
        control: &Control,
        recorder: Option<&Recorder>,
    ) -> Result<()> {
        let mut arena = self.arena(input)?;
        let done = self.steps.iter().enumerate().try_for_each(|(index, step)| {
            control.check()?;
            Recorder::step(recorder, index, &step.name, step.kernel, || {
                arena.step(&step.writes, |arena, outputs| step.run(self.level, arena, outputs, tiles));
            });
            Ok(())
        });
        if done.is_ok() {
            output.copy_from_slice(arena.read(self.memory.output()));
        }
        self.arenas().push(arena.into_slots());
        done
    }
}
