//! Opened devices.

use crate::errors::usage;
use crate::model::{Model, Pickled};
use crate::net::Net;
use crate::work;
use lq_infer::{DeviceSelector, EngineBuilder, PrepareOptions};
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::Arc;

/// Selector, threads and cache of an engine.
type Arguments = (String, Option<usize>, Option<PathBuf>);

/// An opened device.
#[pyclass(frozen, module = "lq_infer")]
pub(crate) struct Engine {
    inner: lq_infer::Engine,
    /// What it was made with, to make it again in another process.
    made_with: Arguments,
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (device = "auto", *, threads = None, cache = None))]
    fn new(py: Python<'_>, device: &str, threads: Option<usize>, cache: Option<PathBuf>) -> PyResult<Self> {
        if threads == Some(0) {
            return Err(usage(py, "threads: at least one, or None"));
        }
        let Ok(selector) = device.parse::<DeviceSelector>();
        let mut builder = cache.iter().fold(lq_infer::Engine::builder().device(selector), EngineBuilder::cache);
        if let Some(threads) = threads.or_else(threads_of_environment) {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let pool = pool.map_err(|e| usage(py, format!("{threads} threads cannot be started: {e}")))?;
            builder = builder.thread_pool(Arc::new(pool));
        }
        let inner = work::run(py, None, move |_| builder.build())?;
        Ok(Engine { inner, made_with: (device.to_owned(), threads, cache) })
    }

    #[getter]
    fn device(&self) -> String {
        self.inner.device_name()
    }

    #[getter]
    fn lost(&self) -> Option<String> {
        self.inner.device_lost()
    }

    #[pyo3(signature = (model, max_batch = 1, *, timeout = None, progress = None))]
    fn prepare(
        slf: &Bound<'_, Self>,
        model: &Bound<'_, Model>,
        max_batch: usize,
        timeout: Option<f64>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Net> {
        let (engine, packed) = (slf.get().inner.clone(), model.get().inner.clone());
        let progress = progress.map(told);
        let net = work::run(slf.py(), timeout, move |control| {
            engine.prepare_with(&packed, PrepareOptions { max_batch, progress, control: control.clone() })
        })?;
        Ok(Net::new(net, slf.clone().unbind(), model.clone().unbind(), max_batch))
    }

    fn __repr__(&self) -> String {
        format!("<lq_infer.Engine '{}'>", self.device())
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Pickled<'py, Arguments> {
        Ok((py.import("lq_infer._pickling")?.getattr("engine")?, self.made_with.clone()))
    }
}

/// Calls `callback` with (done, total). What it raises cannot stop the preparation, so it is only reported.
fn told(callback: Py<PyAny>) -> Arc<dyn Fn(usize, usize) + Send + Sync> {
    Arc::new(move |done, total| {
        Python::attach(|py| {
            if let Err(error) = callback.call1(py, (done, total)) {
                error.write_unraisable(py, Some(callback.bind(py)));
            }
        });
    })
}

/// The number of threads that OMP_NUM_THREADS asks for, as frameworks that share a machine set it. rayon reads
/// RAYON_NUM_THREADS itself.
fn threads_of_environment() -> Option<usize> {
    let number = |name| std::env::var(name).ok()?.split(',').next()?.trim().parse().ok().filter(|n| *n > 0);
    if number("RAYON_NUM_THREADS").is_some() { None } else { number("OMP_NUM_THREADS") }
}
