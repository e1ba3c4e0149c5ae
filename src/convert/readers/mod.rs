//! Readers of training checkpoints: one trait, [`Reader`], and a file or folder for each format.
//!
//! A path is opened once: [`Checkpoint::open`] works out which files it means and of what form they are, a reader
//! parses the list of variables, and the same open files give their data when they are asked for, in pieces.

mod bookkeeping;
mod checkpoint;
mod directory;
pub mod evidence;
mod file_form;
mod foreign;
mod locate;
pub mod npz;
mod pieces;
mod reader;
pub mod safetensors;
mod shards;
mod strided;
pub mod tf_bundle;
pub mod torch;
mod variable;
mod views;
mod zip_directory;

pub use checkpoint::Checkpoint;
pub use evidence::Evidence;
pub use pieces::Sink;
pub use reader::{CheckpointKind, Reader};
pub use variable::Variable;
pub(super) use variable::check_names;
