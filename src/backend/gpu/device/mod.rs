//! Devices: which GPUs there are, how one is opened, its errors, and how the host waits for it. Knows nothing about
//! networks.
//!
//! * `info`: what is known about an adapter; `adapter`: the adapters of this machine.
//! * `gpu`: an opened device; `guard`: the mapping of its errors to this crate's, which come in a `report`.
//! * `submission`: commands handed to it, and waiting for them; `patience`: how threads wait; `worker`: the thread that does it
//!   for asynchronous work.
//! * `cache`: files kept between runs, per device; `strengths`: what a device is good at.

mod adapter;
mod cache;
mod gpu;
mod guard;
mod info;
mod patience;
mod report;
mod strengths;
mod submission;
mod worker;

pub use adapter::{Adapter, adapters, adapters_async};
pub(crate) use cache::{CHOICES, PIPELINES, STRENGTHS, Store, hash};
pub use gpu::Gpu;
pub use info::{AdapterInfo, AdapterLimits};
pub(crate) use strengths::Strengths;
pub(crate) use submission::{Submission, Turn};
pub(crate) use worker::Job;
