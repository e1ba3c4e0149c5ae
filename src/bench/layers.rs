//! How long each launch of a run takes, and what limits it.

use super::ceiling::Ceiling;
use super::report::{Bound, Peaks, StepTime, median_of};
use crate::backend::{Clock, Timeline};
use crate::lower::{Program, Work};
use std::time::Duration;

/// The fewest runs of which medians are taken.
pub(super) const LEAST_STEP_RUNS: usize = 3;
/// The most runs of which medians are taken.
pub(super) const MOST_STEP_RUNS: usize = 31;

/// Up to this share of a peak, a launch that exceeds it shows the probe's noise. Beyond, the probe was disturbed, or data
/// are in caches.
pub(super) const BELIEVED: f64 = 1.1;

/// The cost of launches varies more: they were disturbed if all together would take this many times what they took.
const LAUNCHES_BELIEVED: f64 = 1.5;

/// Whether the probes of a device were disturbed: these launches, of which each costs at least `launch`, are faster than
/// the peaks allow. Nothing follows from such peaks.
pub(super) fn is_disturbed(steps: &[StepTime], launch: f64) -> bool {
    let work = |step: &StepTime| matches!(step.bound, Bound::Popcount | Bound::ByteProducts);
    let all: f64 = steps.iter().map(|step| step.seconds).sum();
    steps.iter().any(|step| work(step) && step.share > BELIEVED)
        || launch * steps.len() as f64 > LAUNCHES_BELIEVED * all
}

/// The launches of a program with their times.
#[derive(Clone, Debug, Default)]
pub(super) struct TimedLaunches {
    /// The launches.
    pub steps: Vec<StepTime>,
    /// How they were timed.
    pub clock: Clock,
}

impl TimedLaunches {
    /// From `runs` of `program` on `images` images. Runs with another clock than the first are left out, since their
    /// times are not comparable. A step without times was fused into the launch of the step before it.
    pub(super) fn of(program: &Program, images: usize, runs: &[Timeline], ceiling: &Ceiling) -> Self {
        let count = program.steps.len();
        let clock = runs.first().map_or(Clock::default(), |run| run.clock);
        let runs: Vec<&Timeline> = runs.iter().filter(|run| run.clock == clock).collect();
        let times: Vec<Vec<f64>> = runs.iter().map(|run| step_times(run, count)).collect();
        let launched = |step: usize| runs.iter().flat_map(|r| &r.spans).any(|span| span.step == Some(step));
        let mut timed = TimedLaunches { steps: Vec::new(), clock };
        let mut step = 0;
        while step < count {
            let together = 1 + (step + 1..count).take_while(|&next| !launched(next)).count();
            if launched(step) {
                let seconds = median_of(&times.iter().map(|run| run[step]).collect::<Vec<_>>());
                let steps = step..step + together;
                let work =
                    steps.map(|s| Work::of(program, &program.steps[s].kernel)).fold(Work::default(), |a, b| a + b);
                timed.steps.push(step_time(program, step, work, images, seconds, ceiling));
            }
            step += together;
        }
        timed
    }
}

/// Seconds of each step. If several threads computed at the same time, scaled so that the steps add up to the wall
/// time.
fn step_times(run: &Timeline, steps: usize) -> Vec<f64> {
    let times = run.per_step(steps);
    let all: Duration = times.iter().sum();
    let spans = || run.spans.iter().filter(|s| s.step.is_some());
    let end = spans().map(|s| s.start + s.length).max().unwrap_or_default();
    let wall = end - spans().map(|s| s.start).min().unwrap_or_default();
    let scale = if all > wall { wall.as_secs_f64() / all.as_secs_f64() } else { 1.0 };
    times.iter().map(|t| t.as_secs_f64() * scale).collect()
}

fn step_time(program: &Program, step: usize, work: Work, images: usize, seconds: f64, ceiling: &Ceiling) -> StepTime {
    let crate::lower::Step { name, kernel } = &program.steps[step];
    let all = |n: u64| (n * images as u64) as f64;
    let output = kernel.writes().first().map_or([0; 3], |&id| {
        let shape = program.tensors[id].shape;
        [shape.h, shape.w, shape.c]
    });
    let mut time = StepTime {
        layer: name.clone(),
        kernel: kernel.name().to_owned(),
        seconds,
        words: all(work.words),
        byte_products: all(work.byte_products),
        bytes: work.bytes(images) as f64,
        network_macs: all(work.network_macs),
        planes: kernel.facts().planes(),
        window: kernel.facts().window().map(|w| w.kernel),
        output,
        bound: Bound::Launch,
        share: 0.0,
    };
    time.bind(ceiling);
    time
}

