//! Exact integer inference of LQ-Nets (Zhang et al., ECCV 2018) on GPUs and CPUs: every device gives the same bits.
//!
//! Start at [`Model`], [`Engine`] and [`Net`]. The other modules are the steps between a checkpoint and logits, in the order of
//! `ARCHITECTURE.md`; they are public for tools and tests.

pub mod backend;
pub mod bench;
#[cfg(feature = "cli")]
pub mod cli;
pub mod compare;
pub mod convert;
pub mod error;
pub mod files;
pub mod fixed;
pub mod format;
pub mod graph;
pub mod image;
pub mod lower;
pub mod plan;
pub mod quant;
pub mod random;
pub mod session;
pub mod tensor;
pub mod zoo;

pub use error::{Error, ErrorKind, Result};
pub use image::Pixels;
pub use session::*;
