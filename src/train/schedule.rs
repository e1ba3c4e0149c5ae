//! How large steps are in the course of training.

use serde::{Deserialize, Serialize};

/// The shape of the steps' sizes after the warm-up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Along half a cosine down to 0 (Loshchilov and Hutter 2017).
    Cosine,
    /// A tenth after each of these epochs.
    Steps(Vec<f64>),
}

impl Schedule {
    /// The size of a step at `epoch`, which counts parts of epochs, as a share of the largest. During the first `warmup` epochs
    /// sizes grow evenly.
    pub fn share(&self, epoch: f64, epochs: f64, warmup: f64) -> f64 {
        if epoch < warmup {
            return epoch / warmup;
        }
        match self {
            Schedule::Cosine => {
                let done = ((epoch - warmup) / (epochs - warmup).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
                0.5 * (1.0 + (std::f64::consts::PI * done).cos())
            }
            Schedule::Steps(after) => 0.1f64.powi(after.iter().filter(|&&after| epoch >= after).count() as i32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_grow_and_shrink() {
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        let cosine = |epoch| Schedule::Cosine.share(epoch, 12.0, 2.0);
        close(cosine(1.0), 0.5);
        close(cosine(2.0), 1.0);
        close(cosine(7.0), 0.5);
        close(cosine(12.0), 0.0);
        let steps = Schedule::Steps(vec![80.0, 160.0]);
        close(steps.share(0.0, 200.0, 0.0), 1.0);
        close(steps.share(80.0, 200.0, 0.0), 0.1);
        close(steps.share(199.0, 200.0, 0.0), 0.01);
    }
}
