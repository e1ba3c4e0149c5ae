//! Launches of training one by one, for measurements.

use super::record::Recorded;
use crate::backend::gpu::train::Recorder;
use crate::backend::gpu::{Gpu, Resident};
use crate::error::{Error, Result};
use crate::graph::{Graph, Ties};
use std::ops::Range;

/// A step of training whose launches can be run by themselves.
pub struct Timer(Resident);

impl Timer {
    /// The launches for batches of `images` pictures on a GPU.
    ///
    /// # Errors
    /// [`Error::Usage`] if the network cannot be trained, [`Error::DeviceLimit`] and [`Error::OutOfMemory`] if it does not fit.
    pub fn new(gpu: &Gpu, graph: &Graph, ties: Ties, images: usize) -> Result<Self> {
        let recorded = Recorded::new(Recorder::on(gpu, images), graph, ties, true).map_err(Error::Usage)?;
        Resident::new(gpu, recorded.recorder).map(Timer)
    }

    /// Layer and kernel of each launch, in order: those of inference, then those of a step.
    pub fn launches(&self) -> Vec<(String, &'static str)> {
        self.0.recording().dispatches().iter().map(|d| (d.name.clone(), d.kernel)).collect()
    }

    /// Runs some launches `repeats` times on whatever their buffers hold, and waits for them.
    ///
    /// # Errors
    /// Device errors.
    pub fn rerun(&self, launches: Range<usize>, repeats: usize) -> Result<()> {
        self.0.rerun(launches, repeats)
    }
}
