//! The devices of this machine.

use lq_infer::{DeviceInfo, Engine};
use pyo3::prelude::*;
use std::path::PathBuf;

/// A device.
#[pyclass(frozen, module = "lq_infer")]
pub(crate) struct Device {
    inner: DeviceInfo,
}

#[pymethods]
impl Device {
    #[getter]
    fn index(&self) -> usize {
        self.inner.index
    }

    #[getter]
    fn id(&self) -> &str {
        &self.inner.id
    }

    #[getter]
    fn name(&self) -> &str {
        &self.inner.name
    }

    #[getter]
    fn api(&self) -> &str {
        &self.inner.api
    }

    #[getter]
    fn driver(&self) -> &str {
        &self.inner.driver
    }

    #[getter]
    fn software(&self) -> bool {
        self.inner.software
    }

    #[getter]
    fn problem(&self) -> Option<&str> {
        self.inner.unusable.as_deref().or(self.inner.failed_check.as_deref())
    }

    fn __repr__(&self) -> String {
        let problem = self.problem().map(|problem| format!(", {problem}")).unwrap_or_default();
        format!("<lq_infer.Device {} '{}'{problem}>", self.inner.index, self.inner.label())
    }
}

/// Every device, in the order of their indices.
#[pyfunction]
#[pyo3(signature = (*, cache = None))]
pub(crate) fn devices(py: Python<'_>, cache: Option<PathBuf>) -> Vec<Device> {
    let builder = cache.into_iter().fold(Engine::builder(), lq_infer::EngineBuilder::cache);
    py.detach(|| builder.devices()).into_iter().map(|inner| Device { inner }).collect()
}
