//! The public API: open a [`Model`], build an [`Engine`] on a device, [`Engine::prepare`] a [`Net`], classify.

mod awaited;
mod batch;
mod classification;
mod device;
mod devices;
mod digest;
mod engine;
mod feed;
mod input;
mod model;
mod net;
mod options;
mod parted;
mod prepared;
mod profile;
mod selector;
mod stream;
mod task;
#[cfg(test)]
mod tests;
mod textures;
mod verify;

pub use crate::backend::Tuned;
pub use crate::backend::gpu::AdapterLimits;
pub use batch::Batch;
pub use classification::{Classification, Prediction};
pub use device::{DeviceInfo, Processor};
pub use devices::devices;
pub use digest::Digest;
pub use engine::{Engine, EngineBuilder};
#[cfg(feature = "bench")]
pub(crate) use input::program_kind;
pub use model::Model;
pub use net::Net;
pub use options::{ClassifyOptions, MAX_BATCH, PrepareOptions};
pub use parted::PartedNet;
pub use prepared::PrepareTimes;
pub use profile::{Profile, Section};
pub use selector::DeviceSelector;
pub use verify::{GoldenReport, add_golden, add_golden_with, verify, verify_async};
/// The wgpu that this crate is built on, for [`Engine::from_wgpu`].
pub use wgpu;
