//! What is known about an adapter, and whether the kernels can run on it.

use crate::backend::gpu::record::WORKGROUP_SIZE;

/// Storage buffers of the largest kernel: input, weights, table, residual, values and codes.
const STORAGE_BUFFERS: u32 = 6;

/// The OpenGL of which shaders are compiled for computing. Older ones may have compute shaders as an extension, which wgpu
/// counts, but naga writes none for them: NVIDIA's driver gives a context of 3.3 to whoever asks for no version.
const COMPUTE_GL: [u32; 2] = [4, 3];

/// Parts of the names of rasterisers that compute on the CPU.
const SOFTWARE: [&str; 6] = ["llvmpipe", "lavapipe", "softpipe", "swiftshader", "microsoft basic render", "warp"];

/// Limits and features of an adapter that decide what runs on it, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct AdapterLimits {
    /// Largest buffer in bytes.
    pub buffer_bytes: u64,
    /// Largest part of a buffer that a shader can bind, in bytes.
    pub binding_bytes: u64,
    /// Storage buffers that one shader can bind.
    pub storage_buffers: u32,
    /// Most invocations of a workgroup.
    pub workgroup_invocations: u32,
    /// Smallest and largest size of a subgroup.
    pub subgroups: [u32; 2],
    /// Whether shaders can use subgroup operations.
    pub subgroup_operations: bool,
    /// Whether it writes timestamps at the ends of passes.
    pub timestamps: bool,
    /// Whether it writes timestamps within a pass, between dispatches.
    pub timestamps_in_passes: bool,
    /// Whether compiled pipelines can be saved and loaded again.
    pub pipeline_cache: bool,
    /// Whether shaders can use 16-bit floats. No kernel does.
    pub f16: bool,
}

/// What is known about an adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterInfo {
    /// Name of the device, as the driver reports it; "unnamed GPU" if it reports none.
    pub name: String,
    /// `vulkan`, `metal`, `dx12`, `gl` or, in a browser, `webgpu`.
    pub api: String,
    /// Name of the driver.
    pub driver: String,
    /// Version of the driver, as it reports it.
    pub driver_info: String,
    /// PCI vendor and device as `vvvv:dddd` in hexadecimal, if the API reports them.
    pub pci_id: Option<String>,
    /// Whether it is a rasteriser that computes on the CPU.
    pub software: bool,
    /// Whether it has compute shaders.
    pub compute: bool,
    /// Its limits and features.
    pub limits: AdapterLimits,
}

impl AdapterInfo {
    /// Collects what wgpu reports about a device.
    pub(super) fn new(
        info: &wgpu::AdapterInfo,
        limits: &wgpu::Limits,
        features: wgpu::Features,
        compute: bool,
    ) -> Self {
        // Browsers often tell no name.
        let name = match info.name.trim() {
            "" => "unnamed GPU".to_owned(),
            name => name.to_owned(),
        };
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

    /// Its version of OpenGL, if it is reached through that and not through OpenGL ES, whose versions begin with words.
    fn desktop_gl(&self) -> Option<[u32; 2]> {
        let mut numbers = self.driver_info.split(['.', ' ']).map(|part| part.parse().ok());
        let version = [numbers.next()??, numbers.next()??];
        (self.api == "gl").then_some(version)
    }

    /// Why the kernels cannot run on it, if they cannot.
    pub(super) fn unusable(&self) -> Option<String> {
        let limits = &self.limits;
        if !self.compute {
            return Some("it has no compute shaders".into());
        }
        if let Some([major, minor]) = self.desktop_gl().filter(|version| *version < COMPUTE_GL) {
            return Some(format!("it offers OpenGL {major}.{minor}, needed is {}.{}", COMPUTE_GL[0], COMPUTE_GL[1]));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opengl_that_is_too_old_for_its_compute_shaders_is_unusable() {
        let limits = wgpu::Limits { max_storage_buffers_per_shader_stage: 8, ..wgpu::Limits::default() };
        let unusable = |backend, version: &str| {
            let driver_info = version.to_owned();
            let raw = wgpu::AdapterInfo { driver_info, ..wgpu::AdapterInfo::new(wgpu::DeviceType::Other, backend) };
            AdapterInfo::new(&raw, &limits, wgpu::Features::empty(), true).unusable()
        };
        let gl = |version| unusable(wgpu::Backend::Gl, version);
        assert_eq!(gl("3.3.0 NVIDIA 580.159.04").as_deref(), Some("it offers OpenGL 3.3, needed is 4.3"));
        assert_eq!(gl("4.3.0 NVIDIA 580.159.04"), None);
        assert_eq!(gl("4.5 (Core Profile) Mesa 22.3.6"), None);
        assert_eq!(gl("OpenGL ES 3.1 build 1"), None);
        assert_eq!(unusable(wgpu::Backend::Vulkan, "3.3.0"), None);
    }
}
