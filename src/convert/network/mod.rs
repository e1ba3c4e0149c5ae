//! From the variables of a checkpoint to the parameters of a network, and back: names and orders of each source
//! ([`names`], [`layout`], [`bases`]), the part of a checkpoint that is meant ([`scope`]), recognition, binding, networks of
//! the user's own, export.

mod bases;
mod bind;
mod custom;
mod ends;
mod export;
mod layout;
mod mean_image;
mod mismatch;
mod names;
mod normalization;
mod parameters;
mod recognize;
mod scope;
mod unknown;
mod widths;

pub(super) use bind::bind;
#[cfg(feature = "train")]
pub(crate) use custom::safetensors_entry;
pub use custom::{CustomNetwork, GRAPH_VERSION};
pub use export::{export_float, stage_float};
pub(super) use mean_image::find as find_mean_image;
pub(super) use names::{NameRules, SOURCES};
pub(super) use normalization::{Applied, all as normalizations};
pub use parameters::{Requirement, plain_variables};
pub(super) use recognize::{Match, recognize, source};
pub(super) use scope::Scope;
