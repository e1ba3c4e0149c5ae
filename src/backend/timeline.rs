//! When each part of one inference ran.

use crate::error::Result;
use crate::lower::Step;
use std::fmt::{self, Display, Formatter};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A run and when its parts ran, in order of their beginning on each track.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// What the times of steps were taken with.
    pub clock: Clock,
    pub spans: Vec<Span>,
}

/// How closely a run is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What the host does, and a GPU's work as a whole: costs nothing that could be noticed.
    Parts,
    /// Each step too. The steps of a GPU may take longer together than they do unmeasured, see [`Clock`].
    Steps,
}

/// What times of steps are taken with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// The host's clock, around each step: CPUs.
    #[default]
    Host,
    /// A GPU's timestamps behind each dispatch of one pass, as in a run that nobody measures: a dispatch has the time from the
    /// end of those before it to its own end, so that dispatches which overlap add up to what they take together. Writing a
    /// timestamp waits for what came before on some GPUs, which costs a little of that overlap.
    Dispatches,
    /// A GPU's timestamps at the ends of passes, each with one dispatch: passes of their own cost time that a run does not take.
    Passes,
    /// The host's clock, around submissions of one dispatch each, made after the run: for GPUs without timestamps. Includes the
    /// way there and back.
    Submissions,
}

impl Display for Clock {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str(match self {
            Clock::Host => "the host's clock around each step",
            Clock::Dispatches => {
                "the GPU's timestamps behind each dispatch, from the end of those before it: what overlaps is not told apart"
            }
            Clock::Passes => "the GPU's timestamps around passes of one dispatch each, which take longer than in a run",
            Clock::Submissions => {
                "the host's clock around submissions of one dispatch each, the way to the GPU and back included: it has no timestamps"
            }
        })
    }
}

/// One part of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub track: Track,
    /// The layer of a step, or what the host did ("upload").
    pub name: String,
    /// The kernel of a step; empty for what the host did.
    pub kernel: &'static str,
    /// Index of the step in the program, if it is one. A dispatch that does two has that of the first.
    pub step: Option<usize>,
    /// Since the run began.
    pub start: Duration,
    pub length: Duration,
}

/// Where a span ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Track {
    /// The caller's thread.
    Host,
    /// A thread of a CPU backend, counted from 0.
    Thread(usize),
    /// The GPU.
    Device,
}

impl Timeline {
    /// Time of each of `steps` steps: for spans of one step on several threads, or for several images, their sum.
    pub fn per_step(&self, steps: usize) -> Vec<Duration> {
        let mut times = vec![Duration::ZERO; steps];
        for span in &self.spans {
            if let Some(time) = span.step.and_then(|step| times.get_mut(step)) {
                *time += span.length;
            }
        }
        times
    }

    /// Time of what the host did under `name`, summed.
    pub fn host(&self, name: &str) -> Duration {
        self.spans.iter().filter(|s| s.track == Track::Host && s.name == name).map(|s| s.length).sum()
    }

    /// From the first beginning to the last end on the GPU; None without such spans.
    pub fn device(&self) -> Option<Duration> {
        let device = || self.spans.iter().filter(|s| s.track == Track::Device);
        let end = device().map(|s| s.start + s.length).max()?;
        Some(end - device().map(|s| s.start).min()?)
    }
}

/// Takes the times of a run, or of many, on several threads.
#[derive(Debug)]
pub(crate) struct Recorder {
    begin: Instant,
    timeline: Mutex<Timeline>,
}

impl Recorder {
    /// The run begins.
    pub fn start() -> Self {
        Self::since(Instant::now())
    }

    /// The time line begins then.
    pub fn since(begin: Instant) -> Self {
        Recorder { begin, timeline: Mutex::default() }
    }

    /// Times a run of a CPU, which tells its steps if there is a recorder.
    pub fn of_cpu<T>(detail: Detail, run: impl FnOnce(Option<&Self>) -> Result<T>) -> Result<(T, Timeline)> {
        let recorder = Recorder::start();
        let output = run((detail == Detail::Steps).then_some(&recorder))?;
        Ok((output, recorder.finish(Clock::Host)))
    }

    /// Does `work`, which is the step with this index, on a thread of a CPU backend.
    pub fn step<T>(recorder: Option<&Self>, index: usize, step: &Step, work: impl FnOnce() -> T) -> T {
        let Some(recorder) = recorder else { return work() };
        let track = Track::Thread(rayon::current_thread_index().unwrap_or(0));
        recorder.measure(track, &step.name, step.kernel.name(), Some(index), work)
    }

    /// Does `work` of the host.
    pub fn host<T>(recorder: Option<&Self>, name: &str, work: impl FnOnce() -> T) -> T {
        match recorder {
            None => work(),
            Some(recorder) => recorder.measure(Track::Host, name, "", None, work),
        }
    }

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

    /// Time since the run began.
    pub fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Adds a span that was timed by other means.
    pub fn add(&self, span: Span) {
        self.timeline().spans.push(span);
    }

    /// Adds a run that began at `start`. What it was timed with is what all are.
    pub fn insert(&self, start: Duration, run: Timeline) {
        let mut timeline = self.timeline();
        timeline.clock = run.clock;
        timeline.spans.extend(run.spans.into_iter().map(|span| Span { start: start + span.start, ..span }));
    }

    /// The run is over.
    pub fn finish(self, clock: Clock) -> Timeline {
        Timeline { clock, ..self.so_far() }
    }

    /// What was recorded until now.
    pub fn so_far(&self) -> Timeline {
        let mut timeline = self.timeline().clone();
        timeline.spans.sort_by_key(|span| (span.track, span.start));
        timeline
    }

    fn timeline(&self) -> MutexGuard<'_, Timeline> {
        self.timeline.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