impl StepTime {
    /// Seconds that counting, multiplying and memory accesses take at the device's peaks.
    pub fn at_peaks(&self, peaks: &Peaks) -> [f64; 3] {
        [(self.words, peaks.words), (self.byte_products, peaks.byte_products), (self.bytes, peaks.bytes)]
            .map(|(amount, rate)| if amount > 0.0 { amount / rate } else { 0.0 })
    }

    /// What limits it, and the least seconds that this takes: the longest of the three, or `launch` if that is longer.
    /// The memory peak is for data outside the caches: a launch that is clearly faster has its data in caches, and
    /// memory does not limit it. `launch` counts once, although a CPU launches a step for each image: threads may do
    /// that at the same time. It varies, so it is never more than the launch took.
    pub fn least(&self, peaks: &Peaks, launch: f64) -> (Bound, f64) {
        let timed = self.seconds > 0.0;
        let [words, products, bytes] = self.at_peaks(peaks);
        let launch = if timed { launch.min(self.seconds) } else { launch };
        let cached = timed && bytes > BELIEVED * self.seconds;
        let bounds = [
            (Bound::Popcount, words),
            (Bound::ByteProducts, products),
            (Bound::Memory, if cached { 0.0 } else { bytes }),
            (Bound::Launch, launch),
        ];
        bounds.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((Bound::Launch, launch))
    }

    /// Sets its bound and its share of that.
    pub(super) fn bind(&mut self, ceiling: &Ceiling) {
        let (bound, least) = self.least(&ceiling.peaks, ceiling.launch);
        self.bound = bound;
        self.share = if self.seconds > 0.0 { least / self.seconds } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Span, Track};
    use crate::bench::random_network;
    use crate::zoo::Uniform;

    fn span(thread: usize, step: usize, start: u64, length: u64) -> Span {
        let [start, length] = [start, length].map(Duration::from_millis);
        Span { track: Track::Thread(thread), name: String::new(), kernel: "", step: Some(step), start, length }
    }

    #[test]
    fn threads_share_the_wall_time() {
        let spans = vec![span(0, 0, 1, 4), span(1, 0, 1, 4), span(0, 1, 5, 2), span(1, 1, 5, 2)];
        let times = step_times(&Timeline { clock: Clock::Host, spans }, 2);
        assert!((times[0] - 0.004).abs() < 1e-9 && (times[1] - 0.002).abs() < 1e-9, "{times:?}");
    }

    #[test]
    fn runs_by_another_clock_do_not_count() {
        let program = random_network("cifar-resnet-20", &Uniform::bits(2, 2), 1).unwrap();
        let run = |clock, length| Timeline { clock, spans: vec![span(0, 0, 0, length)] };
        let fallen = run(Clock::Submissions, 50);
        let runs = [run(Clock::Passes, 1), fallen.clone(), run(Clock::Passes, 2), fallen];
        let peaks = Peaks { words: 1e9, byte_products: 1e9, bytes: 1e9 };
        let timed = TimedLaunches::of(&program, 1, &runs, &Ceiling { peaks, launch: 0.0 });
        assert_eq!((timed.clock, timed.steps.len()), (Clock::Passes, 1));
        assert!((timed.steps[0].seconds - 0.0015).abs() < 1e-9, "{:?}", timed.steps[0]);
    }

    /// A launch is bound by what takes longest, and a step without times belongs to the launch before it.
    #[test]
    fn launches_are_bound_by_what_takes_longest() {
        let program = random_network("cifar-resnet-20", &Uniform::bits(2, 2), 1).unwrap();
        let steps = program.steps.len();
        let pool = program.steps.iter().rposition(|s| s.kernel.name() == "avgpool").unwrap();
        let spans = (0..steps).filter(|&s| s != pool + 1).map(|s| span(0, s, 10 * s as u64, 10)).collect();
        let run = Timeline { clock: Clock::Host, spans };
        let peaks = Peaks { words: 1e9, byte_products: 1e9, bytes: 1e12 };
        let timed = TimedLaunches::of(&program, 3, &[run], &Ceiling { peaks, launch: 1e-5 });
        assert_eq!(timed.steps.len(), steps - 1);
        let find = |kernel: &str| timed.steps.iter().rfind(|s| s.kernel == kernel).unwrap();
        let conv = find("bitconv");
        assert_eq!((conv.bound, conv.planes, conv.window), (Bound::Popcount, Some([2, 2]), Some([3, 3])));
        assert!((conv.share - conv.words / 1e9 / 0.01).abs() < 1e-9);
        assert_eq!(find("limbconv").bound, Bound::ByteProducts);
        assert_eq!(find("avgpool").bound, Bound::Launch);
        let of = |s: usize| Work::of(&program, &program.steps[s].kernel);
        assert_eq!(find("avgpool").bytes, (of(pool) + of(pool + 1)).bytes(3) as f64);
    }
}
