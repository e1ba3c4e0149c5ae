//! The fast CPU backend: the reference's results, with SIMD instructions and threads.

// Loops over constant ranges are unrolled and what they index stays in registers; iterators are not always.
#![allow(clippy::needless_range_loop)]

mod aligned;
mod bitconv;
mod cells;
mod codes;
mod count;
mod epilogue;
mod gather;
mod lanes;
mod level;
mod limbconv;
mod pointwise;
mod pool;
mod probe;
mod quantize;
mod rows;
mod tiles;

pub use level::Level;

use super::arena::{Arena, Output, traced};
use super::control::Control;
use super::interface::{Backend, Executable, Traced, check_batch};
use super::peak::{Copy, Peak, best_rate};
use super::reference::run_kernel;
use super::timeline::{Detail, Recorder, Timeline};
use crate::error::{Error, Result};
use crate::lower::{InputForm, Kernel, Step, TensorId};
use crate::plan::Plan;
use pool::Pooling;
use probe::{Count, Dot, Operation, Repeat};
use rayon::prelude::*;
use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tiles::Tiles;

/// This machine's processors, with one of their instruction sets.
#[derive(Clone)]
pub struct Cpu {
    level: Level,
    /// Whether there is no faster instruction set.
    best: bool,
    /// The caller's threads; rayon's global ones if None.
    pool: Option<Arc<rayon::ThreadPool>>,
}

impl Cpu {
    /// One for each instruction set that this processor has, fastest first.
    pub fn all() -> Vec<Cpu> {
        let levels = Level::all().into_iter().enumerate();
        levels.map(|(index, level)| Cpu { level, best: index == 0, pool: None }).collect()
    }

    /// Computes on the threads of `pool`.
    pub fn with_pool(self, pool: Arc<rayon::ThreadPool>) -> Self {
        Cpu { pool: Some(pool), ..self }
    }

    /// Name of the instruction set.
    pub fn instructions(&self) -> &'static str {
        self.level.name()
    }

    /// How many threads compute.
    pub fn threads(&self) -> usize {
        self.pool.as_ref().map_or_else(rayon::current_num_threads, |pool| pool.current_num_threads())
    }

    /// ANDs, counts and adds about `words` words on every thread, as fast as the instructions can. Returns how many they were
    /// in all.
    pub fn popcount_peak(&self, words: u64) -> u64 {
        self.repeat::<Count>(words)
    }

    /// Does about so much of an operation on every thread; how much it was in all.
    fn repeat<O: Operation>(&self, amount: u64) -> u64 {
        let one = || std::hint::black_box(self.level.run(Repeat::<O>::new(amount))).0;
        self.in_pool(|| rayon::broadcast(|_| one()).into_iter().sum())
    }

    /// Makes a net as [`Backend::prepare`] does, of which single steps can be repeated.
    pub fn prepare_net(&self, plan: Arc<Plan>, max_batch: usize) -> CpuNet {
        let kernels =
            self.in_pool(|| plan.program().steps.par_iter().map(|step| prepare(&plan, step, self.level)).collect());
        let (alone, shared) = (Tiles::new(1), Tiles::new(self.threads()));
        CpuNet {
            backend: self.clone(),
            plan,
            kernels,
            max_batch: max_batch.max(1),
            alone,
            shared,
            arenas: Mutex::default(),
        }
    }

    /// Runs `f` on one of the threads that compute.
    fn in_pool<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            Some(pool) => pool.install(f),
            None => rayon::scope(|_| f()),
        }
    }
}

impl Default for Cpu {
    /// With the fastest instructions and rayon's global threads.
    fn default() -> Self {
        Cpu { level: Level::best(), best: true, pool: None }
    }
}

impl Backend for Cpu {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> String {
        if self.best { "cpu".into() } else { format!("cpu-{}", self.level.name()) }
    }

    fn rate(&self, peak: Peak) -> Result<f64> {
        match peak {
            Peak::Words => best_rate(|words| Ok(self.popcount_peak(words))),
            Peak::Macs => best_rate(|amount| Ok(self.repeat::<Dot>(amount))),
            Peak::Bytes => {
                let copy = |(to, from): (&mut [u32], &[u32])| to.copy_from_slice(from);
                Copy::new()?.rate(|to, from| {
                    let size = from.len().div_ceil(self.threads());
                    self.in_pool(|| to.par_chunks_mut(size).zip(from.par_chunks(size)).for_each(copy));
                })
            }
        }
    }

    fn prepare(
        &self,
        plan: Arc<Plan>,
        max_batch: usize,
        progress: &dyn Fn(usize, usize),
    ) -> Result<Box<dyn Executable>> {
        let total = plan.program().steps.len();
        let net = self.prepare_net(plan, max_batch);
        progress(total, total);
        Ok(Box::new(net))
    }
}

/// A step in this machine's layout.
struct Prepared {
    writes: Vec<TensorId>,
    form: Form,
}

enum Form {
    BitConv(Box<bitconv::Prepared>),
    LimbConv(Box<limbconv::Prepared>),
    Quantize(Box<quantize::Prepared>),
    /// Needs no preparation.
    Plain,
}

