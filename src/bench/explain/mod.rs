//! Why a network takes the time it takes on a device: what each launch does, what bounds it, and what other widths would cost.
//! Follows from a benchmark's figures alone, so that those of another machine can be explained too.

mod answers;
mod predict;
mod reasons;
mod text;

use super::report::{Cell, Device, Peaks, Rival, Stats, StepTime};
use crate::backend::Clock;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Version of the form of an [`Explanation`] as JSON.
pub const SCHEMA: u32 = 1;
/// Remarks are made on the slowest launches: so many, or as many as take this share of the time.
const REMARKS: usize = 6;
const MOST_TIME: f64 = 0.7;

/// Where the time of a network goes. Times are seconds for a batch, rates are per second, sizes are bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// 1: the version of this form. Fields are only added within a version.
    pub schema: u32,
    pub device: Device,
    pub model: String,
    /// As in [`Cell::source`].
    pub source: String,
    /// Bits of weights and activations.
    pub bits: String,
    /// Input height, width and channels.
    pub input: [usize; 3],
    pub batch: usize,
    /// Of the logits, which are right.
    pub digest: String,
    /// Whole runs, from the host's pixels to its logits.
    pub wall: Stats,
    pub images_per_second: f64,
    /// Why the times should not be relied on; none if they may.
    pub noise: Vec<String>,
    /// What the launches were timed with.
    pub clock: Clock,
    pub launches: Vec<Launch>,
    /// Of launches by what they are, and what is outside of all launches.
    pub groups: Vec<Group>,
    /// Share of the popcount peak that all 3x3 bit convolutions reach together; absent if there are none.
    pub square_share: Option<f64>,
    /// Why the launches that take most of the time are not faster.
    pub remarks: Vec<Remark>,
    /// What other widths would take; empty without bit convolutions.
    pub predictions: Vec<Prediction>,
    /// The network in float32 on the same device, if that was measured.
    pub rival: Option<Rival>,
    /// Why it is as fast as it is, and what fewer bits can do about it: sentences.
    pub answers: Vec<String>,
}

/// A launch, with what follows from its figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    #[serde(flatten)]
    pub step: StepTime,
    /// Seconds of its bound.
    pub least: f64,
    /// Bit operations (one AND and one count for each bit of a word) or products of bytes, for each byte that is moved.
    pub intensity: f64,
}

/// Launches of one sort. Where launches take longer when each is timed than a run takes, their times are shares of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// "bit convolutions", "float layers", "other kernels" or "outside of launches".
    pub name: String,
    pub launches: usize,
    pub seconds: f64,
    /// Of a whole run.
    pub share: f64,
    /// Seconds that their bounds come to, scaled as `seconds` are; 0 outside of launches.
    pub least: f64,
}

/// Why a launch is not faster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Remark {
    pub layer: String,
    pub kernel: String,
    pub seconds: f64,
    pub reason: String,
}

/// What a run would take at other widths: bit convolutions by the product of their planes, all else unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    pub weights: usize,
    /// Absent where activations are float: then they stay so.
    pub activations: Option<usize>,
    pub seconds: f64,
    /// How many times as fast as what was measured.
    pub speedup: f64,
}

/// Explains the figures of `cell`, measured on `device`.
///
/// # Errors
/// [`Error::VerificationFailed`] if the device computed wrong logits, [`Error::Device`] if there are no figures, or none of
/// launches.
pub fn explain(device: &Device, cell: &Cell) -> Result<Explanation> {
    let failed = |problem: String| Error::Device { device: device.name.clone(), problem };
    if cell.is_wrong() {
        return Err(Error::VerificationFailed(format!("{} computed wrong logits of {}", device.name, cell.model)));
    }
    let nothing = || cell.problem.clone().unwrap_or_else(|| "there are no figures to explain".into());
    let (warm, peaks) = cell.warm.as_ref().zip(device.peaks).ok_or_else(|| failed(nothing()))?;
    if warm.steps.is_empty() {
        return Err(failed("its launches were not timed".into()));
    }
    let ceiling = Limits { peaks, launch: device.launch.unwrap_or(0.0) };
    let context = Context {
        limits: ceiling,
        steps: &warm.steps,
        wall: warm.wall.median,
        batch: cell.batch,
        clock: warm.clock,
        cpu: device.api == "cpu",
    };
    let predictions = predict::predictions(&context);
    Ok(Explanation {
        schema: SCHEMA,
        device: device.clone(),
        model: cell.model.clone(),
        source: cell.source.clone(),
        bits: cell.bits.clone(),
        input: cell.input,
        batch: cell.batch,
        digest: cell.digest.expected.clone(),
        wall: warm.wall,
        images_per_second: warm.images_per_second,
        noise: warm.noise.clone(),
        clock: warm.clock,
        launches: warm.steps.iter().map(|step| context.launch(step)).collect(),
        groups: context.groups(),
        square_share: context.square_share(),
        remarks: reasons::remarks(&context),
        answers: answers::answers(&context, &predictions, cell.timed_rival()),
        predictions,
        rival: cell.rival.clone(),
    })
}

