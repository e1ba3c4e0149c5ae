//! The GPUs of this machine, by every API that wgpu offers here.

use super::cache::Store;
use super::gpu::Gpu;
use super::info::AdapterInfo;
use crate::error::{Error, Result};
use crate::platform::BROWSER;
use std::path::Path;

/// A GPU as one API shows it. The same GPU may be listed once per API.
#[derive(Clone, Debug)]
pub struct Adapter {
    info: AdapterInfo,
    /// Why it cannot be used, if it cannot.
    pub unusable: Option<String>,
    rank: u8,
    adapter: wgpu::Adapter,
}

impl Adapter {
    /// What is known about it.
    pub fn info(&self) -> &AdapterInfo {
        &self.info
    }

    /// Why it failed its last self-check, if the cache in `folder` has such a result.
    pub fn failed_check(&self, folder: &Path) -> Option<String> {
        Store::new(folder.to_owned(), &self.info).verdict()
    }

    /// Opens a device on it. Not for browsers.
    pub fn open(&self) -> Result<Gpu> {
        pollster::block_on(self.open_async())
    }

    /// [`Adapter::open`] for browsers, too. Natively it does not wait.
    pub async fn open_async(&self) -> Result<Gpu> {
        if let Some(reason) = &self.unusable {
            return Err(Error::Device { device: self.info.name.clone(), problem: format!("cannot be used: {reason}") });
        }
        Gpu::open(&self.adapter, self.info.clone()).await
    }

    fn new(adapter: wgpu::Adapter) -> Self {
        let (raw, limits) = (adapter.get_info(), adapter.limits());
        let compute = adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS);
        let info = AdapterInfo::new(&raw, &limits, adapter.features(), compute);
        let kind = match raw.device_type {
            _ if info.software => 3,
            wgpu::DeviceType::DiscreteGpu => 0,
            wgpu::DeviceType::IntegratedGpu => 1,
            _ => 2,
        };
        let legacy = raw.backend == wgpu::Backend::Gl;
        Adapter { unusable: info.unusable(), info, rank: 2 * kind + u8::from(legacy), adapter }
    }
}

/// All adapters of all APIs: discrete GPUs first, then integrated ones, then software; OpenGL after the other APIs.
/// Otherwise they keep the order in which the drivers list them, so the order is the same each time.
/// A browser must be asked by [`adapters_async`].
pub fn adapters() -> Vec<Adapter> {
    if BROWSER { Vec::new() } else { pollster::block_on(adapters_async()) }
}

/// [`adapters`] for browsers, too. Natively it does not wait.
pub async fn adapters_async() -> Vec<Adapter> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::PRIMARY | wgpu::Backends::GL;
    // No validation layers and no debug output, also in debug builds: they print.
    descriptor.flags = wgpu::InstanceFlags::empty();
    let instance = wgpu::Instance::new(descriptor);
    let found = instance.enumerate_adapters(wgpu::Backends::all()).await;
    let mut adapters: Vec<Adapter> = found.into_iter().map(Adapter::new).collect();
    adapters.sort_by_key(|a| a.rank);
    adapters
}
