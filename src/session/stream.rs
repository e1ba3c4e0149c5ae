//! Batches one after the other through a prepared network: the next one is made and sent to a GPU while it computes the one
//! before. CPUs compute when a batch is sent, so that nothing changes for them.

use super::net::Prepared;
use super::{Batch, Model};
use crate::backend::{Control, Pending};
use crate::error::{Error, Result};

/// A sequence of batches of one kind. The logits come in order, those of a batch after the next one was sent.
pub(super) struct Stream<'a> {
    model: &'a Model,
    prepared: &'a Prepared,
    control: &'a Control,
    pending: Option<Pending<'a>>,
}

impl<'a> Stream<'a> {
    pub fn new(model: &'a Model, prepared: &'a Prepared, control: &'a Control) -> Self {
        Stream { model, prepared, control, pending: None }
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
            let words = batch.words(self.model.packed(), self.prepared.plan.program.input, range)?;
            let begun = self.prepared.executable.begin(&words, images, self.control)?;
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
        sums.chunks_exact(plan.output_words()).try_for_each(|sums| each(plan.program.logits.join(sums)))
    }
}
