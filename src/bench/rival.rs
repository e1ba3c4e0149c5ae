//! The same network in float32 on the same device, by shaders of our own, timed in turns with the quantized one.

use super::report::{Rival, Stats};
use crate::backend::Control;
use crate::backend::gpu::FloatNet;
use crate::backend::reference::float;
use crate::error::{Error, Result};
use crate::session::{Batch, Engine, Model};
use std::time::Instant;

/// How far logits may be from those of plain loops on the host, relative to the largest.
const TOLERANCE: f32 = 1e-3;
/// Runs that a GPU times.
const DEVICE_RUNS: usize = 5;

/// The opponent, or why there is none.
pub struct Opponent(std::result::Result<Ready, String>);

struct Ready {
    net: FloatNet,
    input: Vec<f32>,
    logits: Vec<f32>,
    times: Vec<f64>,
}

impl Opponent {
    /// Prepares `model` in float32 for `batch` of so many images, and compares its first result with the host's.
    ///
    /// # Errors
    /// [`Error::Cancelled`] and [`Error::DeadlineExceeded`]. All else is the opponent's problem.
    pub fn new(engine: &Engine, model: &Model, batch: &Batch, images: usize, control: &Control) -> Result<Self> {
        Ok(Opponent(excused(Ready::new(engine, model, batch, images, control))?))
    }

    /// Runs it once.
    ///
    /// # Errors
    /// As [`Opponent::new`].
    pub fn run(&mut self, control: &Control) -> Result<()> {
        if let Ok(ready) = &mut self.0
            && let Err(problem) = excused(ready.run(control))?
        {
            self.0 = Err(problem);
        }
        Ok(())
    }

    /// What became of it, for batches of `images` images that take the quantized network `ours` seconds.
    pub fn finish(self, images: usize, ours: f64) -> Rival {
        let (wall, device, problem) = match self.0 {
            Ok(ready) => (Stats::of(&ready.times).unwrap_or_default(), ready.device(), None),
            Err(problem) => (Stats::default(), None, Some(problem)),
        };
        let per = |rate: f64| if wall.median > 0.0 { rate } else { 0.0 };
        Rival {
            name: "f32 by WGSL".into(),
            wall,
            device,
            images_per_second: per(images as f64 / wall.median),
            times: per(wall.median / ours),
            problem,
        }
    }
}

/// The problem of an opponent that failed; only those who asked for an end have it.
fn excused<T>(result: Result<T>) -> Result<std::result::Result<T, String>> {
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

    /// The GPU's part, by some more runs; None if it cannot tell.
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

/// Logits of one image, in plain loops.
fn on_host(model: &Model, image: &[f32]) -> std::result::Result<Vec<f32>, String> {
    float::run(&model.header().graph.without_quantizers()?, &model.packed().params, image)
}

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
