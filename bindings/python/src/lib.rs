//! The Python package's native half: models, engines and nets over NumPy arrays. Python's lock is released while anything
//! is computed, and Ctrl-C cancels it. The comments on classes and methods are their docstrings;
//! `python/lq_infer/_lq_infer.pyi` repeats them beside the types, for editors, and a test compares the two.

mod arrays;
mod convert;
mod devices;
mod engine;
mod errors;
mod model;
mod net;
mod progress;
mod work;

use pyo3::prelude::*;
use std::ffi::OsString;

/// Runs the program with these arguments, the first of which is its name; returns the exit code.
#[pyfunction]
fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| lq_infer::internals::cli::run(arguments))
}

#[pymodule(gil_used = false)]
mod _lq_infer {
    #[pymodule_export]
    use super::convert::{Conversion, convert};
    #[pymodule_export]
    use super::devices::{Device, devices};
    #[pymodule_export]
    use super::engine::Engine;
    #[pymodule_export]
    use super::main;
    #[pymodule_export]
    use super::model::Model;
    #[pymodule_export]
    use super::net::{Classification, Golden, Net, Prediction, digest};
}
