//! Runs with a timeline. Other runs do not come here and have no timestamps among their commands.
//!
//! GPU timestamps have another epoch than the host's clock, and wgpu cannot correlate the two. So the GPU's times are
//! moved such that the last of them ends when the wait for the result does; relative to each other they are right.
//! (Mesa's OpenGL computes while the commands are submitted: there "upload" contains the GPU's work, and the wait is
//! short.)

use super::loaded::Loaded;
use super::stamps::{Marks, Stamps, end_at};
use crate::backend::gpu::record::Dispatch;
use crate::backend::timeline::Recorder;
use crate::backend::{Clock, Control, Detail, Span, Timeline, Track};
use crate::error::Result;
use std::time::Duration;

/// Name of the span of all dispatches together.
const WHOLE: &str = "all";

/// A finished run as the host saw it.
struct FinishedRun {
    output: Vec<u32>,
    recorder: Recorder,
    /// When the host learned that the GPU was done.
    done: Duration,
}

impl Loaded {
    /// A run of at least one image and its timeline, by the best clock that the device has.
    pub(crate) fn run_timed(
        &self,
        input: &[u32],
        images: usize,
        detail: Detail,
        control: &Control,
    ) -> Result<(Vec<u32>, Timeline)> {
        let stamped: &[Marks] = match detail {
            Detail::Parts => &[Marks::Run],
            Detail::Steps => &[Marks::Dispatches, Marks::Passes],
        };
        for &marks in stamped {
            if let Some(timed) = self.run_stamped(input, images, marks, control)? {
                return Ok(timed);
            }
        }
        let dispatches = 0..self.dispatches().len();
        let run = self.run_recorded(input, images, &[], control, |e| self.pass(e, images, dispatches))?;
        let clock = match detail {
            Detail::Parts => Clock::Host,
            Detail::Steps => {
                Recorder::host(Some(&run.recorder), "one by one", || self.one_by_one(images, &run.recorder, control))?;
                Clock::Submissions
            }
        };
        Ok((run.output, run.recorder.finish(clock)))
    }

    /// How long the GPU takes for a batch of `images` images, by its own timestamps. The input is whatever the slots
    /// hold. `None` if the GPU has no timestamps, or implausible ones.
    pub(crate) fn device_time(&self, images: usize, control: &Control) -> Result<Option<Duration>> {
        let Some(stamps) = Stamps::new(&self.gpu, Marks::Run, self.dispatches().len()) else { return Ok(None) };
        let mut submission =
            self.gpu.submit(self.gpu.turn(control)?, "timing the network", &[stamps.result()], |encoder| {
                self.set_batch(encoder, images);
                self.encode_stamped(encoder, images, &stamps);
                Ok(())
            })?;
        submission.wait(control)?;
        let whole = Marks::Run.intervals(&stamps.read()?).and_then(|times| times.first().copied());
        Ok(whole.map(|[begin, end]| Duration::from_nanos((end - begin) as u64)))
    }

    /// A run with timestamps; `None` if the device has none, or implausible ones.
    fn run_stamped(
        &self,
        input: &[u32],
        images: usize,
        marks: Marks,
        control: &Control,
    ) -> Result<Option<(Vec<u32>, Timeline)>> {
        let Some(stamps) = Stamps::new(&self.gpu, marks, self.dispatches().len()) else { return Ok(None) };
        let run = self.run_recorded(input, images, &[stamps.result()], control, |encoder| {
            self.encode_stamped(encoder, images, &stamps);
        })?;
        let Some(times) = marks.intervals(&stamps.read()?) else { return Ok(None) };
        let Some(times) = end_at(&times, run.done) else { return Ok(None) };
        match (marks, &times[..]) {
            (Marks::Run, &[time, ..]) => run.recorder.add(device_span(None, time)),
            _ => self.dispatches().iter().zip(times).for_each(|(d, time)| run.recorder.add(device_span(Some(d), time))),
        }
        let clock = if marks == Marks::Dispatches { Clock::Dispatches } else { Clock::Passes };
        Ok(Some((run.output, run.recorder.finish(clock))))
    }

    /// A run with the commands `dispatches` between input and output, which fill the buffers `results`.
    fn run_recorded(
        &self,
        input: &[u32],
        images: usize,
        results: &[&wgpu::Buffer],
        control: &Control,
        dispatches: impl FnOnce(&mut wgpu::CommandEncoder),
    ) -> Result<FinishedRun> {
        control.check()?;
        let recorder = Recorder::start();
        let host = Some(&recorder);
        let in_flight = Recorder::host(host, "upload", || {
            let transfer = self.filled(self.gpu.turn(control)?, &input)?;
            self.begin_with(self.gpu.turn(control)?, transfer, images, results, dispatches)
        })?;
        let (batch, done) = Recorder::host(host, "wait", || in_flight.wait(control).map(|b| (b, recorder.now())))?;
        let output = Recorder::host(host, "readback", || batch.read())?;
        Ok(FinishedRun { output, recorder, done })
    }

    fn encode_stamped(&self, encoder: &mut wgpu::CommandEncoder, images: usize, stamps: &Stamps) {
        let dispatches = 0..self.dispatches().len();
        if stamps.marks == Marks::Passes {
            for index in dispatches {
                self.dispatch(&mut stamps.pass(encoder, 2 * index, 2 * index + 1), images, index);
            }
        } else {
            let mut pass = stamps.pass(encoder, 0, stamps.count - 1);
            for index in dispatches {
                self.dispatch(&mut pass, images, index);
                if stamps.marks == Marks::Dispatches {
                    stamps.write(&mut pass, index + 1);
                }
            }
        }
        stamps.resolve(encoder);
    }

    /// Submits the dispatches one by one and adds what each took. They run on what the slots hold: the run before is
    /// over, and other threads may have used the slots since.
    fn one_by_one(&self, images: usize, recorder: &Recorder, control: &Control) -> Result<()> {
        for (index, dispatch) in self.dispatches().iter().enumerate() {
            control.check()?;
            let start = recorder.now();
            self.rerun(index, images, 1, control)?;
            recorder.add(device_span(Some(dispatch), [start, recorder.now() - start]));
        }
        Ok(())
    }
}

/// The span of a dispatch, or of all together, from its start and length.
fn device_span(dispatch: Option<&Dispatch>, [start, length]: [Duration; 2]) -> Span {
    Span {
        track: Track::Device,
        name: dispatch.map_or(WHOLE, |d| &d.name).to_owned(),
        kernel: dispatch.map_or("", |d| d.kernel),
        step: dispatch.map(|d| d.step),
        start,
        length,
    }
}
