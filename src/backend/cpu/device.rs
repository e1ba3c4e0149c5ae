//! This machine's processors as a device.

use super::level::Level;
use super::net::CpuNet;
use super::probe::{Count, Dot, Operation, Repeat};
use super::threads::Threads;
use crate::backend::interface::{Backend, Executable, Progress};
use crate::backend::peak::{Copy, Peak, best_rate};
use crate::error::Result;
use crate::plan::Plan;
use rayon::prelude::*;
use std::any::Any;
use std::sync::Arc;

/// This machine's processors, using one of their instruction sets.
#[derive(Clone)]
pub struct Cpu {
    level: Level,
    /// Whether this is the fastest instruction set that the processor has.
    best: bool,
    threads: Threads,
}

impl Cpu {
    /// One for each instruction set that this processor has, fastest first.
    pub fn all() -> Vec<Cpu> {
        let levels = Level::all().into_iter().enumerate();
        levels.map(|(index, level)| Cpu { level, best: index == 0, threads: Threads::default() }).collect()
    }

    /// Computes on the threads of `pool` instead of rayon's global ones.
    pub fn with_pool(self, pool: Arc<rayon::ThreadPool>) -> Self {
        Cpu { threads: Threads::of(pool), ..self }
    }

    /// Name of the instruction set.
    pub fn instructions(&self) -> &'static str {
        self.level.name()
    }

    /// How many threads compute.
    pub fn threads(&self) -> usize {
        self.threads.count()
    }

    /// On every thread, ANDs at least `words` words, counts their ones and adds up the counts, as fast as the
    /// instruction set allows. Returns the number of words of all threads together.
    pub fn popcount_peak(&self, words: u64) -> u64 {
        self.repeat::<Count>(words)
    }

    /// Repeats an operation at least `amount` times on every thread. Returns the number of repetitions in all.
    fn repeat<O: Operation>(&self, amount: u64) -> u64 {
        let one = || std::hint::black_box(self.level.run(Repeat::<O>::new(amount))).0;
        self.threads.run(|| rayon::broadcast(|_| one()).into_iter().sum())
    }

    /// As [`Backend::prepare`], but returns the concrete type, which can repeat single steps.
    pub fn prepare_net(&self, plan: Arc<Plan>, max_batch: usize) -> CpuNet {
        CpuNet::new(&plan, self.level, self.threads.clone(), max_batch)
    }
}

impl Default for Cpu {
    /// With the fastest instructions, on rayon's global threads.
    fn default() -> Self {
        Cpu { level: Level::best(), best: true, threads: Threads::default() }
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
            Peak::ByteProducts => best_rate(|amount| Ok(self.repeat::<Dot>(amount))),
            Peak::Bytes => {
                let copy = |(to, from): (&mut [u32], &[u32])| to.copy_from_slice(from);
                Copy::new()?.rate(|to, from| {
                    let size = from.len().div_ceil(self.threads());
                    self.threads.run(|| to.par_chunks_mut(size).zip(from.par_chunks(size)).for_each(copy));
                })
            }
        }
    }

    fn prepare(&self, plan: Arc<Plan>, max_batch: usize, progress: Progress) -> Result<Box<dyn Executable>> {
        let total = plan.program().steps.len();
        let net = self.prepare_net(plan, max_batch);
        progress(total, total)?;
        Ok(Box::new(net))
    }
}
