//! Opened devices.

use crate::errors::{usage, within};
use crate::model::{Model, Pickled};
use crate::net::Net;
use crate::progress::Progress;
use crate::work;
use lq_infer::internals::backend::cpu::Cpu;
use lq_infer::{Control, EngineBuilder, MAX_BATCH, PrepareOptions};
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::Arc;

/// Selector, threads and cache of an engine.
type Arguments = (String, Option<usize>, Option<PathBuf>);

/// An opened device. Threads may share it; pickled as its arguments.
///
/// ``device`` is what the program's ``--device`` takes: "auto" (a hardware GPU, else the CPU), "cpu", "gpu", "vulkan",
/// "metal", "dx12", "gl", an index or an id of ``devices()``, or part of a name. ``threads`` are those of the CPU; None
/// takes RAYON_NUM_THREADS, else OMP_NUM_THREADS, else all processors. ``cache`` is a folder for what is worth keeping
/// between runs, such as compiled pipelines; None for none. Raises UsageError, NoDeviceError or DeviceError.
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
    fn new(py: Python<'_>, device: &str, threads: Option<i64>, cache: Option<PathBuf>) -> PyResult<Self> {
        let threads = threads.map(|number| within(py, "threads", number, 1..=usize::MAX)).transpose()?;
        let mut builder = cache.iter().fold(lq_infer::Engine::builder().device(device), EngineBuilder::cache);
        if let Some(threads) = threads.or_else(threads_of_environment) {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let pool = pool.map_err(|e| usage(py, format!("{threads} threads cannot be started: {e}")))?;
            builder = builder.thread_pool(Arc::new(pool));
        }
        let inner = work::run(py, None, move |_| builder.build())?;
        Ok(Engine { inner, made_with: (device.to_owned(), threads, cache) })
    }

    /// Name of the device: "cpu", or for a GPU such as "NVIDIA H100 (vulkan)", with its API. The engine's ``repr`` also
    /// shows the threads and the instruction set of a CPU.
    #[getter]
    fn device(&self) -> String {
        self.inner.device_name()
    }

    /// Why the device was lost, or None. Every call on a lost device raises DeviceLostError; what helps is a new engine.
    #[getter]
    fn lost(&self) -> Option<String> {
        self.inner.device_lost()
    }

    /// Makes a model ready to run, with memory for ``max_batch`` images at a time, 1 to 4096; more are run in several
    /// batches.
    ///
    /// ``progress`` is called with (done, total) while kernels are compiled, on the thread that prepares. What it
    /// raises ends the preparation and is raised here. ``timeout`` is in seconds from the beginning of the call: None
    /// or infinity for no limit; with 0 it is over at once. Raises UsageError, ModelError, DeviceLimitError,
    /// DeviceMemoryError, DeviceLostError, DeviceError or DeadlineError.
    #[pyo3(signature = (model, max_batch = 1, *, timeout = None, progress = None))]
    fn prepare(
        slf: &Bound<'_, Self>,
        model: &Bound<'_, Model>,
        max_batch: i64,
        timeout: Option<f64>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Net> {
        let deadline = work::deadline(slf.py(), timeout)?;
        let max_batch = within(slf.py(), "max_batch", max_batch, 1..=MAX_BATCH)?;
        let (engine, packed) = (slf.get().inner.clone(), model.get().inner.clone());
        let net = work::run(slf.py(), deadline, move |control| match progress {
            None => engine.prepare_with(&packed, options(max_batch, None, control)).map(Ok),
            Some(callback) => {
                let progress = Arc::new(Progress::new(callback, control));
                let net = engine.prepare_with(&packed, options(max_batch, Some(progress.clone()), control));
                progress.outcome(net)
            }
        })??;
        Ok(Net::new(net, slf.clone().unbind(), model.clone().unbind(), max_batch))
    }

    fn __repr__(&self) -> String {
        let cpu = self.inner.backend().as_any().downcast_ref::<Cpu>();
        let details = cpu.map(|cpu| format!(", {} threads, {}", cpu.threads(), cpu.instructions()));
        format!("<lq_infer.Engine '{}'{}>", self.device(), details.unwrap_or_default())
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Pickled<'py, Arguments> {
        Ok((py.import("lq_infer._pickling")?.getattr("engine")?, self.made_with.clone()))
    }
}

fn options(max_batch: usize, progress: Option<Arc<Progress>>, control: &Control) -> PrepareOptions {
    let mut options = PrepareOptions { max_batch, control: control.clone(), ..PrepareOptions::default() };
    if let Some(progress) = progress {
        options.progress = Some(Arc::new(move |done, total| progress.tell(done, total)));
    }
    options
}

/// The number of threads that OMP_NUM_THREADS asks for, as frameworks that share a machine set it. rayon reads
/// RAYON_NUM_THREADS itself.
fn threads_of_environment() -> Option<usize> {
    let number = |name| std::env::var(name).ok()?.split(',').next()?.trim().parse().ok().filter(|n| *n > 0);
    if number("RAYON_NUM_THREADS").is_some() { None } else { number("OMP_NUM_THREADS") }
}
