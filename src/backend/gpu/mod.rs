//! The GPU backend: compute shaders through wgpu. Only this module and `session`, where a device is handed in, name wgpu.
//!
//! * `adapter`: which GPUs there are and whether they can be used; `context`: an opened device and its errors.
//! * `kernels`: the table of shaders and how each kernel of a program becomes one; `header`, `table` and `unroll` generate what goes
//!   in front of the shader text and into its buffers.
//! * `record`: a whole plan as plain data, built without a GPU.
//! * `fit`: how many images fit the device's limits; `pipelines`: compiled shaders; `buffers`, `engine`: memory and execution.
//! * `tuner` times variants, `choices` remembers them; `cache`: what is kept between runs.
//! * `timed`: runs that say when each part was; `rerun` and `probe`: for measuring single dispatches and the device's peaks.
//! * `float`: the network in float32, an opponent for benchmarks.
//! * `picture`: from a caller's texture to the input tensor.

mod adapter;
mod buffers;
mod cache;
mod choices;
mod context;
mod engine;
mod fit;
pub mod float;
mod header;
mod kernels;
pub mod picture;
mod pipelines;
mod probe;
pub mod record;
mod rerun;
mod stamps;
mod table;
mod timed;
mod tuner;
mod unroll;

pub use adapter::{Adapter, AdapterInfo, AdapterLimits, adapters};
pub use context::Gpu;
pub use engine::GpuNet;
pub use float::FloatNet;
pub use kernels::shader_hash;
pub use probe::Probe;
