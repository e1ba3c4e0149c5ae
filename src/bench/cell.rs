//! Measures one network on one device at one batch size, and checks every result.

use super::ceiling::Ceiling;
use super::float32::Float32;
use super::host::OtherLoad;
use super::layers::{self, TimedLaunches};
use super::parts::PartTimes;
use super::report::{Cell, Cold, DigestCheck, Parts, Stats, Warm};
use crate::backend::{Control, Detail, Peak, Timeline};
use crate::error::{Error, Result};
use crate::random::Rng;
use crate::session::{Batch, DeviceSelector, Digest, Engine, Model, Net, PrepareOptions};
use std::time::{Duration, Instant};

/// The number of different images. Larger batches repeat them.
const DISTINCT: usize = 4;
/// Warming up ends when the medians of two successive windows of this many runs,
const WINDOW: usize = 5;
/// differ by no more than this fraction.
const STEADY: f64 = 0.02;
/// The fewest runs to time, unless they take several times the budget.
const LEAST_RUNS: usize = 16;
/// The fraction of the budget for runs whose parts are timed,
const PARTS_SHARE: f64 = 0.2;
/// and the fewest and most such runs.
const LEAST_PARTS: usize = 3;
const MOST_PARTS: usize = 50;
/// With fewer runs, the parts from which the spread is computed have fewer than two runs each.
const FEW_RUNS: usize = 16;
/// Remarks are made on spreads above this,
const SPREAD: f64 = 0.1;
/// on changes of the probe's rate above this,
const DRIFT: f64 = 0.05;
/// and if other programs keep more threads busy than this.
const OTHERS: f64 = 0.15;

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
        let engine = Engine::builder().device(DeviceSelector::CpuReference).build()?;
        let logits = engine.prepare(model)?.logits(&input, &Control::default())?;
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

