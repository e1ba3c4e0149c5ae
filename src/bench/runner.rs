//! Runs one batch again and again, and checks and times it.

use super::ceiling::Ceiling;
use super::float32::Float32;
use super::host::OtherLoad;
use super::layers::{LEAST_STEP_RUNS, MOST_STEP_RUNS, TimedLaunches};
use super::parts::PartTimes;
use super::report::{Parts, Stats, Warm, median_of};
use crate::backend::{Control, Detail, Peak, Timeline};
use crate::error::{Error, Result};
use crate::session::{Batch, Digest, Engine, Net};
use std::time::{Duration, Instant};

/// Runs per window of the warm-up.
const WINDOW: usize = 5;
/// The warm-up ends when the medians of two successive windows differ by no more than this fraction.
const STEADY: f64 = 0.02;
/// The fewest runs to time, unless they take several times the budget.
const LEAST_RUNS: usize = 16;
/// The fraction of the budget for runs whose parts are timed.
const PARTS_SHARE: f64 = 0.2;
/// The fewest such runs.
const LEAST_PARTS: usize = 3;
/// The most such runs.
const MOST_PARTS: usize = 50;
/// With fewer runs, the parts from which the spread is computed have fewer than two runs each.
const FEW_RUNS: usize = 16;
/// A spread above this gets a remark.
const SPREAD: f64 = 0.1;
/// A relative change of the probe's rate above this gets a remark.
const DRIFT: f64 = 0.05;
/// More threads than this, kept busy by other programs, get a remark.
const OTHERS: f64 = 0.15;

/// A prepared network and a batch to run on it.
pub(super) struct Runner<'a> {
    /// The network.
    pub net: &'a Net,
    /// Images of the batch.
    pub images: usize,
    /// The batch.
    pub batch: Batch,
    /// The digest that every run must have.
    pub expected: &'a str,
    /// Cancellation and deadline.
    pub control: &'a Control,
}

/// Why there are no figures.
pub(super) enum Invalid {
    /// A run had this digest instead of the expected one.
    Digest(String),
    /// A run failed.
    Failed(Error),
}

impl From<Error> for Invalid {
    fn from(error: Error) -> Self {
        Invalid::Failed(error)
    }
}

/// Figures, or why there are none.
type Checked<T> = std::result::Result<T, Invalid>;

/// The digest of a batch's logits.
pub(super) fn digest<'a>(logits: impl Iterator<Item = &'a Vec<f32>>) -> String {
    let mut digest = Digest::new();
    logits.for_each(|l| digest.add(l));
    digest.hex()
}

impl Runner<'_> {
    /// Runs once; returns the digest and the seconds it took.
    pub(super) fn once(&self) -> Result<(String, f64)> {
        let start = Instant::now();
        let logits = self.net.logits(&self.batch, self.control)?;
        let seconds = start.elapsed().as_secs_f64();
        Ok((digest(logits.iter()), seconds))
    }

    /// Runs once; returns the seconds it took if its digest is right.
    fn seconds(&self) -> Checked<f64> {
        let (found, seconds) = self.once()?;
        if found == self.expected { Ok(seconds) } else { Err(Invalid::Digest(found)) }
    }

    /// The timeline of one run, if its digest is right.
    fn timed(&self, detail: Detail) -> Checked<Timeline> {
        let (logits, timeline) = self.net.timed(&self.batch, detail, self.control)?;
        let found = digest(logits.iter());
        if found == self.expected { Ok(timeline) } else { Err(Invalid::Digest(found)) }
    }

    /// Warms up, then times runs for `budget` in all, alternating with those of the float32 baseline if there is one.
    /// Launches are timed if the device's ceiling is known.
    pub(super) fn warm(
        &self,
        engine: &Engine,
        budget: Duration,
        ceiling: Option<&Ceiling>,
        mut float32: Option<&mut Float32>,
    ) -> Checked<Warm> {
        let begin = Instant::now();
        let before = engine.rate(Peak::Words)?;
        let steady = self.until_steady(begin + budget / 3)?;
        let parts = self.parts(budget.mul_f64(PARTS_SHARE))?;
        let others = OtherLoad::start();
        let mut times = Vec::new();
        // Slow devices get more time than the budget, within limits.
        while begin.elapsed() < budget || (times.len() < LEAST_RUNS && begin.elapsed() < 4 * budget) || times.is_empty()
        {
            times.push(self.seconds()?);
            if let Some(float32) = &mut float32 {
                float32.run(self.control)?;
            }
        }
        let others = others.threads();
        let probe = [before, engine.rate(Peak::Words)?];
        let wall = Stats::of(&times).unwrap_or_default();
        let layers = ceiling.map(|ceiling| self.layers(ceiling, budget / 4)).transpose()?.unwrap_or_default();
        Ok(Warm {
            images_per_second: self.images as f64 / wall.median,
            noise: remarks(&wall, probe, others, steady),
            wall,
            parts,
            steps: layers.steps,
            clock: layers.clock,
            probe,
        })
    }

    /// Runs until the medians of two windows agree, or until `limit`. Returns whether they did.
    fn until_steady(&self, limit: Instant) -> Checked<bool> {
        let mut before = f64::INFINITY;
        loop {
            let times = (0..WINDOW).map(|_| self.seconds()).collect::<Checked<Vec<f64>>>()?;
            let median = median_of(&times);
            let steady = (median - before).abs() <= STEADY * median;
            if steady || Instant::now() >= limit {
                return Ok(steady);
            }
            before = median;
        }
    }

    /// Times the parts of runs for `budget`. None on a CPU, whose runs have no parts.
    fn parts(&self, budget: Duration) -> Checked<Option<Parts>> {
        let begin = Instant::now();
        let mut times = PartTimes::default();
        while times.runs() < LEAST_PARTS || (times.runs() < MOST_PARTS && begin.elapsed() < budget) {
            if !times.add(&self.timed(Detail::Parts)?) {
                break;
            }
        }
        Ok(times.stats())
    }

    /// Times each launch, in runs for `budget`.
    fn layers(&self, ceiling: &Ceiling, budget: Duration) -> Checked<TimedLaunches> {
        let plan = self.net.plan(&self.batch)?;
        let begin = Instant::now();
        let mut runs = Vec::new();
        while runs.len() < LEAST_STEP_RUNS || (begin.elapsed() < budget && runs.len() < MOST_STEP_RUNS) {
            runs.push(self.timed(Detail::Steps)?);
        }
        Ok(TimedLaunches::of(plan.program(), self.images, &runs, ceiling))
    }
}

/// Reasons to doubt figures.
fn remarks(wall: &Stats, probe: [f64; 2], others: Option<f64>, steady: bool) -> Vec<String> {
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
