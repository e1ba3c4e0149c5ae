//! The GPUs of this machine, by every API that wgpu offers here.

use super::cache::Store;
use super::context::Gpu;
use super::record::WORKGROUP_SIZE;
use crate::error::{Error, Result};

/// Storage buffers of the largest kernel: input, weights, table, residual, values and codes.
const STORAGE_BUFFERS: u32 = 6;

/// Parts of names that rasterisers on the CPU go by.
const SOFTWARE: [&str; 6] = ["llvmpipe", "lavapipe", "softpipe", "swiftshader", "microsoft basic render", "warp"];

/// Limits and features of an adapter that decide what runs on it, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct AdapterLimits {
    /// Largest buffer in bytes.
    pub buffer_bytes: u64,
    /// Most bytes that a shader sees of one buffer.
    pub binding_bytes: u64,
    /// Buffers that a shader can use at once.
    pub storage_buffers: u32,
    /// Invocations of one workgroup.
    pub workgroup_invocations: u32,
    /// Invocations of its smallest and of its largest subgroups.
    pub subgroups: [u32; 2],
    /// Whether kernels can exchange numbers within subgroups.
    pub subgroup_operations: bool,
    /// Whether it says when its work ran; and that of each dispatch, without ending a pass.
    pub timestamps: bool,
    pub timestamps_in_passes: bool,
    /// Whether compiled pipelines can be kept between runs.
    pub pipeline_cache: bool,
    /// Whether shaders may compute in 16-bit floats. (No kernel does.)
    pub f16: bool,
}

/// What is known about an adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterInfo {
    /// Name that the driver gives the device.
    pub name: String,
    /// `vulkan`, `metal`, `dx12` or `gl`.
    pub api: String,
    /// Name of the driver.
    pub driver: String,
    /// Version of the driver, in its own words.
    pub driver_info: String,
    /// Vendor and device as `vvvv:dddd` in hexadecimal, where the API tells.
    pub pci_id: Option<String>,
    /// Whether it is a rasteriser on the CPU.
    pub software: bool,
    /// Whether it has compute shaders.
    pub compute: bool,
    /// What it can hold.
    pub limits: AdapterLimits,
}

impl AdapterInfo {
    /// From what wgpu says about a device.
    pub(super) fn new(
        info: &wgpu::AdapterInfo,
        limits: &wgpu::Limits,
        features: wgpu::Features,
        compute: bool,
    ) -> Self {
        let name = info.name.trim().to_owned();
        let known = name.to_lowercase();
        let pci = (info.vendor != 0 && info.device != 0 && info.vendor <= 0xffff && info.device <= 0xffff)
            .then(|| format!("{:04x}:{:04x}", info.vendor, info.device));
        AdapterInfo {
            software: info.device_type == wgpu::DeviceType::Cpu || SOFTWARE.iter().any(|s| known.contains(s)),
            name,
            api: info.backend.to_str().to_owned(),
            driver: info.driver.clone(),
            driver_info: info.driver_info.clone(),
            pci_id: pci,
            compute,
            limits: AdapterLimits {
                buffer_bytes: limits.max_buffer_size,
                binding_bytes: limits.max_storage_buffer_binding_size,
                storage_buffers: limits.max_storage_buffers_per_shader_stage,
                workgroup_invocations: limits
                    .max_compute_invocations_per_workgroup
                    .min(limits.max_compute_workgroup_size_x),
                subgroups: [info.subgroup_min_size, info.subgroup_max_size],
                subgroup_operations: features.contains(wgpu::Features::SUBGROUP),
                timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
                timestamps_in_passes: features.contains(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES),
                pipeline_cache: features.contains(wgpu::Features::PIPELINE_CACHE),
                f16: features.contains(wgpu::Features::SHADER_F16),
            },
        }
    }

    /// Why the kernels cannot run on it, if they cannot.
    pub(super) fn unusable(&self) -> Option<String> {
        let limits = &self.limits;
        if !self.compute {
            return Some("it has no compute shaders".into());
        }
        if limits.storage_buffers < STORAGE_BUFFERS {
            return Some(format!(
                "its shaders can use {} buffers, needed are {STORAGE_BUFFERS}",
                limits.storage_buffers
            ));
        }
        if limits.workgroup_invocations < WORKGROUP_SIZE {
            return Some(format!("its workgroups hold {}, needed are {WORKGROUP_SIZE}", limits.workgroup_invocations));
        }
        None
    }
}

/// A GPU by one API; the same GPU may be there by several.
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

    /// Why it failed its last check, if it did and the user's cache knows.
    pub fn failed_check(&self) -> Option<String> {
        Store::user(&self.info)?.verdict()
    }

    /// Opens a device on it.
    pub fn open(&self) -> Result<Gpu> {
        if let Some(reason) = &self.unusable {
            return Err(Error::Device { device: self.info.name.clone(), problem: format!("cannot be used: {reason}") });
        }
        Gpu::open(&self.adapter, self.info.clone())
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

/// All adapters by all APIs: discrete GPUs first, then integrated ones, then software; OpenGL after the other APIs. The
/// order is that of the drivers otherwise, so it is the same each time.
pub fn adapters() -> Vec<Adapter> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::PRIMARY | wgpu::Backends::GL;
    // No validation layers and no debug output, also in debug builds: they print.
    descriptor.flags = wgpu::InstanceFlags::empty();
    let instance = wgpu::Instance::new(descriptor);
    let found = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    let mut adapters: Vec<Adapter> = found.into_iter().map(Adapter::new).collect();
    adapters.sort_by_key(|a| a.rank);
    adapters
}
