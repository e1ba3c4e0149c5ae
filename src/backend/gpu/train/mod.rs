//! Training on a GPU: each step of `train/steps/` as launches of the shaders in `shaders/train/`, its twins. What is trained, and
//! in which order, is the caller's business (`train/gpu.rs`).
//!
//! * `recorder` collects buffers and launches, as plain data.
//! * `conv` runs convolutions forward and back, by the float32 baseline's shaders, on weights that `ways` puts in their order;
//!   `weights` is the gradient of weights.
//! * `pointwise` is batch norm, ReLU and quantizer; `bases` their bases and those of weights; `moves` what only moves numbers;
//!   `descent` the loss and what all parameters do with their gradients.
//!
//! Tensors are `[image, h, w]` of vectors of four channels; channels past the last one are 0, in gradients too. All sums have
//! fixed parts and a fixed order and no atomics, so that a device gives the same bits each time.

mod bases;
mod conv;
mod descent;
mod moves;
mod pointwise;
mod recorder;
mod ways;
mod weights;

pub(crate) use bases::{ActivationBasis, WeightBasis};
pub(crate) use conv::ConvLayer;
pub(crate) use descent::{Descent, Loss};
pub(crate) use moves::{Member, Pool};
pub(crate) use pointwise::{NormPlaces, Norms, PointwiseLayer};
pub(super) use recorder::Wanted;
pub(crate) use recorder::{Into, Recorder, Tensor};

use super::header::Header;
use super::table::QUAD;

/// A buffer of a recording, by number.
pub(crate) type BufferId = usize;

/// The numbers that change from step to step, in their buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct Knobs {
    /// Size of the step.
    pub rate: f32,
    /// Share of the average of gradients that is kept.
    pub momentum: f32,
    /// Weight decay.
    pub decay: f32,
    /// How far bases move towards those that suit the batch best; 0 if they stay.
    pub basis_rate: f32,
    /// Share of the target that is spread over all classes.
    pub smoothing: f32,
    /// Share of the target that the teacher has.
    pub teacher: f32,
}

impl Knobs {
    /// How many there are.
    pub(crate) const COUNT: usize = size_of::<Self>() / 4;
    /// Their names in shaders, in order.
    const NAMES: [&str; Self::COUNT] = ["RATE", "MOMENTUM", "DECAY", "BASIS_RATE", "SMOOTHING", "TEACHER_SHARE"];

    /// The constants that say where each is.
    fn describe(header: &mut Header) {
        for (at, name) in Self::NAMES.iter().enumerate() {
            header.number(name, at);
        }
    }
}

/// Words of the row of a pixel with so many channels.
pub(crate) fn row(channels: usize) -> usize {
    channels.next_multiple_of(QUAD)
}

/// Vectors of that row.
fn quads(channels: usize) -> usize {
    channels.div_ceil(QUAD)
}
