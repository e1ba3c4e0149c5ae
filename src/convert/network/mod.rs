//! From the variables of a checkpoint to the parameters of a network, and back: names and orders of each source
//! ([`names`], [`layout`]), recognition, binding, networks of the user's own, export.

mod bind;
mod custom;
mod export;
mod layout;
mod mean_image;
mod names;
mod parameters;
mod recognize;
mod widths;

pub(super) use bind::bind;
pub use custom::{CustomNetwork, GRAPH_VERSION};
pub use export::{export_float, stage_float};
pub(super) use mean_image::find as find_mean_image;
pub(super) use names::{NameRules, SOURCES};
pub use parameters::{Requirement, plain_variables};
pub(super) use recognize::{Match, recognize, source};