fn prepare(plan: &Plan, step: &Step, level: Level) -> Prepared {
    let spec = |id: TensorId| plan.program().tensors[id].clone();
    let writes = step.kernel.writes();
    let form = writes.first().and_then(|&output| match &step.kernel {
        Kernel::BitConv(k) => Some(Form::BitConv(Box::new(bitconv::Prepared::new(k, spec, output, level)?))),
        Kernel::LimbConv(k) => {
            let picture = k.input == 0 && plan.program().input == InputForm::Pixels;
            Some(Form::LimbConv(Box::new(limbconv::Prepared::conv(k, picture, spec, output, level)?)))
        }
        Kernel::LimbSum(k) => Some(Form::LimbConv(Box::new(limbconv::Prepared::sums(k, spec, level)?))),
        Kernel::Quantize(k) => {
            Some(Form::Quantize(Box::new(quantize::Prepared::new(k, spec(output).planes(), level)?)))
        }
        _ => None,
    });
    Prepared { writes, form: form.unwrap_or(Form::Plain) }
}

/// A plan in this machine's layout.
pub struct CpuNet {
    backend: Cpu,
    plan: Arc<Plan>,
    kernels: Vec<Prepared>,
    max_batch: usize,
    /// For images that have a thread each, and for an image that has all threads.
    alone: Tiles,
    shared: Tiles,
    /// Slots of earlier runs.
    arenas: Mutex<Vec<Vec<Vec<u32>>>>,
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
        check_batch(input, 1, self.plan.input_words(), 1)?;
        self.backend.in_pool(|| {
            let mut arena = Arena::new(&self.plan, input)?;
            let steps = self.plan.program().steps.iter().zip(&self.kernels).enumerate();
            let trace = steps.map(|(index, (step, kernel))| {
                traced(index, step, &mut arena, |arena, outputs| self.step(step, kernel, arena, outputs, &self.shared))
            });
            Ok(trace.collect())
        })
    }
}

impl CpuNet {
    fn images(&self, input: &[u32], images: usize, control: &Control, recorder: Option<&Recorder>) -> Result<Vec<u32>> {
        check_batch(input, images, self.plan.input_words(), self.max_batch)?;
        let (from, to) = (self.plan.input_words(), self.plan.output_words());
        let mut output = vec![0; images * to];
        // Whole images to each thread; those that are left over are shared by all threads, one after the other.
        let together = images - images % self.shared.threads;
        let image = |tiles: &Tiles, index: usize, output: &mut [u32]| {
            self.image(&input[index * from..][..from], output, tiles, control, recorder)
        };
        self.backend.in_pool(|| {
            let (first, rest) = output.split_at_mut(together * to);
            first.par_chunks_exact_mut(to).enumerate().try_for_each(|(i, out)| image(&self.alone, i, out))?;
            rest.chunks_exact_mut(to).enumerate().try_for_each(|(i, out)| image(&self.shared, together + i, out))
        })?;
        Ok(output)
    }

    /// Runs one step `repeats` times on zeros.
    pub fn rerun(&self, step: usize, repeats: usize) -> Result<()> {
        let (Some(kernel), Some(step)) = (self.kernels.get(step), self.plan.program().steps.get(step)) else {
            return Err(Error::Usage(format!("there is no step {step}")));
        };
        let input = vec![0; self.plan.input_words()];
        self.backend.in_pool(|| {
            let mut arena = self.arena(&input)?;
            for _ in 0..repeats {
                arena.step(&kernel.writes, |arena, outputs| self.step(step, kernel, arena, outputs, &self.shared));
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
            Some(slots) => Ok(Arena::with_slots(&self.plan, slots, input)),
            None => Arena::new(&self.plan, input),
        }
    }

    fn image(
        &self,
        input: &[u32],
        output: &mut [u32],
        tiles: &Tiles,
        control: &Control,
        recorder: Option<&Recorder>,
    ) -> Result<()> {
        let mut arena = self.arena(input)?;
        let mut steps = self.plan.program().steps.iter().zip(&self.kernels).enumerate();
        let done = steps.try_for_each(|(index, (step, kernel))| {
            control.check()?;
            Recorder::step(recorder, index, step, || {
                arena.step(&kernel.writes, |arena, outputs| self.step(step, kernel, arena, outputs, tiles));
            });
            Ok(())
        });
        if done.is_ok() {
            output.copy_from_slice(arena.read(self.plan.program().logits.tensor()));
        }
        self.arenas().push(arena.into_slots());
        done
    }

    fn step(&self, step: &Step, kernel: &Prepared, arena: &Arena, outputs: &mut [Output], tiles: &Tiles) {
        let level = self.backend.level;
        match &kernel.form {
            Form::BitConv(k) => k.run(level, arena, outputs, tiles),
            Form::LimbConv(k) => k.run(level, arena, outputs, tiles),
            Form::Quantize(k) => k.run(level, arena, &mut outputs[0], tiles),
            Form::Plain => plain(&step.kernel, level, arena, outputs, tiles),
        }
    }
}

/// Kernels without tables, and what is left to the reference.
fn plain(kernel: &Kernel, level: Level, arena: &Arena, outputs: &mut [Output], tiles: &Tiles) {
    let out = &mut outputs[0];
    match kernel {
        Kernel::MaxPool(k) => pool::run(Pooling::Maximum, &k.window, k.input, level, arena, out, tiles),
        Kernel::AvgPool(k) => pool::run(Pooling::Mean, &k.window, k.input, level, arena, out, tiles),
        Kernel::Pointwise(k) => pointwise::run(k, level, arena, out, tiles),
        _ if rows::run(kernel, level, arena, out, tiles) => {}
        _ => run_kernel(kernel, arena, outputs),
    }
}
