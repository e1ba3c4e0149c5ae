//! Backends execute plans. They agree on every bit: the CPU reference is the definition, all others are tested against it.

pub mod cpu;
pub mod gpu;
pub mod simd;
mod timeline;

pub(crate) use timeline::Recorder;
pub use timeline::{Clock, Detail, Span, Timeline, Track};

use crate::error::{Error, Result};
use crate::lower::{InputForm, PIXEL_ALPHA, TensorId};
use crate::plan::Plan;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

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

    /// The GPU, if it is one: for what only GPUs do.
    fn as_gpu(&self) -> Option<&gpu::Gpu> {
        None
    }

    /// Finds out which ways to run the layers of `plan` are quickest here, and keeps them for later preparations. `progress` is
    /// told how many rounds are done. Nothing where there is nothing to choose.
    fn tune(&self, _plan: &Arc<Plan>, _progress: &dyn Fn(usize)) -> Result<Vec<Tuned>> {
        Ok(Vec::new())
    }
}

/// What a device is asked to do as fast as it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peak {
    /// ANDing 32-bit words, counting their ones and adding up: words. What bit convolutions do.
    Words,
    /// Multiplying bytes and adding up, four to a word: products. What limb convolutions do.
    Macs,
    /// Copying in memory, far beyond any cache: bytes that are read and bytes that are written, together.
    Bytes,
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

    /// The GPU's side of it, if it runs on one: for work that is encoded into a caller's commands.
    fn as_gpu(&self) -> Option<&gpu::GpuNet> {
        None
    }
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

/// Lets a caller stop work early.
#[derive(Clone, Debug, Default)]
pub struct Control {
    pub cancel: Option<CancelToken>,
    pub deadline: Option<Instant>,
}

impl Control {
    /// An error if the work should stop now.
    pub fn check(&self) -> Result<()> {
        if self.cancel.as_ref().is_some_and(CancelToken::is_cancelled) {
            return Err(Error::Cancelled);
        }
        if self.deadline.is_some_and(|d| Instant::now() >= d) {
            return Err(Error::DeadlineExceeded);
        }
        Ok(())
    }
}

/// A flag that cancels the work it was given to. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the work to stop; it does so at the next step or batch.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`CancelToken::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How much per second of what `work` does: it is asked to do about so much and says how much it was, and is asked for more
/// until it takes long enough to be timed. The best of three.
fn best_rate(work: impl Fn(u64) -> Result<u64>) -> Result<f64> {
    const LONG_ENOUGH: Duration = Duration::from_millis(15);
    let (mut amount, mut best) = (1 << 20, 0.0f64);
    let mut timed = 0;
    while timed < 3 {
        let start = Instant::now();
        let done = work(amount)?;
        let time = start.elapsed();
        if time < LONG_ENOUGH && amount < 1 << 40 {
            // What was done may be more than what was asked for, never less.
            amount = 2 * amount.max(done);
            continue;
        }
        best = best.max(done as f64 / time.as_secs_f64());
        timed += 1;
    }
    Ok(best)
}

/// An image of noise in the form of the plan's input.
pub fn noise(plan: &Plan) -> Vec<u32> {
    let mut state = 1u64;
    let mut noise = move || {
        // Knuth's MMIX generator; its upper bits are good enough to look at.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32
    };
    let word = |bits: u32| match plan.program.input {
        InputForm::Pixels => bits >> 8 | u32::from(PIXEL_ALPHA as u8) << 24,
        InputForm::Values { .. } => (bits as i32 >> 3) as u32,
        // Limbs of values are at most 64 in the last one.
        InputForm::Limbs { .. } => bits & 0x3f3f_3f3f,
    };
    (0..plan.input_words()).map(|_| word(noise())).collect()
}

/// An error unless `input` has so many images for `plan`, which was prepared for `max_batch`.
fn check_batch(plan: &Plan, input: &[u32], images: usize, max_batch: usize) -> Result<()> {
    if images > max_batch {
        return Err(Error::Usage(format!("a batch of {images} images was prepared for {max_batch}")));
    }
    let expected = images * plan.input_words();
    if input.len() != expected {
        return Err(Error::Usage(format!("{images} images need {expected} words, got {}", input.len())));
    }
    Ok(())
}
