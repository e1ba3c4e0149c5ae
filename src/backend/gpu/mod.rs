//! The GPU backend: compute shaders through wgpu. Only this module and `session`, where a device is handed in, name
//! wgpu.
//!
//! From below:
//!
//! * `device`: adapters, opened devices and their errors, submitting and waiting, files kept between runs.
//! * `kernels`: the table of shaders and how each kernel of a program becomes one; `header`, `table` and `unroll`
//!   generate what goes in front of the shader text and into its buffers.
//! * `record`: a whole plan as plain data, built without a GPU.
//! * `run`: a recording on a device: pipelines, buffers, execution, timing, tuning, peak rates.
//! * `float`: the network in float32, a baseline for benchmarks, executed by `run` as well.
//! * `train`: training, executed by `run` too.
//! * `backend`: the [`crate::backend::Backend`] made of all these.

mod backend;
mod device;
pub mod float;
mod header;
mod kernels;
pub mod record;
mod run;
mod table;
#[cfg(feature = "train")]
pub(crate) mod train;
mod unroll;

pub(crate) use device::Job;
pub use device::{Adapter, AdapterInfo, AdapterLimits, Gpu, adapters, adapters_async};
pub use float::FloatNet;
pub use kernels::shader_hash;
pub use run::{GpuNet, Probe, picture};
#[cfg(feature = "train")]
pub(crate) use run::{List, Resident, Running};
