//! Devices: which there are, and which one a selector means.

use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::backend::gpu::{Adapter, AdapterLimits, adapters};
use crate::backend::reference::Reference;
use crate::error::{Error, Result};
use serde::Serialize;
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

/// Which device to use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceSelector {
    /// A hardware GPU if there is a usable one, else the CPU. Never a software rasteriser.
    #[default]
    Auto,
    /// The CPU: all threads, its best instructions.
    Cpu,
    /// The CPU, one thread and obvious loops: the definition of right.
    CpuReference,
    /// The best GPU: hardware first, a software rasteriser if that is all.
    Gpu,
    /// The best adapter of one API: "vulkan", "metal", "dx12" or "gl".
    Api(String),
    /// Index in [`devices`].
    Index(usize),
    /// A device's id, part of its name ("cpu-avx2") or driver, or its PCI id ("10de:2331"), ignoring case.
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
    /// API, PCI id and name: the same in every run, whatever other devices there are. Of devices that have all of these in
    /// common, those after the first have a number behind it ("#2").
    pub id: String,
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
    /// What its last check found wrong, if anything; then [`DeviceSelector::Auto`] does not take it.
    pub failed_check: Option<String>,
    /// Of processors.
    pub processor: Option<Processor>,
    /// Limits and features of GPUs.
    pub gpu: Option<AdapterLimits>,
}

/// How a processor computes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Processor {
    pub threads: usize,
    /// The instruction set, "reference" for the reference's plain loops.
    pub instructions: String,
}

impl DeviceInfo {
    /// Whether [`DeviceSelector::Auto`] would take it, but for its failed check.
    pub fn passed_over(&self) -> bool {
        self.is_hardware_gpu() && self.unusable.is_none() && self.failed_check.is_some()
    }

    fn is_gpu(&self) -> bool {
        self.api != "cpu"
    }

    fn is_hardware_gpu(&self) -> bool {
        self.is_gpu() && !self.software
    }
}

/// The one of `devices`, which are [`devices`], that `selector` means.
///
/// # Errors
/// [`Error::NoAdapter`] if none matches.
pub fn device_matching<'a>(selector: &DeviceSelector, devices: &'a [DeviceInfo]) -> Result<&'a DeviceInfo> {
    let named = |name: &str| devices.iter().find(|info| !info.is_gpu() && info.name == name);
    let found = match selector {
        DeviceSelector::Cpu => named("cpu"),
        DeviceSelector::CpuReference => named("cpu-reference"),
        other => {
            let other = in_range(other, devices.len());
            let found = devices.iter().filter(|info| info.unusable.is_none()).find(|info| matches(&other, info));
            found.or_else(|| if other == DeviceSelector::Auto { named("cpu") } else { None })
        }
    };
    found.ok_or_else(|| no_device(selector, devices.iter()))
}

/// "4090" is no index, but part of a name.
fn in_range(selector: &DeviceSelector, devices: usize) -> DeviceSelector {
    match selector {
        DeviceSelector::Index(n) if *n >= devices => DeviceSelector::Name(n.to_string()),
        other => other.clone(),
    }
}

enum Candidate {
    Cpu(Arc<dyn Backend>),
    Gpu(Box<Adapter>),
}

/// The threads of CPU backends, if the caller has some.
pub(super) type Pool = Option<Arc<rayon::ThreadPool>>;

/// All devices: the CPU with each of its instruction sets and the reference, then the adapters of every API, best first.
pub fn devices() -> Vec<DeviceInfo> {
    candidates(&None).into_iter().map(|(info, _)| info).collect()
}

fn candidates(pool: &Pool) -> Vec<(DeviceInfo, Candidate)> {
    let simd = Cpu::all().into_iter().map(|simd| with_pool(simd, pool)).map(|simd| {
        let (threads, instructions) = (simd.threads(), simd.instructions().to_owned());
        let driver = format!("{threads} threads, {instructions}");
        (describe_cpu(&simd, driver, Processor { threads, instructions }), Candidate::Cpu(Arc::new(simd)))
    });
    let reference = Reference { parallel: false };
    let processor = Processor { threads: 1, instructions: "reference".into() };
    let reference = (describe_cpu(&reference, "1 thread".into(), processor), Candidate::Cpu(Arc::new(reference)));
    let cpus = simd.chain([reference]);
    let gpus = adapters().into_iter().map(|adapter| (describe_gpu(&adapter), Candidate::Gpu(Box::new(adapter))));
    let mut all: Vec<_> = cpus.chain(gpus).collect();
    let mut seen = HashMap::new();
    for (index, (info, _)) in all.iter_mut().enumerate() {
        info.index = index;
        info.id = stable_id(info, &mut seen);
    }
    all
}

/// The id of the next device; `seen` counts those of each id.
fn stable_id(info: &DeviceInfo, seen: &mut HashMap<String, usize>) -> String {
    let parts = [Some(info.api.as_str()), info.pci_id.as_deref(), Some(info.name.as_str())];
    let id = parts.into_iter().flatten().collect::<Vec<_>>().join(":");
    let count = seen.entry(id.clone()).or_default();
    *count += 1;
    if *count == 1 { id } else { format!("{id}#{count}") }
}

fn with_pool(simd: Cpu, pool: &Pool) -> Cpu {
    match pool {
        Some(pool) => simd.with_pool(pool.clone()),
        None => simd,
    }
}

fn describe_cpu(cpu: &dyn Backend, driver: String, processor: Processor) -> DeviceInfo {
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

fn describe_gpu(adapter: &Adapter) -> DeviceInfo {
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
        failed_check: adapter.failed_check(),
        processor: None,
        gpu: Some(info.limits),
    }
}

