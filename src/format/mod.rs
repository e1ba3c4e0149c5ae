//! Files of models and arrays: the packed file, format version 1, and NumPy's `.npy`.
//!
//! A packed file is one `.safetensors` with the network's parameters as tensors and one metadata entry that holds
//! everything else as JSON. `models/README.md` is its specification.

mod element;
mod foreign;
mod golden;
mod header;
pub mod npy;
mod packed;
mod read;
mod strided;
mod versioned;
mod write;

pub use element::ElementType;
pub use golden::{Golden, GoldenInput};
pub use header::MAX_HEADER;
#[cfg(feature = "convert")]
pub(crate) use header::{GRAPH_KEY, METADATA_KEY, safetensors_header};
pub use packed::{Header, Packed, Provenance, VERSION, check_ends};
pub use read::{MAX_MODEL, read, read_bytes, read_static};
#[cfg(feature = "convert")]
pub(crate) use strided::{Offsets, c_strides};
#[cfg(feature = "convert")]
pub(crate) use versioned::parse_versioned;
#[cfg(feature = "convert")]
pub(crate) use write::stage_safetensors;
#[cfg(feature = "train")]
pub(crate) use write::stage_tensors;
pub use write::{stage, to_bytes};
