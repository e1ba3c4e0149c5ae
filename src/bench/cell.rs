//! Measures one network on one device at one batch size, and checks every result.

use super::ceiling::Ceiling;
use super::float32::Float32;
use super::report::{Cell, Cold, DigestCheck};
use super::runner::{Invalid, Runner, digest};
use crate::backend::Control;
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::random::Rng;
use crate::session::{Batch, Engine, Model, PrepareOptions};
use std::sync::Arc;
use std::time::Duration;

/// The number of different images. Larger batches repeat them.
const DISTINCT: usize = 4;

/// The images to measure with, and the reference's logits for them.
pub struct ExpectedLogits {
    input: Batch,
    logits: Vec<Vec<f32>>,
}

impl ExpectedLogits {
    /// Random images for `model`, and the logits that the reference computes for them.
    pub fn new(model: &Model) -> Result<Self> {
        let mut rng = Rng::new(2);
        let numbers = DISTINCT * model.header().graph.input_shape().elements();
        let input = match model.takes_pixels() {
            true => Batch::Pixels((0..numbers).map(|_| rng.bits() as u8).collect()),
            false => Batch::Tensor((0..numbers).map(|_| rng.uniform(-1.0, 1.0) as f32).collect()),
        };
        let logits = Engine::reference().prepare(model)?.logits(&input, &Control::default())?;
        Ok(ExpectedLogits { input, logits })
    }

    /// A batch of `images` images, repeating them as necessary.
    fn batch(&self, images: usize) -> Batch {
        fn cycle<T: Copy>(all: &[T], images: usize) -> Vec<T> {
            all.iter().copied().cycle().take(all.len() / DISTINCT * images).collect()
        }
        match &self.input {
            Batch::Pixels(p) => Batch::Pixels(cycle(p, images)),
            Batch::Tensor(x) => Batch::Tensor(cycle(x, images)),
        }
    }

    /// The digest of such a batch's logits.
    fn digest(&self, images: usize) -> String {
        digest(self.logits.iter().cycle().take(images))
    }
}

/// What to measure.
pub struct Job<'a> {
    /// The network.
    pub model: &'a Model,
    /// As in [`Cell::source`].
    pub source: &'a str,
    /// How long it took to open or generate the model.
    pub load: Duration,
    /// Images and expected logits.
    pub reference: &'a ExpectedLogits,
    /// Images per batch.
    pub batch: usize,
    /// Time for warming up and timed runs together.
    pub budget: Duration,
    /// What the device can do at best. Launches are only timed if this is known.
    pub ceiling: Option<Ceiling>,
    /// Whether to alternate with runs of the float32 baseline, within the same time.
    pub against_f32: bool,
}

impl Job<'_> {
    /// The plan that is measured.
    ///
    /// # Errors
    /// The model cannot be lowered.
    pub fn plan(&self) -> Result<Arc<Plan>> {
        self.reference.input.plan(self.model.packed())
    }
}

/// A cell for `job` on device number `device` that has no figures, with the reason if there is one.
pub fn unmeasured(job: &Job, device: usize, problem: Option<String>) -> Cell {
    let graph = &job.model.header().graph;
    let shape = graph.input_shape();
    Cell {
        device,
        model: job.model.header().name.clone(),
        source: job.source.to_owned(),
        bits: graph.widths(),
        input: [shape.h, shape.w, shape.c],
        batch: job.batch,
        model_bytes: job.model.to_bytes().ok().map(|bytes| bytes.len() as u64),
        parameters: graph.learned_numbers().ok(),
        network_macs: graph.macs().ok(),
        cold: None,
        digest: DigestCheck {
            expected: job.reference.digest(job.batch),
            found: None,
            against: "cpu-reference".to_owned(),
        },
        warm: None,
        float32: None,
        problem,
    }
}

/// Measures `job` on `engine`, which is device number `device`. If the device fails or computes wrong logits, the cell
/// has no figures and says why.
///
/// # Errors
/// [`Error::Cancelled`] and [`Error::DeadlineExceeded`], if `control` says so.
pub fn measure(job: &Job, engine: &Engine, device: usize, control: &Control) -> Result<Cell> {
    let mut cell = unmeasured(job, device, None);
    match fill(job, engine, &mut cell, control) {
        Ok(()) => {}
        Err(error @ (Error::Cancelled | Error::DeadlineExceeded)) => return Err(error),
        Err(error) => {
            cell.warm = None;
            cell.problem = Some(error.to_string());
        }
    }
    Ok(cell)
}

fn fill(job: &Job, engine: &Engine, cell: &mut Cell, control: &Control) -> Result<()> {
    control.check()?;
    let options = PrepareOptions { max_batch: job.batch, ..PrepareOptions::default() };
    let net = engine.prepare_with(job.model, options)?;
    let (images, batch) = (job.batch, job.reference.batch(job.batch));
    let run = Runner { net: &net, images, batch, expected: &cell.digest.expected, control };
    let times = net.prepare_times(&run.batch)?;
    let (found, first_run) = run.once()?;
    cell.cold = Some(Cold {
        load: job.load.as_secs_f64(),
        lower: times.lower.as_secs_f64(),
        compile: times.compile.as_secs_f64(),
        first_run,
    });
    if found != cell.digest.expected {
        cell.problem = Some("wrong digest: no figure is given".into());
        cell.digest.found = Some(found);
        return Ok(());
    }
    let mut float32 = match job.against_f32 {
        true => Some(Float32::new(engine, job.model, &run.batch, images, control)?),
        false => None,
    };
    match run.warm(engine, job.budget, job.ceiling.as_ref(), float32.as_mut()) {
        Ok(warm) => {
            cell.digest.found = Some(found);
            cell.float32 = float32.map(|float32| float32.finish(images, warm.wall.median));
            cell.warm = Some(warm);
        }
        Err(Invalid::Digest(wrong)) => {
            cell.problem = Some("wrong digest in a later run: no figure is given".into());
            cell.digest.found = Some(wrong);
        }
        Err(Invalid::Failed(error)) => return Err(error),
    }
    Ok(())
}
