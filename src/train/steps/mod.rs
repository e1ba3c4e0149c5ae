//! The steps of a network, forward and backward, with what they keep from batch to batch. Each file derives its gradients.

mod activation;
mod bases;
mod call;
mod conv;
pub(super) mod loss;
mod normal;
mod pointwise;
mod step;
mod weights;

pub(super) use activation::ActivationQuantizer;
pub(super) use bases::rate;
pub(super) use call::{Into, Place, Run, Value};
pub(super) use conv::Conv;
pub(super) use normal::Norm;
pub(super) use pointwise::Pointwise;
pub(super) use step::Step;
pub(super) use weights::WeightQuantizer;
