//! A sequence of batches through a prepared network. On a GPU the next batch is made and sent while the one before is
//! computed; a CPU computes a batch when it is sent.

use super::batch::Input;
use super::prepared::Prepared;
use super::{Batch, Model};
use crate::backend::{Control, Detail, InputWords, Pending, Recorder};
use crate::error::{Error, Result};

/// How closely runs are timed, and who records the times.
type Timing<'a> = Option<(Detail, &'a Recorder)>;

/// A sequence of batches of one kind. Logits come in order, those of a batch after the next one was sent.
pub(super) struct Stream<'a> {
    model: &'a Model,
    prepared: &'a Prepared,
    control: &'a Control,
    pending: Option<Pending<'a>>,
    /// Set if runs are timed, one after the other.
    timing: Timing<'a>,
}

impl<'a> Stream<'a> {
    pub(super) fn new(model: &'a Model, prepared: &'a Prepared, control: &'a Control, timing: Timing<'a>) -> Self {
        Stream { model, prepared, control, pending: None, timing }
    }

    /// Sends all of `batches`, then waits for the last one. An error of a batch ends the sequence, after the logits of
    /// those before it have been given to `each`.
    pub(super) fn run<B: std::borrow::Borrow<Batch>, E: From<Error>>(
        mut self,
        batches: impl Iterator<Item = Result<B, E>>,
        mut each: impl FnMut(Vec<f32>) -> Result<(), E>,
    ) -> Result<(), E> {
        for batch in batches {
            let sent = batch.and_then(|batch| self.send(batch.borrow(), &mut each));
            if let Err(error) = sent {
                // Nothing is pending if the error came from the device or from `each`.
                let before = self.pending.take();
                self.give_out(before, &mut each)?;
                return Err(error);
            }
        }
        let last = self.pending.take();
        self.give_out(last, &mut each)
    }

    /// Sends a batch, in pieces that fit the device. `each` is given the logits of the images that were sent before.
    fn send<E: From<Error>>(
        &mut self,
        batch: &Batch,
        each: &mut impl FnMut(Vec<f32>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (images, elements) = batch.images(self.model)?;
        for range in self.prepared.runs(images, elements) {
            let images = range.len() / elements;
            let input = batch.input(self.model, self.prepared, range);
            let before = self.pending.take();
            let begun = self.begin(&input, images);
            // The run before is finished even if this one could not begin.
            self.give_out(before, each)?;
            match self.timing {
                None => self.pending = Some(begun?),
                // Timed runs do not overlap, so nothing is gained by keeping their logits.
                Some(_) => self.give_out(Some(begun?), each)?,
            }
        }
        Ok(())
    }

    fn begin(&self, input: &Input, images: usize) -> Result<Pending<'a>> {
        self.control.check()?;
        let executable = &self.prepared.executable;
        let Some((detail, recorder)) = self.timing else { return executable.begin(input, images, self.control) };
        let words = self.host("pack", || input.all())?;
        let start = recorder.now();
        let (sums, run) = executable.timed(&words, images, detail, self.control)?;
        recorder.insert(start, run);
        Ok(Box::new(|_| Ok(sums)))
    }

    /// Waits for a run and gives its logits to `each`, image by image.
    fn give_out<E: From<Error>>(
        &self,
        pending: Option<Pending<'_>>,
        each: &mut impl FnMut(Vec<f32>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(pending) = pending else { return Ok(()) };
        let sums = pending(self.control)?;
        self.host("join", || self.prepared.logits(&sums)).into_iter().try_for_each(each)
    }

    /// Does `work` on the host, and records it if the runs are timed.
    fn host<T>(&self, name: &str, work: impl FnOnce() -> T) -> T {
        Recorder::host(self.timing.map(|(_, recorder)| recorder), name, work)
    }
}
