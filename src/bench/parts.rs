//! How the time of a run on a GPU divides into parts.

use super::report::{Parts, Stats};
use crate::backend::Timeline;

/// The times of the parts of several runs.
#[derive(Debug, Default)]
pub(super) struct PartTimes {
    upload: Vec<f64>,
    device: Vec<f64>,
    readback: Vec<f64>,
}

impl PartTimes {
    /// How many runs were added.
    pub(super) fn runs(&self) -> usize {
        self.upload.len()
    }

    /// Adds a run; returns whether it was on a GPU.
    pub(super) fn add(&mut self, run: &Timeline) -> bool {
        let on_gpu = run.spans.iter().any(|span| span.name == "upload");
        if on_gpu {
            self.upload.push(run.host("upload").as_secs_f64());
            self.device.extend(run.device().map(|time| time.as_secs_f64()));
            self.readback.push((run.host("readback") + run.host("join")).as_secs_f64());
        }
        on_gpu
    }

    /// None if no run was on a GPU.
    pub(super) fn stats(&self) -> Option<Parts> {
        Some(Parts {
            upload: Stats::of(&self.upload)?,
            device: Stats::of(&self.device),
            readback: Stats::of(&self.readback)?,
        })
    }
}
