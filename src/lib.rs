//! Exact integer inference of LQ-Nets on GPUs and CPUs.

pub mod backend;
pub mod convert;
pub mod error;
pub mod fixed;
pub mod format;
pub mod graph;
pub mod lower;
pub mod plan;
pub mod quant;
pub mod tensor;

pub use error::{Error, Result};
