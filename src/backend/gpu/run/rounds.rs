//! Devices that end loops early (see `kernels::rounds`): finding out whether one does, and after how many rounds, and
//! recording networks such that no invocation makes more.

use super::buffers::{buffer, bytes};
use super::probe::{bind, pipeline};
use crate::backend::Control;
use crate::backend::gpu::device::{Gpu, Submission, Turn};
use crate::backend::gpu::record::{Dispatch, Recording};
use crate::error::{Error, Result};

/// So many rounds every device makes; only for more is it asked.
const ALWAYS: usize = 1 << 14;
/// A device that makes so many rounds makes any number. Takes a hardware GPU some milliseconds.
const PROBED: u32 = 1 << 20;

/// What `record` makes for a device that lets an invocation make so many rounds (`None`: any number), where that is what
/// `gpu` does. `recording` gets at the recording of a result.
///
/// # Errors
/// Those of `record` and of the device, and [`Error::DeviceLimit`] if the work of a layer cannot be divided far enough.
pub(crate) fn within_rounds<T>(
    gpu: &Gpu,
    record: impl Fn(Option<usize>) -> Result<T>,
    recording: impl Fn(&T) -> &Recording,
) -> Result<T> {
    let made = record(None)?;
    if beyond(recording(&made), ALWAYS).is_none() {
        return Ok(made);
    }
    let Some(most) = gpu.most_rounds()? else { return Ok(made) };
    let made = if beyond(recording(&made), most).is_some() { record(Some(most))? } else { made };
    let Some(Dispatch { name, rounds, .. }) = beyond(recording(&made), most) else { return Ok(made) };
    let problem = format!(
        "layer '{name}' needs loops of up to {rounds} rounds, and the device ends loops after {most} without an error; \
         use another device"
    );
    Err(Error::DeviceLimit { device: gpu.info().name.clone(), problem })
}

/// The longest dispatch, if it makes more rounds than `most`.
fn beyond(recording: &Recording, most: usize) -> Option<&Dispatch> {
    recording.longest().filter(|d| d.rounds > most)
}

impl Gpu {
    /// How many rounds the loops of one invocation can make together. `None` if the device does not end them. Measured
    /// once.
    ///
    /// # Errors
    /// Device errors.
    pub fn most_rounds(&self) -> Result<Option<usize>> {
        if let Some(known) = self.known_rounds().get() {
            return Ok(*known);
        }
        let mut run = start(self, self.turn(&Control::default())?)?;
        run.submission.wait(&Control::default())?;
        self.note_rounds(&run)
    }

    /// In a browser, [`Gpu::most_rounds`] cannot measure because it cannot wait: this does it in advance.
    ///
    /// # Errors
    /// Device errors.
    pub(crate) async fn measure_rounds(&self) -> Result<()> {
        let mut run = start(self, self.turn_async(&Control::default()).await?)?;
        self.settled().await?;
        run.submission.wait_async(&Control::default()).await?;
        self.note_rounds(&run).map(drop)
    }

    /// Keeps what the probe has found.
    fn note_rounds(&self, run: &Run) -> Result<Option<usize>> {
        let made: Vec<u32> = self.read_mapped(&run.result, run.result.size())?;
        Ok(*self.known_rounds().get_or_init(|| limit(made[0], made[1])))
    }
}

/// The probe at work, and where its result will be.
struct Run {
    submission: Submission,
    result: wgpu::Buffer,
}

fn start(gpu: &Gpu, turn: Turn) -> Result<Run> {
    use wgpu::BufferUsages as Usage;
    const WORDS: usize = 4;
    let pipeline = pipeline(gpu, include_str!("../../../../shaders/probes/rounds.wgsl"))?;
    let wanted = buffer(gpu, "probe", WORDS, Usage::UNIFORM | Usage::COPY_DST)?;
    let made = buffer(gpu, "probe", WORDS, Usage::STORAGE | Usage::COPY_SRC)?;
    let result = buffer(gpu, "probe", WORDS, Usage::COPY_DST | Usage::MAP_READ)?;
    let submission = gpu.submit(turn, "running a probe", &[&result], |encoder| {
        gpu.queue().write_buffer(&wanted, 0, bytemuck::cast_slice(&[PROBED, 0, 0, 0]));
        let bind_group = bind(gpu, &pipeline, [&wanted, &made]);
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&pipeline);
            pass.set_bind_group(0, &bind_group, &[]);
            pass.dispatch_workgroups(1, 1, 1);
        }
        encoder.copy_buffer_to_buffer(&made, 0, &result, 0, bytes(WORDS));
        Ok(())
    })?;
    Ok(Run { submission, result })
}

/// The limit of a device whose loop of [`PROBED`] rounds counted `count` and led to `number`. One that ends the loop and
/// yet counts all rounds has an unknown limit.
fn limit(count: u32, number: u32) -> Option<usize> {
    match (count, number == number_after(PROBED)) {
        (PROBED, true) => None,
        (PROBED, false) => Some(ALWAYS),
        (count, _) => Some(count as usize),
    }
}

/// The number that the probe's first invocation computes in so many rounds.
fn number_after(rounds: u32) -> u32 {
    (0..rounds).fold(0, |x, _| (x ^ x >> 15).wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_shows_in_the_count_or_in_the_number() {
        let right = number_after(PROBED);
        assert_eq!([limit(PROBED, right), limit(PROBED, 1), limit(65_535, 1)], [None, Some(ALWAYS), Some(65_535)]);
    }
}
