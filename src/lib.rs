//! Exact integer inference of LQ-Nets (Zhang et al., ECCV 2018) on GPUs and CPUs: every device gives the same bits.
//!
//! Open a [`Model`], open a device as an [`Engine`], prepare a [`Net`], and classify [`Pixels`]:
//!
//! ```
//! use lq_infer::{ClassifyOptions, Engine, Model, Pixels};
//!
//! let engine = Engine::builder().build()?;
//! let net = engine.prepare(&Model::bundled()?)?;
//! let found = net.classify(&Pixels::from_rgb(&[128; 12], 2, 2, 6)?, &ClassifyOptions::default())?;
//! assert_eq!(found.top.len(), 5);
//! # Ok::<(), lq_infer::Error>(())
//! ```
//!
//! # Features
//!
//! Without features the crate opens packed models and runs them on pixels in memory.
//!
//! * `image`: pictures from PNG, JPEG, WebP, BMP and GIF files, and from the types of the `image` crate (0.25).
//! * `convert`: conversion of training checkpoints.
//! * `bench`: measurements, reports and their pages.
//! * `cli` (default): the command-line program, with all of these.

pub mod backend;
#[cfg(feature = "bench")]
pub mod bench;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "convert")]
pub mod compare;
#[cfg(feature = "convert")]
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
pub mod text;
#[cfg(any(feature = "bench", feature = "convert"))]
pub mod zoo;

pub use backend::{CancelToken, Control};
pub use error::{Error, ErrorKind, Result};
pub use image::Pixels;
pub use session::*;
