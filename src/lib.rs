//! Exact integer inference of LQ-Nets on GPUs and CPUs.

pub mod backend;
#[cfg(feature = "cli")]
pub mod cli;
pub mod convert;
pub mod error;
pub mod fixed;
pub mod format;
pub mod graph;
pub mod image;
pub mod lower;
pub mod plan;
pub mod quant;
pub mod session;
pub mod tensor;
pub mod zoo;

pub use error::{Error, ErrorKind, Result};
pub use image::Pixels;
pub use session::*;

