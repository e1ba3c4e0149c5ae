//! Conversion: checkpoint reader -> name rules -> network definition (zoo) -> bound parameters -> packed model.
//!
//! [`readers`] know the formats of files and nothing of networks; `network` knows what networks are made of and takes
//! variables from any reader; [`report`] tells what became of the weights.

mod claims;
mod conversion;
mod network;
mod notes;
mod options;
pub mod readers;
pub mod report;
mod unquantized;

pub use conversion::{Conversion, convert, convert_graph};
#[cfg(feature = "train")]
pub(crate) use network::safetensors_entry;
pub use network::{CustomNetwork, GRAPH_VERSION, Requirement, export_float, plain_variables, stage_float};
pub use options::{ConvertOptions, Unquantized};
pub use readers::{Checkpoint, CheckpointKind, Evidence};
