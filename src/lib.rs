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
//! * `image`: pictures from PNG, JPEG, WebP, BMP, GIF and TIFF files, and from the types of the `image` crate (0.25).
//! * `convert`: conversion of training checkpoints.
//! * `train`: training of networks, with both of these.
//! * `bench`: measurements, reports and their pages.
//! * `cli` (default): the command-line program, with all of these.

// Files, tensors and GPUs share memory as it is, with the low byte first.
#[cfg(target_endian = "big")]
compile_error!("lq-infer needs a little-endian processor");

mod backend;
#[cfg(feature = "bench")]
mod bench;
#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "convert")]
mod compare;
#[cfg(feature = "convert")]
mod convert;
mod error;
mod files;
mod fixed;
#[cfg(feature = "convert")]
mod float;
mod format;
mod graph;
mod image;
mod instructions;
mod lower;
mod plan;
mod platform;
mod quant;
#[cfg(feature = "convert")]
mod quantize;
mod random;
mod session;
mod tensor;
mod text;
mod threads;
#[cfg(feature = "train")]
mod train;
#[cfg(any(feature = "bench", feature = "convert"))]
mod zoo;

pub use backend::gpu::AdapterLimits;
pub use backend::gpu::picture::TexturePicture;
pub use backend::{CancelToken, Control, Tuned};
#[cfg(feature = "convert")]
pub use convert::{Checkpoint, Conversion, ConvertOptions, Unquantized, convert};
pub use error::{Error, ErrorKind, Result};
pub use image::Pixels;
pub use session::wgpu;
pub use session::{
    Batch, Classification, ClassifyOptions, DeviceInfo, DeviceSelector, Digest, Engine, EngineBuilder, GoldenReport,
    MAX_BATCH, Model, Net, PartedNet, Prediction, PrepareOptions, Processor, devices, verify, verify_async,
};

/// The modules behind the public API, for tools, tests and benchmarks. They are the steps between a checkpoint and
/// logits, in the order of `ARCHITECTURE.md`, and may change with any version.
pub mod internals {
    /// Passes on what the modules of these names have to offer.
    macro_rules! modules {
        ($($(#[$attribute:meta])* $name:ident)*) => {
            $($(#[$attribute])* pub mod $name { pub use crate::$name::*; })*
        };
    }

    modules! {
        /// Backends: the reference, the fast CPU, GPUs.
        backend
        /// Measurements, reports and their pages.
        #[cfg(feature = "bench")]
        bench
        /// The command line.
        #[cfg(feature = "cli")]
        cli
        /// Comparison of codes and logits with those of training frameworks.
        #[cfg(feature = "convert")]
        compare
        /// Conversion of training checkpoints.
        #[cfg(feature = "convert")]
        convert
        /// Errors.
        error
        /// Reading, replacing and quoting files.
        files
        /// Fixed point, limbs and two-word sums.
        fixed
        /// The packed file, and NumPy's arrays.
        format
        /// Networks: operations, parameters, preprocessing.
        graph
        /// Decoding and resizing pictures.
        image
        /// From a graph to an integer program.
        lower
        /// Where the tensors of a program live.
        plan
        /// Codes, bases and the order of bits.
        quant
        /// Quantization of float networks without training.
        #[cfg(feature = "convert")]
        quantize
        /// Random numbers that are the same on every machine.
        random
        /// Models, engines, nets and devices.
        session
        /// Shapes and windows.
        tensor
        /// Text made safe to show.
        text
        /// Training of networks together with their quantizers.
        #[cfg(feature = "train")]
        train
        /// Definitions of known networks.
        #[cfg(any(feature = "bench", feature = "convert"))]
        zoo
    }
}

/// Compiles the Rust code of the README. Its other blocks have fences: indented ones would be compiled as Rust, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
