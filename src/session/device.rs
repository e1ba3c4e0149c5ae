//! What is known about a device.

use crate::backend::Backend;
use crate::backend::gpu::{Adapter, AdapterLimits};
use serde::Serialize;
use std::collections::HashMap;
use std::path::Path;

/// One device of [`crate::devices`].
#[derive(Clone, Debug, Serialize)]
pub struct DeviceInfo {
    /// Selects the device in [`crate::DeviceSelector::Index`].
    pub index: usize,
    /// For a CPU its name, for a GPU its API, PCI id and name: the same in every run, whatever other devices there are.
    /// If several devices have all three in common, those after the first have a number at the end ("#2").
    pub id: String,
    /// Name that the driver gives it.
    pub name: String,
    /// "cpu", "vulkan", "metal", "dx12", "gl" or, in a browser, "webgpu".
    pub api: String,
    /// Driver and its version; for the CPU its threads.
    pub driver: String,
    /// "vendor:device" in hexadecimal, for GPUs that have one.
    pub pci_id: Option<String>,
    /// Whether it is a GPU in software, which computes on the CPU.
    pub software: bool,
    /// Why it cannot be used, if it cannot.
    pub unusable: Option<String>,
    /// What its last check found wrong; `None` if it passed, or if the cache holds no check of it.
    /// [`crate::DeviceSelector::Auto`] does not take a device that failed.
    pub failed_check: Option<String>,
    /// Set for CPU devices.
    pub processor: Option<Processor>,
    /// Limits and features, set for GPUs.
    pub gpu: Option<AdapterLimits>,
}

/// How a CPU device computes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Processor {
    /// Threads that it uses.
    pub threads: usize,
    /// The instruction set, or "reference" for plain loops.
    pub instructions: String,
}

impl DeviceInfo {
    /// Its name, and for GPUs the API that it is used through, as messages and results name it.
    pub fn label(&self) -> String {
        if self.is_gpu() { format!("{} ({})", self.name, self.api) } else { self.name.clone() }
    }

    /// Whether [`crate::DeviceSelector::Auto`] would take it, but for its failed check.
    pub fn passed_over(&self) -> bool {
        self.is_hardware_gpu() && self.unusable.is_none() && self.failed_check.is_some()
    }

    pub(super) fn is_gpu(&self) -> bool {
        self.api != "cpu"
    }

    pub(super) fn is_hardware_gpu(&self) -> bool {
        self.is_gpu() && !self.software
    }

    /// A CPU device. Its index and id are set later.
    pub(super) fn cpu(cpu: &dyn Backend, driver: String, processor: Processor) -> Self {
        DeviceInfo {
            index: 0,
            id: String::new(),
            name: cpu.name(),
            api: "cpu".into(),
            driver,
            pci_id: None,
            software: false,
            unusable: None,
            failed_check: None,
            processor: Some(processor),
            gpu: None,
        }
    }

    /// A GPU. Its index and id are set later.
    pub(super) fn gpu(adapter: &Adapter, cache: Option<&Path>) -> Self {
        let info = adapter.info();
        DeviceInfo {
            index: 0,
            id: String::new(),
            name: info.name.clone(),
            api: info.api.clone(),
            driver: [info.driver.as_str(), info.driver_info.as_str()].join(" ").trim().to_owned(),
            pci_id: info.pci_id.clone(),
            software: info.software,
            unusable: adapter.unusable.clone(),
            failed_check: cache.and_then(|folder| adapter.failed_check(folder)),
            processor: None,
            gpu: Some(info.limits),
        }
    }
}

/// Gives every device of a list its index and id.
pub(super) fn set_ids<'a>(devices: impl Iterator<Item = &'a mut DeviceInfo>) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (index, info) in devices.enumerate() {
        let api = info.is_gpu().then_some(info.api.as_str());
        let parts = [api, info.pci_id.as_deref(), Some(info.name.as_str())];
        let id = parts.into_iter().flatten().collect::<Vec<_>>().join(":");
        let count = seen.entry(id.clone()).or_default();
        *count += 1;
        info.index = index;
        info.id = if *count == 1 { id } else { format!("{id}#{count}") };
    }
}
