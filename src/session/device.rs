//! Devices: which there are, and which one a selector means.

use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::backend::gpu::{Adapter, adapters};
use crate::error::{Error, Result};
use serde::Serialize;
use std::str::FromStr;
use std::sync::Arc;

/// Which device to use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceSelector {
    /// A hardware GPU if there is a usable one, else the CPU. Never a software rasteriser.
    #[default]
    Auto,
    /// The CPU, all threads.
    Cpu,
    /// The CPU, one thread: the definition of right.
    CpuReference,
    /// The best GPU: hardware first, a software rasteriser if that is all.
    Gpu,
    /// The best adapter of one API: "vulkan", "metal", "dx12" or "gl".
    Api(String),
    /// Index in [`devices`].
    Index(usize),
    /// Part of a device's name or driver, or its PCI id ("10de:2331"), ignoring case.
    Name(String),
}

impl FromStr for DeviceSelector {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = text.trim().to_lowercase();
        Ok(match lower.as_str() {
            "auto" => Self::Auto,
            "cpu" => Self::Cpu,
            "cpu-reference" => Self::CpuReference,
            "gpu" => Self::Gpu,
            "vulkan" | "metal" | "dx12" | "gl" => Self::Api(lower),
            _ => lower.parse().map_or(Self::Name(lower), Self::Index),
        })
    }
}

impl std::fmt::Display for DeviceSelector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::CpuReference => f.write_str("cpu-reference"),
            Self::Gpu => f.write_str("gpu"),
            Self::Index(index) => write!(f, "{index}"),
            Self::Api(text) | Self::Name(text) => f.write_str(text),
        }
    }
}

/// One line of [`devices`].
#[derive(Clone, Debug, Serialize)]
pub struct DeviceInfo {
    /// Selects the device in [`DeviceSelector::Index`].
    pub index: usize,
    /// Name that the driver gives it.
    pub name: String,
    /// "cpu", "vulkan", "metal", "dx12" or "gl".
    pub api: String,
    /// Driver and its version; for the CPU its threads.
    pub driver: String,
    /// "vendor:device" in hex, for GPUs that have one.
    pub pci_id: Option<String>,
    /// Whether it computes on a processor although it presents itself as a GPU.
    pub software: bool,
    /// Why it cannot be used, if it cannot.
    pub unusable: Option<String>,
}

enum Candidate {
    Cpu(Cpu),
    Gpu(Box<Adapter>),
}

/// All devices: the CPU, then the adapters of every API, best first.
pub fn devices() -> Vec<DeviceInfo> {
    candidates().into_iter().map(|(info, _)| info).collect()
}

fn candidates() -> Vec<(DeviceInfo, Candidate)> {
    let cpus = [Cpu { parallel: true }, Cpu { parallel: false }].map(|cpu| (describe_cpu(cpu), Candidate::Cpu(cpu)));
    let gpus = adapters().into_iter().map(|adapter| (describe_gpu(&adapter), Candidate::Gpu(Box::new(adapter))));
    let mut all: Vec<_> = cpus.into_iter().chain(gpus).collect();
    for (index, (info, _)) in all.iter_mut().enumerate() {
        info.index = index;
    }
    all
}

fn describe_cpu(cpu: Cpu) -> DeviceInfo {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let driver = if cpu.parallel { format!("{threads} threads") } else { "1 thread, reference kernels".into() };
    DeviceInfo { index: 0, name: cpu.name(), api: "cpu".into(), driver, pci_id: None, software: false, unusable: None }
}

fn describe_gpu(adapter: &Adapter) -> DeviceInfo {
    let info = adapter.info();
    DeviceInfo {
        index: 0,
        name: info.name.clone(),
        api: info.api.clone(),
        driver: [info.driver.as_str(), info.driver_info.as_str()].join(" ").trim().to_owned(),
        pci_id: info.pci_id.clone(),
        software: info.software,
        unusable: adapter.unusable.clone(),
    }
}

/// Opens the device that `selector` means.
pub(super) fn open(selector: &DeviceSelector) -> Result<Arc<dyn Backend>> {
    match selector {
        DeviceSelector::Cpu => return Ok(Arc::new(Cpu { parallel: true })),
        DeviceSelector::CpuReference => return Ok(Arc::new(Cpu { parallel: false })),
        _ => {}
    }
    let candidates = candidates();
    // "4090" is no index, but part of a name.
    let selector = match selector {
        DeviceSelector::Index(n) if *n >= candidates.len() => &DeviceSelector::Name(n.to_string()),
        other => other,
    };
    let mut failure = None;
    for (info, candidate) in &candidates {
        if !matches(selector, info, candidate) {
            continue;
        }
        let opened = match (candidate, &info.unusable) {
            (Candidate::Cpu(cpu), _) => return Ok(Arc::new(*cpu)),
            (Candidate::Gpu(_), Some(reason)) => {
                Err(Error::Device { device: info.name.clone(), problem: reason.clone() })
            }
            (Candidate::Gpu(adapter), None) => adapter.open(),
        };
        match opened {
            Ok(gpu) => return Ok(Arc::new(gpu)),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    match (selector, failure) {
        (DeviceSelector::Auto, _) => Ok(Arc::new(Cpu { parallel: true })),
        (_, Some(error)) => Err(error),
        (_, None) => Err(no_device(selector, &candidates)),
    }
}

fn matches(selector: &DeviceSelector, info: &DeviceInfo, candidate: &Candidate) -> bool {
    let gpu = matches!(candidate, Candidate::Gpu(_));
    match selector {
        DeviceSelector::Auto => gpu && !info.software,
        DeviceSelector::Gpu => gpu,
        DeviceSelector::Api(api) => gpu && info.api == *api,
        DeviceSelector::Index(index) => info.index == *index,
        DeviceSelector::Name(text) => named(info, text),
        DeviceSelector::Cpu | DeviceSelector::CpuReference => false,
    }
}

/// Whether a name, a driver or a PCI id contains `text`.
fn named(info: &DeviceInfo, text: &str) -> bool {
    let fields = [Some(&info.name), Some(&info.driver), info.pci_id.as_ref()];
    !text.is_empty() && fields.into_iter().flatten().any(|field| field.to_lowercase().contains(text))
}

fn no_device(selector: &DeviceSelector, candidates: &[(DeviceInfo, Candidate)]) -> Error {
    let list = candidates.iter().map(|(info, _)| format!("{} {} ({})", info.index, info.name, info.api));
    Error::NoAdapter { wanted: selector.to_string(), available: list.collect::<Vec<_>>().join(", ") }
}
