//! Programs on their device: what preparing a network makes.

use super::input::{plan, program_kind};
use super::options::MAX_BATCH;
use super::{Model, PrepareOptions};
use crate::backend::gpu::{Gpu, GpuNet};
use crate::backend::{Backend, Executable, Recorder};
use crate::error::{Error, Result};
use crate::lower::{InputForm, InputKind, Logits};
use crate::platform::{BROWSER, Instant};
use crate::threads;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// With fewer words, waking threads takes longer than making logits of all of them.
const WORTH_WAKING: usize = 1 << 15;

/// The programs of one model on one device, each prepared when it is first needed.
pub(super) struct Programs {
    pub model: Model,
    pub backend: Arc<dyn Backend>,
    max_batch: usize,
    /// The program for pixels and the one for tensors.
    prepared: [Mutex<Option<Arc<Prepared>>>; 2],
    /// Set when the engine is profiled.
    pub recorder: Option<Arc<Recorder>>,
}

/// One program on its device, and what the host does before and after. The plan is not kept: its weights are on the
/// device by now.
pub(super) struct Prepared {
    pub input: InputForm,
    /// Words of the input of one image.
    pub input_words: usize,
    pub logits: Logits,
    /// Words of the logits of one image.
    pub output_words: usize,
    pub executable: Box<dyn Executable>,
    pub times: PrepareTimes,
}

/// How long it took to prepare a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrepareTimes {
    /// From the graph to a plan in integers.
    pub lower: Duration,
    /// Kernels, weights and memory of the device.
    pub compile: Duration,
}

impl Programs {
    /// None of the programs is prepared yet.
    pub(super) fn new(
        model: Model,
        backend: Arc<dyn Backend>,
        max_batch: usize,
        recorder: Option<Arc<Recorder>>,
    ) -> Result<Self> {
        if !(1..=MAX_BATCH).contains(&max_batch) {
            return Err(Error::Usage(format!("the largest batch is {max_batch} images, expected 1 to {MAX_BATCH}")));
        }
        Ok(Programs { model, backend, max_batch, prepared: Default::default(), recorder })
    }

    /// The program for inputs of this kind.
    pub(super) fn get(&self, kind: InputKind) -> Result<Arc<Prepared>> {
        self.prepare(kind, &PrepareOptions::default())
    }

    /// As [`Programs::get`]. If the program must be prepared first, that is reported to the progress callback of
    /// `options` and can be stopped by its control.
    pub(super) fn prepare(&self, kind: InputKind, options: &PrepareOptions) -> Result<Arc<Prepared>> {
        if BROWSER && Gpu::of(&*self.backend).is_some() {
            return self.existing(kind).ok_or_else(|| Error::must_be_awaited("the calls that are awaited"));
        }
        self.begin(kind, options)
    }

    /// [`Programs::prepare`] for browsers, too. Natively it does not wait.
    pub(super) async fn ready(&self, kind: InputKind, options: &PrepareOptions) -> Result<Arc<Prepared>> {
        let prepared = self.begin(kind, options)?;
        if let Some(gpu) = GpuNet::of(&*prepared.executable)
            && let Err(error) = gpu.settled().await
        {
            *self.slot(kind) = None;
            return Err(error);
        }
        Ok(prepared)
    }

    /// The program for inputs of this kind, if it is prepared and no thread is just preparing it.
    pub(super) fn existing(&self, kind: InputKind) -> Option<Arc<Prepared>> {
        self.slot_of(kind).try_lock().ok().and_then(|slot| slot.clone())
    }

    fn slot(&self, kind: InputKind) -> MutexGuard<'_, Option<Arc<Prepared>>> {
        self.slot_of(kind).lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot_of(&self, kind: InputKind) -> &Mutex<Option<Arc<Prepared>>> {
        &self.prepared[program_kind(&self.model.header().preprocess.normalize, kind) as usize]
    }

    /// Prepares the program, unless it is. What a browser's GPU has to say about that comes later.
    fn begin(&self, kind: InputKind, options: &PrepareOptions) -> Result<Arc<Prepared>> {
        threads::enter()?;
        let packed = self.model.packed();
        let mut slot = self.slot(kind);
        if let Some(prepared) = &*slot {
            return Ok(prepared.clone());
        }
        options.control.check()?;
        let start = Instant::now();
        let recorder = self.recorder.as_deref();
        let plan = Recorder::host(recorder, "lower", || plan(packed, kind))?;
        let lower = start.elapsed();
        let progress = |done: usize, total: usize| {
            options.control.check()?;
            options.progress.iter().for_each(|tell| tell(done, total));
            Ok(())
        };
        options.control.check()?;
        let (input, logits) = (plan.program().input, plan.program().logits.clone());
        let (input_words, output_words) = (plan.input_words(), plan.output_words());
        let prepare = || self.backend.prepare(plan, self.max_batch, &progress);
        let executable = Recorder::host(recorder, "compile", prepare)?;
        let times = PrepareTimes { lower, compile: start.elapsed() - lower };
        let prepared = Arc::new(Prepared { input, input_words, logits, output_words, executable, times });
        *slot = Some(prepared.clone());
        Ok(prepared)
    }
}

impl Prepared {
    /// The runs that a batch of `images` images with `elements` numbers each takes: the ranges of these numbers. They are as
    /// long as each other, or nearly so.
    pub(super) fn runs(&self, images: usize, elements: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let runs = images.div_ceil(self.executable.images_per_run());
        let first = move |run: usize| images * run / runs * elements;
        (0..runs).map(move |run| first(run)..first(run + 1))
    }

    /// The logits of each image of a run.
    pub(super) fn logits(&self, sums: &[u32]) -> Vec<Vec<f32>> {
        let images = sums.chunks_exact(self.output_words).collect();
        threads::each(images, sums.len() >= WORTH_WAKING, |sums| self.logits.to_floats(sums))
    }
}
