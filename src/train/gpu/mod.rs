//! Training on a GPU. Parameters, averages and bases stay there from batch to batch; pictures and labels go there, and what the
//! batches were worth comes back, while the device is at work on the next one.
//!
//! * `places`: where on the device each number is that is kept.
//! * `record`: the stages of a network as launches.
//! * `network`: a network on a device; `timer` runs its launches one by one.

mod network;
mod places;
mod record;
mod timer;

pub(super) use network::OnGpu;
pub use timer::Timer;

use crate::backend::gpu::record::{Recording, Target};
use crate::backend::gpu::train::Recorder;
use crate::graph::{Graph, Ties};

/// The launches of inference and of a step of training, made without a GPU, for rasterisers or for hardware.
///
/// # Errors
/// The layer that cannot be trained.
pub fn recording(
    graph: &Graph,
    ties: Ties,
    images: usize,
    target: &Target,
    software: bool,
) -> Result<Recording, String> {
    let recorder = Recorder::new(*target, software, images);
    Ok(record::Recorded::new(recorder, graph, ties, true)?.recorder.into_recording())
}
