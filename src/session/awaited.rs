//! The calls of nets that are awaited.
//!
//! Natively, a GPU has one thread that sees to all of them, host work included, however many there are; a CPU computes each on a
//! thread of its own. In a browser they are done by whoever polls them.

use super::prepared::Prepared;
use super::task::{Place, Task};
use super::{Batch, Classification, ClassifyOptions, Net, PrepareOptions};
use crate::backend::Control;
use crate::backend::gpu::{Gpu, GpuNet};
use crate::error::{Error, Result};
use crate::image::Pixels;
use crate::lower::InputKind;
use std::sync::Arc;

impl Net {
    /// [`Net::classify`] without blocking; any executor can await it.
    ///
    /// Natively, the work starts at once, not with the first poll. All calls on one GPU share a thread, which also resizes their
    /// pictures; those on a CPU have threads of their own. Dropping the future cancels the work as a [`crate::CancelToken`]
    /// would: it ends at the next layer (CPU) or batch (GPU), and its result is lost. In a browser the work is done when the
    /// future is polled; there, cancellation and a deadline take effect between batches.
    pub fn classify_async(
        &self,
        picture: Pixels,
        options: ClassifyOptions,
    ) -> impl Future<Output = Result<Classification>> + Send + use<> {
        let net = self.clone();
        let ClassifyOptions { top_k, control } = options;
        Task::start(self.place(), control, move |control| async move {
            let batch = Batch::Pixels(net.model().preprocess(&picture)?);
            match logits(&net, &batch, &control).await?.pop() {
                Some(logits) => Ok(net.classification(logits, top_k)),
                None => Err(Error::Usage("the picture is empty".into())),
            }
        })
    }

    /// [`Net::logits`] without blocking, as [`Net::classify_async`].
    ///
    /// ```
    /// use lq_infer::{Batch, Control, DeviceSelector, Engine, Model};
    ///
    /// let net = Engine::builder().device(DeviceSelector::Cpu).build()?.prepare(&Model::bundled()?)?;
    /// let grey = Batch::Pixels(vec![128; 2 * 32 * 32 * 3]);
    /// let logits = pollster::block_on(net.logits_async(grey, Control::default()))?;
    /// assert_eq!((logits.len(), logits[0].len()), (2, 10));
    /// # Ok::<(), lq_infer::Error>(())
    /// ```
    pub fn logits_async(
        &self,
        batch: Batch,
        control: Control,
    ) -> impl Future<Output = Result<Vec<Vec<f32>>>> + Send + use<> {
        let net = self.clone();
        Task::start(self.place(), control, move |control| async move { logits(&net, &batch, &control).await })
    }

    fn place(&self) -> Place<'_> {
        Place::for_device(Gpu::of(&*self.programs.backend))
    }
}

/// Logits of every image of a batch.
async fn logits(net: &Net, batch: &Batch, control: &Control) -> Result<Vec<Vec<f32>>> {
    // Nothing is prepared for a batch that the model cannot take.
    let (images, elements) = batch.images(net.model())?;
    let prepared = match net.programs.existing(batch.kind()) {
        Some(prepared) => prepared,
        None => prepare(net, batch.kind(), control).await?,
    };
    // Profiles time the calls that block.
    let Some(gpu) = GpuNet::of(&*prepared.executable).filter(|_| net.programs.recorder.is_none()) else {
        return net.logits(batch, control);
    };
    let mut logits = Vec::with_capacity(images);
    for range in prepared.runs(images, elements) {
        let images = range.len() / elements;
        let input = batch.input(net.model(), &prepared, range);
        let sums = gpu.run_async(&input, images, control).await?;
        logits.extend(prepared.logits(&sums));
    }
    Ok(logits)
}

/// Prepares a program for inputs of this kind, where that holds up no other calls.
fn prepare(net: &Net, kind: InputKind, control: &Control) -> Task<Arc<Prepared>> {
    let programs = net.programs.clone();
    Task::start(Place::for_long_work(), control.clone(), move |control| async move {
        programs.ready(kind, &PrepareOptions { control, ..PrepareOptions::default() }).await
    })
}
