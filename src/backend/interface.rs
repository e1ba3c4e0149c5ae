//! What every backend offers: a device prepares plans, a prepared plan runs batches.

use super::control::Control;
use super::peak::Peak;
use super::timeline::{Detail, Timeline};
use crate::error::{Error, Result};
use crate::lower::{InputForm, PIXEL_ALPHA, TensorId};
use crate::plan::Plan;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

/// A device that can run plans.
pub trait Backend: Send + Sync {
    /// Name for people, with the API where there is one.
    fn name(&self) -> String;

    /// Makes everything that running needs: weights in the device's layout, kernels, memory for up to `max_batch` images.
    /// `progress` is told (done, total) kernels.
    fn prepare(
        &self,
        plan: Arc<Plan>,
        max_batch: usize,
        progress: &dyn Fn(usize, usize),
    ) -> Result<Box<dyn Executable>>;

    /// Does nothing but `peak`, as fast as the device can, for some milliseconds at least: how much of it per second. What
    /// kernels are compared with, and a sign of the device's clock.
    fn rate(&self, peak: Peak) -> Result<f64>;

    /// Keeps what a check found, for later processes: why the device is not to be trusted, or that it is. Nothing where nothing
    /// is kept.
    fn keep_verdict(&self, _problem: Option<&str>) {}

    /// The backend itself, for callers that need what only one kind of device can do ([`super::gpu::Gpu::of`]).
    fn as_any(&self) -> &dyn Any;

    /// Finds out which ways to run the layers of `plan` are quickest here, and keeps them for later preparations. `progress` is
    /// told how many rounds are done. Nothing where there is nothing to choose.
    fn tune(&self, _plan: &Arc<Plan>, _progress: &dyn Fn(usize)) -> Result<Vec<Tuned>> {
        Ok(Vec::new())
    }
}

/// What tuning found for the layers of one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuned {
    /// The first of the layers.
    pub layer: String,
    /// The quickest variant.
    pub variant: String,
    /// What it takes for one image.
    pub time: Duration,
    /// What the variant takes that is used untuned.
    pub default: Duration,
}

/// A prepared plan.
pub trait Executable: Send + Sync {
    /// Largest batch of one [`Executable::run`]; at most what was asked for, less where the device's limits demand it.
    fn max_batch(&self) -> usize;

    /// Runs `images` images: `input` holds their input tensors one after the other, the result their logit tensors.
    fn run(&self, input: &[u32], images: usize, control: &Control) -> Result<Vec<u32>>;

    /// Does what [`Executable::run`] does, and says when each part ran.
    fn timed(&self, input: &[u32], images: usize, detail: Detail, control: &Control) -> Result<(Vec<u32>, Timeline)>;

    /// Runs one image and gives what each launch wrote, in order. The parts of a concatenation are written one after the other,
    /// so it is complete the last time. A tensor that a launch keeps to itself is not there.
    fn trace(&self, input: &[u32]) -> Result<Vec<Traced>>;

    /// Begins what [`Executable::run`] does; calling the result waits for it. GPUs only take the work here, so that the caller
    /// can begin another batch, or prepare it, while they compute; CPUs compute here.
    fn begin<'a>(&'a self, input: &[u32], images: usize, control: &Control) -> Result<Pending<'a>> {
        let output = self.run(input, images, control)?;
        Ok(Box::new(|_| Ok(output)))
    }

    /// The prepared plan itself, for callers that need what only one kind of device can do ([`super::gpu::GpuNet::of`]).
    fn as_any(&self) -> &dyn Any;
}

/// What a launch wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// Index of the step in the program; a launch that does two has that of the first.
    pub step: usize,
    /// Tensors and their words.
    pub written: Vec<(TensorId, Vec<u32>)>,
}

/// A run that was begun: gives its logit tensors when they are there, or stops waiting when the control says so.
pub type Pending<'a> = Box<dyn FnOnce(&Control) -> Result<Vec<u32>> + 'a>;

/// An image of noise in the form of the plan's input.
pub fn noise(plan: &Plan) -> Vec<u32> {
    let mut state = 1u64;
    let mut noise = move || {
        // Knuth's MMIX generator; its upper bits are good enough to look at.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32
    };
    let word = |bits: u32| match plan.program().input {
        InputForm::Pixels => bits >> 8 | u32::from(PIXEL_ALPHA as u8) << 24,
        InputForm::Values { .. } => (bits as i32 >> 3) as u32,
        // Limbs of values are at most 64 in the last one.
        InputForm::Limbs { .. } => bits & 0x3f3f_3f3f,
    };
    (0..plan.input_words()).map(|_| word(noise())).collect()
}

/// An error unless a batch of so many images was prepared for.
pub fn check_images(images: usize, max_batch: usize) -> Result<()> {
    if images <= max_batch {
        return Ok(());
    }
    Err(Error::Usage(format!("a batch of {images} images was prepared for {max_batch}")))
}

/// An error unless `input` has `images` images of so many words, and a batch of that size was prepared for.
pub fn check_batch(input: &[u32], images: usize, input_words: usize, max_batch: usize) -> Result<()> {
    check_images(images, max_batch)?;
    let expected = images * input_words;
    if input.len() != expected {
        return Err(Error::Usage(format!("{images} images need {expected} words, got {}", input.len())));
    }
    Ok(())
}
