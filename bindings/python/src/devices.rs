//! The devices of this machine.

use lq_infer::{DeviceInfo, Engine};
use pyo3::prelude::*;
use std::path::PathBuf;

/// A device of this machine.
#[pyclass(frozen, module = "lq_infer")]
pub(crate) struct Device {
    inner: DeviceInfo,
}

#[pymethods]
impl Device {
    /// Its place in ``devices()``, which selects it.
    #[getter]
    fn index(&self) -> usize {
        self.inner.index
    }

    /// What selects it, the same in every run.
    #[getter]
    fn id(&self) -> &str {
        &self.inner.id
    }

    /// Name that the driver gives it; for a CPU "cpu" with the instruction set, unless that is the best.
    #[getter]
    fn name(&self) -> &str {
        &self.inner.name
    }

    /// "cpu", "vulkan", "metal", "dx12" or "gl".
    #[getter]
    fn api(&self) -> &str {
        &self.inner.api
    }

    /// Driver and its version; for a CPU its threads and its instruction set.
    #[getter]
    fn driver(&self) -> &str {
        &self.inner.driver
    }

    /// Whether it is a GPU in software, which computes on the CPU.
    #[getter]
    fn software(&self) -> bool {
        self.inner.software
    }

    /// Why it cannot be used, or what its last check found wrong; None if nothing is known.
    #[getter]
    fn problem(&self) -> Option<&str> {
        self.inner.unusable.as_deref().or(self.inner.failed_check.as_deref())
    }

    fn __repr__(&self) -> String {
        let problem = self.problem().map(|problem| format!(", {problem}")).unwrap_or_default();
        format!("<lq_infer.Device {} '{}'{problem}>", self.inner.index, self.inner.label())
    }
}

/// Every device, in the order of their indices. ``cache`` is the folder of an engine's ``cache``, with the results of
/// checks.
#[pyfunction]
#[pyo3(signature = (*, cache = None))]
pub(crate) fn devices(py: Python<'_>, cache: Option<PathBuf>) -> Vec<Device> {
    let builder = cache.into_iter().fold(Engine::builder(), lq_infer::EngineBuilder::cache);
    py.detach(|| builder.devices()).into_iter().map(|inner| Device { inner }).collect()
}
