//! How a network is trained.

use super::data::Augment;
use super::schedule::Schedule;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// What decides, with the pictures, what training gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How often all pictures are seen.
    pub epochs: usize,
    /// Pictures of a step.
    pub batch: usize,
    /// Size of the largest steps.
    pub rate: f64,
    /// How sizes change.
    pub schedule: Schedule,
    /// Epochs during which sizes grow from 0.
    pub warmup: f64,
    /// Share of the old average of gradients that is kept.
    pub momentum: f64,
    /// What is added to the gradient of a weight, as a share of the weight.
    pub decay: f64,
    /// Share of the target that is spread over all classes.
    pub smoothing: f64,
    /// Share of the target that the teacher's probabilities have, if there is a teacher.
    pub teacher: f64,
    /// How pictures are varied.
    pub augment: Augment,
    /// Whether half of the pictures are mirrored.
    pub mirror: bool,
    /// Of initial weights, the order of pictures, and how each is varied.
    pub seed: u64,
}

impl Settings {
    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// [`Error::Usage`]
    pub fn check(&self) -> Result<()> {
        let share = |x: f64| (0.0..=1.0).contains(&x);
        let problem = if self.epochs == 0 || self.batch == 0 {
            "epochs and batch must be at least 1"
        } else if !(self.rate.is_finite() && self.rate > 0.0) {
            "the learning rate (--lr) must be above 0"
        } else if !((0.0..1.0).contains(&self.momentum) && self.decay.is_finite() && self.decay >= 0.0) {
            "momentum must be from 0 to below 1, and weight decay not negative"
        } else if !share(self.smoothing) || !share(self.teacher) {
            "label smoothing and the teacher's share must be from 0 to 1"
        } else if !(self.warmup.is_finite() && self.warmup >= 0.0) || self.warmup > self.epochs as f64 {
            "the warm-up must not be longer than the training"
        } else {
            return Ok(());
        };
        Err(Error::Usage(problem.into()))
    }
}