/// Opens the device that `selector` means; CPU backends use the threads of `pool`. Also tells which devices were passed over.
pub(super) fn open(selector: &DeviceSelector, pool: &Pool) -> Result<(Arc<dyn Backend>, Vec<DeviceInfo>)> {
    let cpu = || Arc::new(with_pool(Cpu::default(), pool));
    match selector {
        DeviceSelector::Cpu => return Ok((cpu(), Vec::new())),
        DeviceSelector::CpuReference => return Ok((Arc::new(Reference { parallel: false }), Vec::new())),
        _ => {}
    }
    let candidates = candidates(pool);
    let automatic = *selector == DeviceSelector::Auto;
    let failed = candidates.iter().map(|(info, _)| info).filter(|info| automatic && info.passed_over());
    let passed_over = failed.cloned().collect();
    let selector = &in_range(selector, candidates.len());
    let mut failure = None;
    for (info, candidate) in &candidates {
        if !matches(selector, info) {
            continue;
        }
        let opened = match (candidate, &info.unusable) {
            (Candidate::Cpu(cpu), _) => return Ok((cpu.clone(), passed_over)),
            (Candidate::Gpu(_), Some(reason)) => {
                Err(Error::Device { device: info.name.clone(), problem: reason.clone() })
            }
            (Candidate::Gpu(adapter), None) => adapter.open(),
        };
        match opened {
            Ok(gpu) => return Ok((Arc::new(gpu), passed_over)),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    match (selector, failure) {
        (DeviceSelector::Auto, _) => Ok((cpu(), passed_over)),
        (_, Some(error)) => Err(error),
        (_, None) => Err(no_device(selector, candidates.iter().map(|(info, _)| info))),
    }
}

fn matches(selector: &DeviceSelector, info: &DeviceInfo) -> bool {
    match selector {
        DeviceSelector::Auto => info.is_hardware_gpu() && info.failed_check.is_none(),
        DeviceSelector::Gpu => info.is_gpu(),
        DeviceSelector::Api(api) => info.is_gpu() && info.api == *api,
        DeviceSelector::Index(index) => info.index == *index,
        DeviceSelector::Name(text) => named(info, text),
        DeviceSelector::Cpu | DeviceSelector::CpuReference => false,
    }
}

/// Whether `text` is the id, or a name, a driver or a PCI id contains it.
fn named(info: &DeviceInfo, text: &str) -> bool {
    let fields = [Some(&info.name), Some(&info.driver), info.pci_id.as_ref()];
    let contains = |field: &String| field.to_lowercase().contains(text);
    !text.is_empty() && (info.id.to_lowercase() == text || fields.into_iter().flatten().any(contains))
}

fn no_device<'a>(selector: &DeviceSelector, devices: impl Iterator<Item = &'a DeviceInfo>) -> Error {
    let list = devices.map(|info| format!("{} {} ({})", info.index, info.name, info.api));
    Error::NoAdapter { wanted: selector.to_string(), available: list.collect::<Vec<_>>().join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(index: usize, name: &str, api: &str) -> DeviceInfo {
        let (driver, pci_id) = ("driver".into(), (api != "cpu").then(|| "10de:2331".into()));
        let mut info = DeviceInfo {
            index,
            id: String::new(),
            name: name.into(),
            api: api.into(),
            driver,
            pci_id,
            software: name == "raster",
            unusable: None,
            failed_check: None,
            processor: None,
            gpu: None,
        };
        info.id = stable_id(&info, &mut HashMap::new());
        info
    }

    #[test]
    fn automatic_choice_passes_over_devices_that_failed_their_check() {
        let names = [("cpu", "cpu"), ("Fast GPU", "vulkan"), ("Slow GPU", "vulkan"), ("raster", "gl")];
        let mut all: Vec<_> = names.iter().enumerate().map(|(i, (name, api))| device(i, name, api)).collect();
        let chosen =
            |all: &[DeviceInfo], text: &str| device_matching(&text.parse().unwrap(), all).unwrap().name.clone();
        assert_eq!(chosen(&all, "auto"), "Fast GPU");
        all[1].failed_check = Some("bitconv differs".into());
        assert_eq!(chosen(&all, "auto"), "Slow GPU");
        assert!(all[1].passed_over() && !all[2].passed_over());
        // Whoever asks for it has it.
        assert_eq!([chosen(&all, "fast"), chosen(&all, "gpu"), chosen(&all, "1")], ["Fast GPU"; 3]);
        all[2].failed_check = Some("it cannot be compiled".into());
        assert_eq!(chosen(&all, "auto"), "cpu");
        all[3].failed_check = Some("it differs".into());
        assert!(!all[3].passed_over(), "it would not have been taken anyway");
    }

    #[test]
    fn ids_select_devices() {
        let mut seen = HashMap::new();
        let mut all: Vec<_> =
            (0..3).map(|i| device(i, ["cpu", "GPU", "GPU"][i], ["cpu", "vulkan", "vulkan"][i])).collect();
        all.iter_mut().for_each(|info| info.id = stable_id(info, &mut seen));
        let ids: Vec<_> = all.iter().map(|info| info.id.as_str()).collect();
        assert_eq!(ids, ["cpu:cpu", "vulkan:10de:2331:GPU", "vulkan:10de:2331:GPU#2"]);
        for info in &all {
            assert_eq!(device_matching(&info.id.parse().unwrap(), &all).unwrap().index, info.index);
        }
        assert!(device_matching(&"vulkan:10de:2331:GPU#3".parse().unwrap(), &all).is_err());
    }
}