fn digest<'a>(logits: impl Iterator<Item = &'a Vec<f32>>) -> String {
    let mut digest = Digest::new();
    logits.for_each(|l| digest.add(l));
    digest.hex()
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

/// A cell for `job` on device number `device` that has no figures, with the reason if there is one.
pub fn unmeasured(job: &Job, device: usize, problem: Option<String>) -> Cell {
    let shape = job.model.header().graph.input_shape();
    Cell {
        device,
        model: job.model.header().name.clone(),
        source: job.source.to_owned(),
        bits: job.model.header().graph.widths(),
        input: [shape.h, shape.w, shape.c],
        batch: job.batch,
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
    let mut run = Runner { net: &net, images, batch, expected: &cell.digest.expected, control };
    let times = net.prepare_times(&run.batch)?;
    let (found, first_run) = run.once()?;
    cell.cold = Some(Cold {
        load: job.load.as_secs_f64(),
        lower: times.lower.as_secs_f64(),
        compile: times.compile.as_secs_f64(),
        first_run,
    });
    let right = found == cell.digest.expected;
    let mut float32 = match right && job.against_f32 {
        true => Some(Float32::new(engine, job.model, &run.batch, images, control)?),
        false => None,
    };
    let warm = if right { Some(run.warm(engine, job, float32.as_mut())?) } else { None };
    cell.digest.found = Some(found);
    match warm {
        None => cell.problem = Some("wrong digest: no figure is given".into()),
        Some(Err(wrong)) => {
            cell.problem = Some("wrong digest in a later run: no figure is given".into());
            cell.digest.found = Some(wrong);
        }
        Some(Ok(warm)) => {
            cell.float32 = float32.map(|float32| float32.finish(images, warm.wall.median));
            cell.warm = Some(warm);
        }
    }
    Ok(())
}

/// Runs one batch again and again.
struct Runner<'a> {
    net: &'a Net,
    images: usize,
    batch: Batch,
    expected: &'a str,
    control: &'a Control,
}

/// Figures, or the wrong digest that invalidates them.
type Checked<T> = std::result::Result<T, String>;

impl Runner<'_> {
    /// Runs once; returns the digest and the seconds it took.
    fn once(&mut self) -> Result<(String, f64)> {
        let start = Instant::now();
        let logits = self.net.logits(&self.batch, self.control)?;
        let seconds = start.elapsed().as_secs_f64();
        Ok((digest(logits.iter()), seconds))
    }

    /// Warms up, then times runs.
    fn warm(&mut self, engine: &Engine, job: &Job, mut float32: Option<&mut Float32>) -> Result<Checked<Warm>> {
        let (begin, budget) = (Instant::now(), job.budget);
        let before = engine.rate(Peak::Words)?;
        let steady = match self.until_steady(begin + budget / 3)? {
            Ok(steady) => steady,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let parts = match self.parts(budget.mul_f64(PARTS_SHARE))? {
            Ok(parts) => parts,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let others = OtherLoad::start();
        let mut times = Vec::new();
        // Slow devices get more time than the budget, within limits.
        while begin.elapsed() < budget || (times.len() < LEAST_RUNS && begin.elapsed() < 4 * budget) || times.is_empty()
        {
            let (found, seconds) = self.once()?;
            if found != self.expected {
                return Ok(Err(found));
            }
            times.push(seconds);
            if let Some(float32) = &mut float32 {
                float32.run(self.control)?;
            }
        }
        let others = others.threads();
        let probe = [before, engine.rate(Peak::Words)?];
        let wall = Stats::of(&times).unwrap_or_default();
        let layers = match job.ceiling {
            None => TimedLaunches::default(),
            Some(ceiling) => match self.layers(&ceiling, budget / 4)? {
                Ok(layers) => layers,
                Err(wrong) => return Ok(Err(wrong)),
            },
        };
        Ok(Ok(Warm {
            images_per_second: self.images as f64 / wall.median,
            noise: remarks(&wall, probe, others, steady),
            wall,
            parts,
            steps: layers.steps,
            clock: layers.clock,
            probe,
        }))
    }

    /// The timeline of one run, if its digest is right.
    fn timed(&self, detail: Detail) -> Result<Checked<Timeline>> {
        let (logits, timeline) = self.net.timed(&self.batch, detail, self.control)?;
        let found = digest(logits.iter());
        Ok(if found == self.expected { Ok(timeline) } else { Err(found) })
    }

    /// Times the parts of runs for `budget`. None on a CPU, whose runs have no parts.
    fn parts(&mut self, budget: Duration) -> Result<Checked<Option<Parts>>> {
        let begin = Instant::now();
        let mut times = PartTimes::default();
        while times.runs() < LEAST_PARTS || (times.runs() < MOST_PARTS && begin.elapsed() < budget) {
            let run = match self.timed(Detail::Parts)? {
                Ok(run) => run,
                Err(wrong) => return Ok(Err(wrong)),
            };
            if !times.add(&run) {
                break;
            }
        }
        Ok(Ok(times.stats()))
    }

    /// Times each launch, in runs for `budget`.
    fn layers(&mut self, ceiling: &Ceiling, budget: Duration) -> Result<Checked<TimedLaunches>> {
        let plan = self.net.plan(&self.batch)?;
        let begin = Instant::now();
        let mut runs = Vec::new();
        while runs.len() < layers::LEAST_RUNS || (begin.elapsed() < budget && runs.len() < layers::MOST_RUNS) {
            let timeline = match self.timed(Detail::Steps)? {
                Ok(timeline) => timeline,
                Err(wrong) => return Ok(Err(wrong)),
            };
            runs.push(timeline);
        }
        Ok(Ok(TimedLaunches::of(plan.program(), self.images, &runs, ceiling)))
    }

    /// Runs until the medians of two windows agree, or until `limit`. Returns whether they did.
    fn until_steady(&mut self, limit: Instant) -> Result<Checked<bool>> {
        let mut before = f64::INFINITY;
        loop {
            let mut times = Vec::new();
            for _ in 0..WINDOW {
                let (found, seconds) = self.once()?;
                if found != self.expected {
                    return Ok(Err(found));
                }
                times.push(seconds);
            }
            let median = Stats::of(&times).unwrap_or_default().median;
            if (median - before).abs() <= STEADY * median {
                return Ok(Ok(true));
            }
            if Instant::now() >= limit {
                return Ok(Ok(false));
            }
            before = median;
        }
    }
}

/// Reasons to doubt figures.
pub(super) fn remarks(wall: &Stats, probe: [f64; 2], others: Option<f64>, steady: bool) -> Vec<String> {
    let mut remarks = Vec::new();
    let percent = |share: f64| 100.0 * share;
    if wall.count < FEW_RUNS {
        let runs = if wall.count == 1 { "run was" } else { "runs were" };
        remarks.push(format!("only {} {runs} timed: their spread says little", wall.count));
    }
    if wall.spread > SPREAD {
        remarks.push(format!("times of the run's parts differ by {:.0} %", percent(wall.spread)));
    }
    let change = probe[1] / probe[0] - 1.0;
    if change.abs() > DRIFT {
        let how = if change > 0.0 { "faster" } else { "slower" };
        remarks.push(format!("the device became {:.0} % {how} meanwhile", percent(change.abs())));
    }
    if let Some(threads) = others.filter(|&threads| threads > OTHERS) {
        remarks.push(format!("other programs kept {threads:.1} processor threads busy"));
    }
    if !steady && wall.spread > STEADY {
        remarks.push("times had not settled when the warm-up ended".into());
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_runs_have_no_remarks() {
        let wall = Stats { count: 16, spread: 0.01, ..Stats::default() };
        assert!(remarks(&wall, [1e9, 1.01e9], Some(0.02), true).is_empty());
        assert!(remarks(&wall, [1e9, 1e9], None, false).is_empty());
    }

    #[test]
    fn every_kind_of_noise_is_told() {
        let wall = Stats { count: 15, spread: 0.3, ..Stats::default() };
        let all = remarks(&wall, [1e9, 0.8e9], Some(1.9), false);
        let expected = ["only 15 runs", "parts differ by 30 %", "20 % slower", "1.9 processor threads", "not settled"];
        assert_eq!(all.len(), expected.len());
        assert!(all.iter().zip(expected).all(|(remark, part)| remark.contains(part)), "{all:?}");
    }
}
