//! Devices: which GPUs there are, how one is opened, its errors, and how the host waits for it. Knows nothing about
//! networks.
//!
//! * `info`: what is known about an adapter; `adapter`: the adapters of this machine.
//! * `gpu`: an opened device and the mapping of its errors to this crate's; `submission`: commands handed to it, and
//!   waiting for them.
//! * `cache`: files kept between runs, per device; `strengths`: what a device is good at.

mod adapter;
mod cache;
mod gpu;
mod info;
mod strengths;
mod submission;

pub use adapter::{Adapter, adapters};
pub(crate) use cache::{CHOICES, PIPELINES, STRENGTHS, Store, hash};
pub use gpu::Gpu;
pub use info::{AdapterInfo, AdapterLimits};
pub(crate) use strengths::Strengths;
pub(crate) use submission::Submission;
