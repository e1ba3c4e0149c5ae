//! What every backend provides: a device prepares plans, and a prepared plan runs batches.

use super::control::Control;
use super::input::InputWords;
use super::peak::Peak;
use super::timeline::{Detail, Timeline};
use crate::error::{Error, Result};
use crate::lower::TensorId;
use crate::plan::Plan;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

/// Told (done, total) kernels. An error ends the work.
pub type Progress<'a> = &'a dyn Fn(usize, usize) -> Result<()>;

/// A device that can run plans.
pub trait Backend: Send + Sync {
    /// Name for users, with the graphics API if there is one.
    fn name(&self) -> String;

    /// Prepares everything that running needs: weights in the device's layout, kernels, and memory for up to
    /// `max_batch` images. Calls `progress` with the numbers of kernels done and in total, and ends with its error if
    /// it returns one.
    fn prepare(&self, plan: Arc<Plan>, max_batch: usize, progress: Progress) -> Result<Box<dyn Executable>>;

    /// Measures the peak rate of one operation, per second. Runs for some milliseconds. Kernels are compared with it,
    /// and changes of it show changes of the device's clock.
    fn rate(&self, peak: Peak) -> Result<f64>;

    /// Stores the result of a self-check for later processes: why the device is not trusted, or None if it passed. Does
    /// nothing without a cache.
    fn keep_verdict(&self, _problem: Option<&str>) {}

    /// The backend itself, for callers that need a specific kind of device ([`super::gpu::Gpu::of`]).
    fn as_any(&self) -> &dyn Any;

    /// Finds the fastest way to run each layer of `plan` on this device in batches of about `images` images, and stores the
    /// choices for later preparations. Calls `progress` with the numbers of rounds done and in total. Does nothing where there
    /// is no choice.
    fn tune(&self, _plan: &Arc<Plan>, _images: usize, _progress: &dyn Fn(usize, usize)) -> Result<Vec<Tuned>> {
        Ok(Vec::new())
    }
}

/// The result of tuning for the layers of one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuned {
    /// The first of the layers.
    pub layer: String,
    /// How many layers there are.
    pub layers: usize,
    /// The fastest variant.
    pub variant: String,
    /// What that is, in words.
    pub description: String,
    /// Its time for a batch.
    pub time: Duration,
    /// The time of the variant that is used without tuning; the same if that is the fastest.
    pub default: Duration,
}

/// A plan that was prepared for a device.
pub trait Executable: Send + Sync {
    /// The largest batch for [`Executable::run`]: what was asked for, or less if the device's limits require it.
    fn max_batch(&self) -> usize;

    /// Images of a run, so that the device is at work on one while the host makes the input of the next.
    fn images_per_run(&self) -> usize {
        self.max_batch()
    }

    /// Runs `images` images. `input` holds their input tensors one after the other, and the result their logits.
    fn run(&self, input: &[u32], images: usize, control: &Control) -> Result<Vec<u32>>;

    /// As [`Executable::run`], and also returns when each part ran.
    fn timed(&self, input: &[u32], images: usize, detail: Detail, control: &Control) -> Result<(Vec<u32>, Timeline)>;

    /// Runs one image and returns what each launch wrote, in order. The parts of a concatenation are written one after
    /// the other, so its last record is the complete one. Tensors that exist only inside a launch are left out.
    fn trace(&self, input: &[u32]) -> Result<Vec<Traced>>;

    /// Starts [`Executable::run`]; calling the result waits for it. GPUs return as soon as the work is submitted, so
    /// that the caller can prepare or start another batch while they compute. CPUs compute before they return.
    fn begin<'a>(&'a self, input: &dyn InputWords, images: usize, control: &Control) -> Result<Pending<'a>> {
        let output = self.run(&input.all()?, images, control)?;
        Ok(Box::new(|_| Ok(output)))
    }

    /// The prepared plan itself, for callers that need a specific kind of device ([`super::gpu::GpuNet::of`]).
    fn as_any(&self) -> &dyn Any;
}

/// What one launch wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// Index of the step in the program; the first of them if the launch fuses two.
    pub step: usize,
    /// Tensors and their words.
    pub written: Vec<(TensorId, Vec<u32>)>,
}

/// A run that was started. Waits for its logits, or until the control stops it.
pub type Pending<'a> = Box<dyn FnOnce(&Control) -> Result<Vec<u32>> + 'a>;

/// An error unless a batch of so many images was prepared for.
pub(super) fn check_images(images: usize, max_batch: usize) -> Result<()> {
    if images <= max_batch {
        return Ok(());
    }
    Err(Error::Usage(format!("a batch of {images} images was prepared for {max_batch}")))
}

/// An error unless `words` are those of `images` images of so many words, and a batch of that size was prepared for.
pub(super) fn check_batch(words: usize, images: usize, input_words: usize, max_batch: usize) -> Result<()> {
    check_images(images, max_batch)?;
    let expected = images * input_words;
    if words != expected {
        return Err(Error::Usage(format!("{images} images need {expected} words, got {words}")));
    }
    Ok(())
}
