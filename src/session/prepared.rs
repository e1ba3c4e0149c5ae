//! Programs on their device: what preparing a network makes.

use super::input::{plan, program_kind};
use super::options::MAX_BATCH;
use super::{Model, PrepareOptions};
use crate::backend::{Backend, Executable, Recorder};
use crate::error::Result;
use crate::lower::{InputForm, InputKind, Logits};
use crate::threads;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

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
    pub(super) fn new(
        model: Model,
        backend: Arc<dyn Backend>,
        max_batch: usize,
        recorder: Option<Arc<Recorder>>,
    ) -> Self {
        let max_batch = max_batch.clamp(1, MAX_BATCH);
        Programs { model, backend, max_batch, prepared: Default::default(), recorder }
    }

    /// The program for inputs of this kind.
    pub(super) fn get(&self, kind: InputKind) -> Result<Arc<Prepared>> {
        self.prepare(kind, &PrepareOptions::default())
    }

    /// As [`Programs::get`]. If the program must be prepared first, that is reported to the progress callback of
    /// `options` and can be stopped by its control.
    pub(super) fn prepare(&self, kind: InputKind, options: &PrepareOptions) -> Result<Arc<Prepared>> {
        threads::enter()?;
        let packed = self.model.packed();
        let kind = program_kind(&packed.header.preprocess.normalize, kind);
        let mut slot = self.prepared[kind as usize].lock().unwrap_or_else(PoisonError::into_inner);
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
        let (input, logits, output_words) = (plan.program().input, plan.program().logits.clone(), plan.output_words());
        let prepare = || self.backend.prepare(plan, self.max_batch, &progress);
        let executable = Recorder::host(recorder, "compile", prepare)?;
        let times = PrepareTimes { lower, compile: start.elapsed() - lower };
        let prepared = Arc::new(Prepared { input, logits, output_words, executable, times });
        *slot = Some(prepared.clone());
        Ok(prepared)
    }
}
