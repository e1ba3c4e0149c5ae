//! Runs that say when each part was. A run that nobody times does not come here and has no timestamps among its commands.
//!
//! A GPU's clock has another zero than the host's and no call of wgpu relates them. So the GPU's times are laid on the host's
//! time line such that the last of them ends when the wait for the result does; they are right relative to each other. Where
//! they would begin before the run, they are moved. (Mesa's GL computes while the commands are submitted: there "upload" holds
//! the GPU's work, and the wait is short.)

use super::engine::GpuNet;
use super::record::Dispatch;
use super::stamps::{Marks, Stamps, place};
use crate::backend::timeline::Recorder;
use crate::backend::{Clock, Control, Detail, Span, Timeline, Track};
use crate::error::Result;
use std::time::Duration;

/// What the GPU's work as a whole is called.
const WHOLE: &str = "all";

/// A run that was recorded.
struct Recorded {
    output: Vec<u32>,
    recorder: Recorder,
    submission: wgpu::SubmissionIndex,
    /// When the host heard that the GPU was done.
    heard: Duration,
}

impl GpuNet {
    /// A run of at least one image and its times, by the best means that the device has.
    pub(super) fn run_timed(
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
        let run = self.run_recorded(input, images, control, |e| self.pass(e, images, dispatches))?;
        let clock = match detail {
            Detail::Parts => Clock::Host,
            Detail::Steps => {
                Recorder::host(Some(&run.recorder), "one by one", || self.one_by_one(images, &run.recorder, control))?;
                Clock::Submissions
            }
        };
        Ok((run.output, run.recorder.finish(clock)))
    }

    /// A run with timestamps; None if the device has none, or none that mean anything.
    fn run_stamped(
        &self,
        input: &[u32],
        images: usize,
        marks: Marks,
        control: &Control,
    ) -> Result<Option<(Vec<u32>, Timeline)>> {
        let Some(stamps) = Stamps::new(&self.gpu, marks, self.dispatches().len()) else { return Ok(None) };
        let run = self.run_recorded(input, images, control, |encoder| {
            self.encode_stamped(encoder, images, &stamps);
            stamps.resolve(encoder);
        })?;
        let Some(times) = marks.intervals(&stamps.read(&run.submission)?) else { return Ok(None) };
        let Some(times) = place(&times, run.heard) else { return Ok(None) };
        match (marks, &times[..]) {
            (Marks::Run, &[time, ..]) => run.recorder.add(device_span(None, time)),
            _ => self.dispatches().iter().zip(times).for_each(|(d, time)| run.recorder.add(device_span(Some(d), time))),
        }
        let clock = if marks == Marks::Dispatches { Clock::Dispatches } else { Clock::Passes };
        Ok(Some((run.output, run.recorder.finish(clock))))
    }

    /// A run with `dispatches` between the input and the output, as the host sees it.
    fn run_recorded(
        &self,
        input: &[u32],
        images: usize,
        control: &Control,
        dispatches: impl FnOnce(&mut wgpu::CommandEncoder),
    ) -> Result<Recorded> {
        control.check()?;
        let transfer = self.transfer()?;
        let recorder = Recorder::start();
        let submitted = Recorder::host(Some(&recorder), "upload", || {
            self.submit(&transfer, input, |encoder| {
                self.encode_input(encoder, &transfer.upload, images);
                dispatches(encoder);
                self.encode_output(encoder, &transfer.result, images);
                Ok(())
            })
        })?;
        let heard = Recorder::host(Some(&recorder), "wait", || -> Result<Duration> {
            self.wait(&submitted, control)?;
            Ok(recorder.now())
        })?;
        let output = Recorder::host(Some(&recorder), "readback", || self.finish(transfer, images))?;
        Ok(Recorded { output, recorder, submission: submitted.index, heard })
    }

    fn encode_stamped(&self, encoder: &mut wgpu::CommandEncoder, images: usize, stamps: &Stamps) {
        let dispatches = 0..self.dispatches().len();
        if stamps.marks == Marks::Passes {
            for index in dispatches {
                self.dispatch(&mut stamps.pass(encoder, 2 * index, 2 * index + 1), images, index);
            }
            return;
        }
        let mut pass = stamps.pass(encoder, 0, stamps.count - 1);
        for index in dispatches {
            self.dispatch(&mut pass, images, index);
            if stamps.marks == Marks::Dispatches {
                stamps.write(&mut pass, index + 1);
            }
        }
    }

    /// Submits the dispatches one by one and adds what each took. They run on what the slots hold: the run before is over, so
    /// that others may have used them since.
    fn one_by_one(&self, images: usize, recorder: &Recorder, control: &Control) -> Result<()> {
        for (index, dispatch) in self.dispatches().iter().enumerate() {
            control.check()?;
            let start = recorder.now();
            self.rerun(index, images, 1)?;
            recorder.add(device_span(Some(dispatch), [start, recorder.now() - start]));
        }
        Ok(())
    }
}

/// Start and length of a dispatch, or of all.
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
