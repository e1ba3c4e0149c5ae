//! Conversion of checkpoints.

use crate::errors::{raised, usage};
use crate::model::{Model, parsed};
use crate::work;
use lq_infer::internals::convert::{CustomNetwork, convert_graph};
use lq_infer::internals::quant::Encoding;
use lq_infer::internals::session::add_golden;
use lq_infer::{Checkpoint, ConvertOptions, Error, Unquantized};
use pyo3::prelude::*;
use std::path::{Path, PathBuf};

/// A converted checkpoint.
#[pyclass(frozen, module = "lq_infer")]
pub(crate) struct Conversion {
    model: Py<Model>,
    inner: lq_infer::Conversion,
}

#[pymethods]
impl Conversion {
    /// The packed model.
    #[getter]
    fn model(&self, py: Python<'_>) -> Py<Model> {
        self.model.clone_ref(py)
    }

    /// What became of each layer.
    #[getter]
    fn report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        parsed(py, &self.inner.report)
    }

    /// What one should know of the checkpoint: choices that it made, what was left out.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.inner.notes.clone()
    }

    /// What may be wrong with the checkpoint, such as levels that no weight has.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        self.inner.report.warnings().iter().map(ToString::to_string).collect()
    }

    /// Ids of other networks that the checkpoint may be just as well.
    #[getter]
    fn alternatives(&self) -> Vec<&'static str> {
        self.inner.alternatives.clone()
    }
}

/// Turns a trained checkpoint into a packed model, and writes it if ``output`` is given.
///
/// The arguments are those of ``lq-infer convert``. Raises OSError, CheckpointError or UsageError.
#[pyfunction]
#[pyo3(signature = (
    checkpoint, output = None, *, arch = None, graph = None, key = None, prefix = None, encoding = None, labels = None,
    mean_image = None, input_size = None, name = None, allow_float = false
))]
#[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub(crate) fn convert(
    py: Python<'_>,
    checkpoint: PathBuf,
    output: Option<PathBuf>,
    arch: Option<String>,
    graph: Option<PathBuf>,
    key: Option<String>,
    prefix: Option<String>,
    encoding: Option<&str>,
    labels: Option<Vec<String>>,
    mean_image: Option<PathBuf>,
    input_size: Option<usize>,
    name: Option<String>,
    allow_float: bool,
) -> PyResult<Conversion> {
    let encoding = encoding.map(|text| match text {
        "zero-one" => Ok(Encoding::ZeroOne),
        "plus-minus" => Ok(Encoding::PlusMinus),
        _ => Err(usage(py, format!("encoding is '{text}', expected 'zero-one' or 'plus-minus'"))),
    });
    let encoding = encoding.transpose()?;
    let unquantized = if allow_float { Unquantized::Noted } else { Unquantized::Refused };
    let options = ConvertOptions { arch, prefix, encoding, labels, mean_image, input_size, name, unquantized };
    let written = output.clone();
    let (conversion, model) = work::run(py, None, move |_| {
        let checkpoint = match &key {
            None => Checkpoint::open(&checkpoint)?,
            Some(key) => Checkpoint::open_state_dict(&checkpoint, key)?,
        };
        refuse_replacing(&checkpoint, written.as_deref())?;
        converted(&checkpoint, graph.as_deref(), &options)
    })?;
    // Not left to a worker, which an interrupt may leave behind.
    output.map_or(Ok(()), |path| raised(py, py.detach(|| model.save(path))))?;
    Ok(Conversion { model: Py::new(py, Model { inner: model })?, inner: conversion })
}

fn refuse_replacing(checkpoint: &Checkpoint, output: Option<&Path>) -> Result<(), Error> {
    match output.filter(|output| checkpoint.includes(output)) {
        Some(output) => Err(Error::Usage(format!("{}: the output would replace the checkpoint", output.display()))),
        None => Ok(()),
    }
}

/// The conversion, and its model with golden vectors.
fn converted(
    checkpoint: &Checkpoint,
    graph: Option<&Path>,
    options: &ConvertOptions,
) -> Result<(lq_infer::Conversion, lq_infer::Model), Error> {
    let conversion = match graph {
        Some(graph) => convert_graph(checkpoint, &CustomNetwork::read(graph)?, options, &|_, _| {})?,
        None => lq_infer::convert(checkpoint, options, &|_, _| {})?,
    };
    let model = add_golden(conversion.packed.clone(), &lq_infer::Engine::reference())?;
    Ok((conversion, model))
}
