//! When each part of one inference ran.

use crate::error::Result;
use crate::platform::Instant;
use std::fmt::{self, Display, Formatter};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// When the parts of a run ran. On each track, spans are in order of their start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// How the steps were timed.
    pub clock: Clock,
    /// The parts.
    pub spans: Vec<Span>,
}

/// In how much detail a run is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What the host does, and a GPU's work as a whole. The overhead is negligible.
    Parts,
    /// Each step as well. On a GPU the steps may add up to more than an untimed run takes, see [`Clock`].
    Steps,
}

/// How steps are timed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// By the host's clock around each step, on CPUs.
    #[default]
    Host,
    /// By GPU timestamps after each dispatch of a single pass, as in an untimed run. A dispatch is given the time from
    /// the end of those before it to its own end, so overlapping dispatches add up to what they take together. On some
    /// GPUs a timestamp waits for earlier work, which loses a little of the overlap.
    Dispatches,
    /// By GPU timestamps around passes of one dispatch each. Separate passes cost time that an untimed run does not
    /// spend.
    Passes,
    /// By the host's clock around submissions of one dispatch each, made after the run, on GPUs without timestamps.
    /// Includes the round trip to the GPU.
    Submissions,
}

impl Display for Clock {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str(match self {
            Clock::Host => "the host's clock around each step",
            Clock::Dispatches => {
                "the GPU's timestamps after each dispatch, from the end of those before it: overlaps are not told apart"
            }
            Clock::Passes => "the GPU's timestamps around passes of one dispatch each, which take longer than in a run",
            Clock::Submissions => {
                "the host's clock around submissions of one dispatch each, round trip included: the GPU has no \
                 timestamps"
            }
        })
    }
}

/// One part of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Where it ran.
    pub track: Track,
    /// The layer of a step, or what the host did ("upload").
    pub name: String,
    /// The kernel of a step; empty for what the host did.
    pub kernel: &'static str,
    /// Index of the step in the program, if it is one; the first of them if a dispatch fuses two.
    pub step: Option<usize>,
    /// When it started, since the run began.
    pub start: Duration,
    /// How long it took.
    pub length: Duration,
}

/// Where a span ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Track {
    /// The caller's thread.
    Host,
    /// A thread of a CPU backend, numbered from 0.
    Thread(usize),
    /// The GPU.
    Device,
}

impl Timeline {
    /// The time of each of `steps` steps, summed over threads and images.
    pub fn per_step(&self, steps: usize) -> Vec<Duration> {
        let mut times = vec![Duration::ZERO; steps];
        for span in &self.spans {
            if let Some(time) = span.step.and_then(|step| times.get_mut(step)) {
                *time += span.length;
            }
        }
        times
    }

    /// The total time of the host's spans called `name`.
    pub fn host(&self, name: &str) -> Duration {
        self.spans.iter().filter(|s| s.track == Track::Host && s.name == name).map(|s| s.length).sum()
    }

    /// The time during which the GPU was at work; None if it has no spans. A batch may be several runs, between which it waits.
    pub fn device(&self) -> Option<Duration> {
        let mut spans: Vec<&Span> = self.spans.iter().filter(|s| s.track == Track::Device).collect();
        spans.sort_by_key(|s| s.start);
        let (mut end, mut busy) = (spans.first()?.start, Duration::ZERO);
        for span in spans {
            let until = span.start + span.length;
            busy += until.saturating_sub(end.max(span.start));
            end = end.max(until);
        }
        Some(busy)
    }
}

/// Records when the parts of one or more runs ran, on several threads.
#[derive(Debug)]
pub(crate) struct Recorder {
    begin: Instant,
    timeline: Mutex<Timeline>,
}

impl Recorder {
    /// Starts a timeline now.
    pub(crate) fn start() -> Self {
        Self::since(Instant::now())
    }

    /// A timeline that started at `begin`.
    pub(crate) fn since(begin: Instant) -> Self {
        Recorder { begin, timeline: Mutex::default() }
    }

    /// Times a run on a CPU. `run` records its steps if it is given a recorder.
    pub(crate) fn of_cpu<T>(detail: Detail, run: impl FnOnce(Option<&Self>) -> Result<T>) -> Result<(T, Timeline)> {
        let recorder = Recorder::start();
        let output = run((detail == Detail::Steps).then_some(&recorder))?;
        Ok((output, recorder.finish(Clock::Host)))
    }

    /// Does `work`, which is step `index` of layer `name`, on a thread of a CPU backend.
    pub(crate) fn step<T>(
        recorder: Option<&Self>,
        index: usize,
        name: &str,
        kernel: &'static str,
        work: impl FnOnce() -> T,
    ) -> T {
        let Some(recorder) = recorder else { return work() };
        let track = Track::Thread(rayon::current_thread_index().unwrap_or(0));
        recorder.measure(track, name, kernel, Some(index), work)
    }

    /// Does `work` on the host, under `name`.
    pub(crate) fn host<T>(recorder: Option<&Self>, name: &str, work: impl FnOnce() -> T) -> T {
        match recorder {
            None => work(),
            Some(recorder) => recorder.measure(Track::Host, name, "", None, work),
        }
    }

    /// Does `work` and adds its span.
    fn measure<T>(
        &self,
        track: Track,
        name: &str,
        kernel: &'static str,
        step: Option<usize>,
        work: impl FnOnce() -> T,
    ) -> T {
        let start = self.now();
        let result = work();
        let length = self.now() - start;
        self.add(Span { track, name: name.to_owned(), kernel, step, start, length });
        result
    }

    /// Time since the start.
    pub(crate) fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Adds a span that was timed by other means.
    pub(crate) fn add(&self, span: Span) {
        self.timeline().spans.push(span);
    }

    /// Adds a run that started at `start`. All runs are assumed to be timed the same way.
    pub(crate) fn insert(&self, start: Duration, run: Timeline) {
        let mut timeline = self.timeline();
        timeline.clock = run.clock;
        timeline.spans.extend(run.spans.into_iter().map(|span| Span { start: start + span.start, ..span }));
    }

    /// Ends the recording.
    pub(crate) fn finish(self, clock: Clock) -> Timeline {
        Timeline { clock, ..self.so_far() }
    }

    /// What was recorded so far.
    pub(crate) fn so_far(&self) -> Timeline {
        let mut timeline = self.timeline().clone();
        timeline.spans.sort_by_key(|span| (span.track, span.start));
        timeline
    }

    fn timeline(&self) -> MutexGuard<'_, Timeline> {
        self.timeline.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_is_at_work_during_its_spans_and_not_between_runs() {
        let span = |track, start, length| Span {
            track,
            name: String::new(),
            kernel: "",
            step: None,
            start: Duration::from_millis(start),
            length: Duration::from_millis(length),
        };
        let timeline = |spans: &[Span]| Timeline { clock: Clock::Passes, spans: spans.to_vec() };
        let [first, overlapping, later] = [(10, 5), (12, 6), (30, 2)].map(|(s, l)| span(Track::Device, s, l));
        let host = span(Track::Host, 0, 100);
        assert_eq!(timeline(std::slice::from_ref(&host)).device(), None);
        assert_eq!(timeline(&[host, later, first, overlapping]).device(), Some(Duration::from_millis(10)));
    }
}