/// What the device can do.
#[derive(Clone, Copy)]
struct Limits {
    peaks: Peaks,
    launch: f64,
}

/// The figures that everything follows from.
struct Context<'a> {
    limits: Limits,
    steps: &'a [StepTime],
    /// Seconds of a whole run.
    wall: f64,
    batch: usize,
    clock: Clock,
    /// Whether each image makes its own launches.
    cpu: bool,
}

/// What a launch is part of, by the work that it does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Bits,
    Float,
    Other,
}

impl Sort {
    const ALL: [(Sort, &'static str); 3] =
        [(Sort::Bits, "bit convolutions"), (Sort::Float, "float layers"), (Sort::Other, "other kernels")];

    fn of(step: &StepTime) -> Sort {
        match (step.words > 0.0, step.macs > 0.0) {
            (true, _) => Sort::Bits,
            (false, true) => Sort::Float,
            (false, false) => Sort::Other,
        }
    }
}

impl Context<'_> {
    fn least(&self, step: &StepTime) -> f64 {
        step.least(&self.limits.peaks, self.limits.launch).1
    }

    fn launch(&self, step: &StepTime) -> Launch {
        let operations = 2.0 * 32.0 * step.words + step.macs;
        Launch { least: self.least(step), intensity: operations / step.bytes.max(1.0), step: step.clone() }
    }

    fn of(&self, sort: Sort) -> impl Iterator<Item = &StepTime> {
        self.steps.iter().filter(move |step| Sort::of(step) == sort)
    }

    /// Seconds of all launches, as each was timed.
    fn measured(&self) -> f64 {
        self.steps.iter().map(|step| step.seconds).sum()
    }

    /// Launches may take longer when each is timed than together: what their times are multiplied by to add up to a run.
    fn overlap(&self) -> f64 {
        let measured = self.measured();
        if measured > self.wall { self.wall / measured } else { 1.0 }
    }

    /// Seconds of a run that all launches of a sort take.
    fn seconds(&self, sort: Sort) -> f64 {
        self.overlap() * self.of(sort).map(|step| step.seconds).sum::<f64>()
    }

    /// Seconds of a run that no launch takes.
    fn outside(&self) -> f64 {
        (self.wall - self.measured()).max(0.0)
    }

    fn groups(&self) -> Vec<Group> {
        let group = |name: &str, launches: usize, seconds: f64, least: f64| Group {
            name: name.to_owned(),
            launches,
            seconds,
            share: if self.wall > 0.0 { seconds / self.wall } else { 0.0 },
            least,
        };
        let sorts = Sort::ALL.into_iter().map(|(sort, name)| {
            let least = self.overlap() * self.of(sort).map(|step| self.least(step)).sum::<f64>();
            group(name, self.of(sort).count(), self.seconds(sort), least)
        });
        sorts.chain([group("outside of launches", 0, self.outside(), 0.0)]).collect()
    }

    fn square_share(&self) -> Option<f64> {
        let square = || self.of(Sort::Bits).filter(|step| step.window == Some([3, 3]));
        let (words, seconds) = square().fold((0.0, 0.0), |(w, s), step| (w + step.words, s + step.seconds));
        (words > 0.0 && seconds > 0.0).then(|| words / self.limits.peaks.words / seconds)
    }

    /// The launches that take most of the time, slowest first.
    fn slowest(&self) -> Vec<&StepTime> {
        let all = self.measured();
        let mut steps: Vec<&StepTime> = self.steps.iter().collect();
        steps.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        let mut before = 0.0;
        let most = steps.into_iter().take(REMARKS).take_while(|step| {
            let goes_on = before < MOST_TIME * all;
            before += step.seconds;
            goes_on
        });
        most.collect()
    }
}

/// Numbers that a launch makes for a batch.
fn numbers(step: &StepTime, batch: usize) -> f64 {
    step.output.iter().map(|&n| n as f64).product::<f64>() * batch as f64
}

/// Products of planes that are summed up separately.
fn pairs(step: &StepTime) -> f64 {
    step.planes.map_or(1.0, |[w, a]| w as f64 * a as f64)
}

#[cfg(test)]
mod tests;
