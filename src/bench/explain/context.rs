//! The figures that an explanation is derived from.

use super::explanation::{Group, Launch};
use crate::backend::Clock;
use crate::bench::ceiling::Ceiling;
use crate::bench::report::StepTime;

/// The most launches to remark on, slowest first.
const REMARKS: usize = 6;
/// Remarks end once they cover this fraction of the time of all launches.
const MOST_TIME: f64 = 0.7;

/// The figures of one network on one device.
pub(super) struct Context<'a> {
    /// What the device can do at best.
    pub ceiling: Ceiling,
    /// The launches.
    pub steps: &'a [StepTime],
    /// Seconds of a whole run.
    pub wall: f64,
    /// Images per run.
    pub batch: usize,
    /// How the launches were timed.
    pub clock: Clock,
    /// Whether the device is a CPU, which launches each step for each image.
    pub cpu: bool,
}

/// What a launch computes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// Bit convolutions.
    Bits,
    /// Limb convolutions, which the network leaves in float.
    Float,
    /// Everything else.
    Other,
}

impl Sort {
    const ALL: [(Sort, &'static str); 3] =
        [(Sort::Bits, "bit convolutions"), (Sort::Float, "float layers"), (Sort::Other, "other kernels")];

    /// The sort of a launch.
    pub(super) fn of(step: &StepTime) -> Sort {
        match (step.words > 0.0, step.byte_products > 0.0) {
            (true, _) => Sort::Bits,
            (false, true) => Sort::Float,
            (false, false) => Sort::Other,
        }
    }
}

impl Context<'_> {
    /// The least seconds that a launch can take.
    fn least(&self, step: &StepTime) -> f64 {
        step.least(&self.ceiling.peaks, self.ceiling.launch).1
    }

    /// A launch, with what is derived from its figures.
    pub(super) fn launch(&self, step: &StepTime) -> Launch {
        let operations = 2.0 * 32.0 * step.words + step.byte_products;
        Launch { least: self.least(step), intensity: operations / step.bytes.max(1.0), step: step.clone() }
    }

    /// The launches of a sort.
    pub(super) fn of(&self, sort: Sort) -> impl Iterator<Item = &StepTime> {
        self.steps.iter().filter(move |step| Sort::of(step) == sort)
    }

    /// Seconds of all launches, each timed by itself.
    fn measured(&self) -> f64 {
        self.steps.iter().map(|step| step.seconds).sum()
    }

    /// The factor that scales the times of launches to those within a run: each may take longer when it is timed by
    /// itself.
    pub(super) fn overlap(&self) -> f64 {
        let measured = self.measured();
        if measured > self.wall { self.wall / measured } else { 1.0 }
    }

    /// Seconds of a run that all launches of a sort take.
    pub(super) fn seconds(&self, sort: Sort) -> f64 {
        self.overlap() * self.of(sort).map(|step| step.seconds).sum::<f64>()
    }

    /// Seconds of a run that pass outside of launches.
    pub(super) fn outside(&self) -> f64 {
        (self.wall - self.measured()).max(0.0)
    }

    /// The launches in groups by their sort, and the time outside of launches.
    pub(super) fn groups(&self) -> Vec<Group> {
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

    /// The fraction of the popcount peak that all 3x3 bit convolutions reach together; None if there are none.
    pub(super) fn square_share(&self) -> Option<f64> {
        let square = || self.of(Sort::Bits).filter(|step| step.window == Some([3, 3]));
        let (words, seconds) = square().fold((0.0, 0.0), |(w, s), step| (w + step.words, s + step.seconds));
        (words > 0.0 && seconds > 0.0).then(|| words / self.ceiling.peaks.words / seconds)
    }

    /// The launches that take most of the time, slowest first.
    pub(super) fn slowest(&self) -> Vec<&StepTime> {
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

/// How many numbers a launch computes for a batch.
pub(super) fn numbers(step: &StepTime, batch: usize) -> f64 {
    step.output.iter().map(|&n| n as f64).product::<f64>() * batch as f64
}

/// How many pairs of planes have sums of their own.
pub(super) fn pairs(step: &StepTime) -> f64 {
    step.planes.map_or(1.0, |[w, a]| w as f64 * a as f64)
}
