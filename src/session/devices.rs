//! The devices of this machine, and opening one of them.

use super::device::{DeviceInfo, Processor, set_ids};
use super::selector::DeviceSelector;
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::backend::gpu::{Adapter, adapters, adapters_async};
use crate::backend::reference::Reference;
use crate::error::{Error, Result};
use crate::platform::BROWSER;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The threads for CPU backends, if the caller provides them.
pub(super) type Pool = Option<Arc<rayon::ThreadPool>>;

/// All devices: the CPU with each of its instruction sets and the reference, then the adapters of every API, best
/// first. The results of earlier checks are not included; [`crate::EngineBuilder::devices`] has them. In a browser, only the CPU.
pub fn devices() -> Vec<DeviceInfo> {
    Candidates::all(&None, None).describe()
}

/// Devices that can be opened.
pub(super) struct Candidates {
    all: Vec<(DeviceInfo, Device)>,
    cache: Option<PathBuf>,
}

enum Device {
    Cpu(Arc<dyn Backend>),
    Gpu(Box<Adapter>),
}

impl Candidates {
    /// All devices. CPU backends use the threads of `pool`, GPUs the cache in the folder `cache`.
    pub(super) fn all(pool: &Pool, cache: Option<&Path>) -> Self {
        Self::new(pool, cache, adapters())
    }

    /// The devices among which `selector` chooses. If it means a CPU, no GPU drivers are loaded.
    pub(super) async fn for_selector(selector: &DeviceSelector, pool: &Pool, cache: Option<&Path>) -> Self {
        Self::new(pool, cache, if selector.is_cpu() { Vec::new() } else { adapters_async().await })
    }

    fn new(pool: &Pool, cache: Option<&Path>, adapters: Vec<Adapter>) -> Self {
        let gpus =
            adapters.into_iter().map(|adapter| (DeviceInfo::gpu(&adapter, cache), Device::Gpu(Box::new(adapter))));
        let mut all: Vec<_> = cpus(pool).chain(gpus).collect();
        set_ids(all.iter_mut().map(|(info, _)| info));
        Candidates { all, cache: cache.map(Path::to_owned) }
    }

    /// The descriptions of the devices.
    pub(super) fn describe(self) -> Vec<DeviceInfo> {
        self.all.into_iter().map(|(info, _)| info).collect()
    }

    /// The devices that `selector` does not take because of their failed check.
    pub(super) fn passed_over(&self, selector: &DeviceSelector) -> Vec<DeviceInfo> {
        let automatic = *selector == DeviceSelector::Auto;
        self.infos().filter(|info| automatic && info.passed_over()).cloned().collect()
    }

    /// Opens the first device that `selector` means and that can be opened.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] if none matches, else why the first match cannot be opened.
    pub(super) async fn open(&self, selector: &DeviceSelector) -> Result<Arc<dyn Backend>> {
        let mut failure = None;
        for info in selector.matching(self.infos()) {
            match self.open_one(info).await {
                Ok(backend) => return Ok(backend),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or_else(|| selector.no_match(self.infos())))
    }

    fn infos(&self) -> impl ExactSizeIterator<Item = &DeviceInfo> {
        self.all.iter().map(|(info, _)| info)
    }

    async fn open_one(&self, info: &DeviceInfo) -> Result<Arc<dyn Backend>> {
        let failed = |problem: &str| Error::Device { device: info.name.clone(), problem: problem.to_owned() };
        match (self.all.get(info.index), &info.unusable) {
            (_, Some(reason)) => Err(failed(reason)),
            (Some((_, Device::Cpu(cpu))), None) => Ok(cpu.clone()),
            (Some((_, Device::Gpu(adapter))), None) => {
                let gpu = adapter.open_async().await?.with_cache(self.cache.clone());
                if BROWSER {
                    gpu.measure_rounds().await?;
                }
                Ok(Arc::new(gpu))
            }
            (None, None) => Err(failed("is not in the list of devices")),
        }
    }
}

/// The CPU with each of its instruction sets, the best first, then the reference.
fn cpus(pool: &Pool) -> impl Iterator<Item = (DeviceInfo, Device)> {
    let fast = Cpu::all().into_iter().map(|cpu| {
        let cpu = match pool {
            Some(pool) => cpu.with_pool(pool.clone()),
            None => cpu,
        };
        let (threads, instructions) = (cpu.threads(), cpu.instructions().to_owned());
        let driver = format!("{threads} threads, {instructions}");
        (DeviceInfo::cpu(&cpu, driver, Processor { threads, instructions }), Device::Cpu(Arc::new(cpu)))
    });
    let reference = Reference { parallel: false };
    let processor = Processor { threads: 1, instructions: "reference".into() };
    let info = DeviceInfo::cpu(&reference, "1 thread".into(), processor);
    fast.chain([(info, Device::Cpu(Arc::new(reference)))])
}
