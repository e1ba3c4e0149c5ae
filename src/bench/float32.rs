//! The float32 baseline: the same network in float32 on the same device, with shaders of this project. Its runs
//! alternate with those of the quantized network.

use super::report::{Float32Baseline, Stats};
use crate::backend::Control;
use crate::backend::gpu::FloatNet;
use crate::backend::reference::float;
use crate::error::{Error, Result};
use crate::session::{Batch, Engine, Model};
use std::time::Instant;

/// How far logits may be from those that plain loops compute on the host, relative to the largest.
const TOLERANCE: f32 = 1e-3;
/// How many runs the GPU times.
const DEVICE_RUNS: usize = 5;

/// The baseline, or why there is none.
pub(super) struct Float32(std::result::Result<Ready, String>);

/// A prepared network, with its input and expected logits.
struct Ready {
    net: FloatNet,
    input: Vec<f32>,
    logits: Vec<f32>,
    times: Vec<f64>,
}

impl Float32 {
    /// Prepares `model` in float32 for `batch` of so many images, and compares its first result with the host's.
    ///
    /// # Errors
    /// [`Error::Cancelled`] and [`Error::DeadlineExceeded`]. All other failures become the baseline's problem.
    pub(super) fn new(engine: &Engine, model: &Model, batch: &Batch, images: usize, control: &Control) -> Result<Self> {
        Ok(Float32(or_message(Ready::new(engine, model, batch, images, control))?))
    }

    /// Runs it once.
    ///
    /// # Errors
    /// As [`Float32::new`].
    pub(super) fn run(&mut self, control: &Control) -> Result<()> {
        if let Ok(ready) = &mut self.0
            && let Err(problem) = or_message(ready.run(control))?
        {
            self.0 = Err(problem);
        }
        Ok(())
    }

    /// The result, for batches of `images` images that take the quantized network `ours` seconds.
    pub(super) fn finish(self, images: usize, ours: f64) -> Float32Baseline {
        let (wall, device, problem) = match self.0 {
            Ok(ready) => (Stats::of(&ready.times).unwrap_or_default(), ready.device(), None),
            Err(problem) => (Stats::default(), None, Some(problem)),
        };
        let per = |rate: f64| if wall.median > 0.0 { rate } else { 0.0 };
        Float32Baseline {
            name: "f32 by WGSL".into(),
            wall,
            device,
            images_per_second: per(images as f64 / wall.median),
            times: per(wall.median / ours),
            problem,
        }
    }
}

/// Turns failures into a message; cancellation and deadline pass through.
fn or_message<T>(result: Result<T>) -> Result<std::result::Result<T, String>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error @ (Error::Cancelled | Error::DeadlineExceeded)) => Err(error),
        Err(error) => Ok(Err(error.to_string())),
    }
}

impl Ready {
    fn new(engine: &Engine, model: &Model, batch: &Batch, images: usize, control: &Control) -> Result<Self> {
        let net = engine.prepare_float(model, images)?;
        let input = batch.real(model)?;
        let logits = net.run(&input, control)?;
        let expected = on_host(model, &input[..input.len() / images]).map_err(Error::Usage)?;
        close(&logits[..expected.len()], &expected).map_err(Error::VerificationFailed)?;
        Ok(Ready { net, input, logits, times: Vec::new() })
    }

    /// The GPU's share of a run, from additional runs; None if it has no timestamps.
    fn device(&self) -> Option<Stats> {
        let times: Vec<f64> = (0..DEVICE_RUNS)
            .map_while(|_| self.net.device_time(&Control::default()).ok()?)
            .map(|t| t.as_secs_f64())
            .collect();
        Stats::of(&times)
    }

    fn run(&mut self, control: &Control) -> Result<()> {
        let start = Instant::now();
        let logits = self.net.run(&self.input, control)?;
        self.times.push(start.elapsed().as_secs_f64());
        match logits == self.logits {
            true => Ok(()),
            false => {
                Err(Error::VerificationFailed("float32 logits changed from run to run: no figure is given".into()))
            }
        }
    }
}

/// The logits of one image, computed by plain loops.
fn on_host(model: &Model, image: &[f32]) -> std::result::Result<Vec<f32>, String> {
    float::run(&model.header().graph.without_quantizers()?, &model.packed().params, image)
}

/// An error unless the logits agree within the tolerance.
fn close(found: &[f32], expected: &[f32]) -> std::result::Result<(), String> {
    let largest = expected.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    let near = |(x, y): (&f32, &f32)| x.is_finite() && (x - y).abs() <= TOLERANCE * largest;
    match found.iter().zip(expected).position(|pair| !near(pair)) {
        None => Ok(()),
        Some(i) => {
            let (found, expected) = (found[i], expected[i]);
            Err(format!("float32 logit {i} is {found}, on the host {expected}: no figure is given"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::close;

    #[test]
    fn wrong_logits_are_told() {
        assert_eq!(close(&[1.0, -2.001], &[1.001, -2.0]), Ok(()));
        assert!(close(&[1.0, -2.01], &[1.0, -2.0]).unwrap_err().contains("logit 1 is -2.01"));
        assert!(close(&[f32::NAN], &[1.0]).unwrap_err().contains("logit 0"));
    }
}
