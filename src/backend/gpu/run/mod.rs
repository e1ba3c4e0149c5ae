//! Execution: what a recording becomes on a device, and everything that runs it. Quantized networks and the float32
//! baseline share it.
//!
//! * `layout`: the tensors of a recording and their slots; `batch_limit`: how many images the device's limits allow.
//! * `pipelines`: compiled shaders; `buffers`: slots, constants, uniforms; `upload`: what comes from the host; `loaded`: a
//!   recording with all of them, ready to run.
//! * `pace`: how a batch is divided among submissions.
//! * `trace`: what each dispatch wrote; `timed`: runs with a timeline, by timestamps (`stamps`) where there are some.
//! * `resident`: a recording whose tensors stay on the device, which training is.
//! * `net`: a plan on a GPU; `picture`: from a caller's texture to the input tensor.
//! * `tuner` times variants, `choices` remembers them; `probe` measures the device's peak rates, `rounds` whether it
//!   ends loops early, `strengths` what it is good at.

mod batch_limit;
mod buffers;
mod choices;
mod layout;
mod loaded;
mod net;
mod pace;
pub mod picture;
mod pipelines;
mod probe;
#[cfg(feature = "train")]
mod resident;
mod rounds;
mod stamps;
mod strengths;
mod timed;
mod trace;
mod tuner;
mod upload;

pub(crate) use batch_limit::BatchLimit;
pub(crate) use layout::Layout;
pub(crate) use loaded::Loaded;
pub use net::GpuNet;
pub(crate) use pace::Pace;
pub use probe::Probe;
#[cfg(feature = "train")]
pub(crate) use resident::{List, Resident, Running};
pub(crate) use rounds::within_rounds;
pub(crate) use tuner::tune;
