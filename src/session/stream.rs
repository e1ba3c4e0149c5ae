//! Batches one after the other through a prepared network: the next one is made and sent to a GPU while it computes the one
//! before. CPUs compute when a batch is sent, so that nothing changes for them.

use super::net::Prepared;
use super::{Batch, Model};
use crate::backend::{Control, Detail, Pending, Recorder};
use crate::error::{Error, Result};

/// How closely runs are timed, and where their times go.
type Timing<'a> = Option<(Detail, &'a Recorder)>;

/// A sequence of batches of one kind. The logits come in order, those of a batch after the next one was sent.
pub(super) struct Stream<'a> {
    model: &'a Model,
    prepared: &'a Prepared,
    control: &'a Control,
    pending: Option<Pending<'a>>,
    /// If the runs are timed: one after the other.
    timing: Timing<'a>,
}

impl<'a> Stream<'a> {
    pub fn new(model: &'a Model, prepared: &'a Prepared, control: &'a Control, timing: Timing<'a>) -> Self {
        Stream { model, prepared, control, pending: None, timing }
    }

    /// Sends a batch, in pieces that fit the device; `each` is told the logits of every image that was computed before.
    pub fn send<E: From<Error>>(
        &mut self,
        batch: &Batch,
        each: &mut impl FnMut(Vec<f32>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (images, elements) = batch.images(self.model)?;
        let numbers = images * elements;
        let per_run = self.prepared.executable.max_batch() * elements;
        for start in (0..numbers).step_by(per_run) {
            self.control.check()?;
            let range = start..numbers.min(start + per_run);
            let images = range.len() / elements;
            let form = self.prepared.plan.program().input;
            let words = self.host("pack", || batch.words(self.model.packed(), form, range))?;
            let executable = &self.prepared.executable;
            let begun: Pending = match self.timing {
                None => executable.begin(&words, images, self.control)?,
                Some((detail, recorder)) => {
                    let start = recorder.now();
                    let (sums, run) = executable.timed(&words, images, detail, self.control)?;
                    recorder.insert(start, run);
                    Box::new(|_| Ok(sums))
                }
            };
            let before = self.pending.replace(begun);
            self.hand_out(before, each)?;
        }
        Ok(())
    }

    /// Waits for the last batch.
    pub fn finish<E: From<Error>>(mut self, each: &mut impl FnMut(Vec<f32>) -> Result<(), E>) -> Result<(), E> {
        let last = self.pending.take();
        self.hand_out(last, each)
    }

    fn hand_out<E: From<Error>>(
        &self,
        pending: Option<Pending<'_>>,
        each: &mut impl FnMut(Vec<f32>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(pending) = pending else { return Ok(()) };
        let (sums, plan) = (pending(self.control)?, &self.prepared.plan);
        for sums in sums.chunks_exact(plan.output_words()) {
            each(self.host("join", || plan.program().logits.join(sums)))?;
        }
        Ok(())
    }

    /// Does `work` of the host, and records it if somebody wants to know.
    fn host<T>(&self, name: &str, work: impl FnOnce() -> T) -> T {
        Recorder::host(self.timing.map(|(_, recorder)| recorder), name, work)
    }
}
