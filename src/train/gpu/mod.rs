//! Training on a GPU. Parameters, averages and bases stay there from batch to batch; pictures and labels go there, and what the
//! batches were worth comes back, while the device is at work on the next one.
//!
//! * `places`: where on the device each number is that is kept.
//! * `record`: the stages of a network as launches.
//! * `network`: a network on a device.

mod network;
mod places;
mod record;

pub(super) use network::OnGpu;
