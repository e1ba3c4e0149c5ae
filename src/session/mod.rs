//! The public API: open a [`Model`], build an [`Engine`] on a device, [`Engine::prepare`] a [`Net`], classify.

mod batch;
mod device;
mod digest;
mod engine;
mod feed;
mod model;
mod net;
mod profile;
mod stream;
mod task;
mod verify;

pub use crate::backend::Tuned;
pub use crate::backend::gpu::AdapterLimits;
pub use batch::Batch;
pub use device::{DeviceInfo, DeviceSelector, Processor, device_matching, devices};
pub use digest::Digest;
pub use engine::{Engine, EngineBuilder, PrepareOptions};
pub use model::Model;
pub use net::{Classification, ClassifyOptions, Net, Prediction, PrepareTimes};
pub use profile::{Profile, Section};
pub use verify::{GoldenReport, add_golden, add_golden_with, verify};
/// The wgpu this crate is built on, for [`Engine::from_wgpu`].
pub use wgpu;
