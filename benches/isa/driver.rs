//! Compiles shaders with the Vulkan driver that the environment selects, and asks it for the machine code.

#![allow(unsafe_code)] // Vulkan's functions

use crate::common::Outcome;
use crate::spirv::Abilities;
use ash::vk::{self, Handle};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::CStr;

/// An opened device, which lives as long as the program.
pub struct Driver {
    device: ash::Device,
    executables: ash::khr::pipeline_executable_properties::Device,
    features: Features,
    /// Name of the device.
    pub name: String,
    /// Name and version of the driver.
    pub version: String,
}

/// What the device has of the features that wgpu enables and that matter to code.
#[derive(Clone, Copy, Debug)]
struct Features {
    abilities: Abilities,
    robust: bool,
    robust2: bool,
    /// Whether the driver may choose the size of subgroups.
    varying_subgroups: bool,
}

/// A compiled pipeline.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Compiled {
    /// What the driver counts, by its names.
    pub statistics: BTreeMap<String, u64>,
    /// Invocations of a subgroup.
    pub lanes: u32,
    /// The disassembly; empty if the driver has none.
    pub text: String,
}

impl Driver {
    /// Opens the first device. None if there is no Vulkan or no device.
    pub fn open() -> Outcome<Option<Self>> {
        // SAFETY: the loader of the system is loaded, which has no preconditions.
        let Ok(entry) = (unsafe { ash::Entry::load() }) else { return Ok(None) };
        let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
        let info = vk::InstanceCreateInfo::default().application_info(&application);
        // SAFETY: `info` is valid; nothing outlives the instance, which is never destroyed.
        let Ok(instance) = (unsafe { entry.create_instance(&info, None) }) else { return Ok(None) };
        // SAFETY: the instance is alive.
        let devices = unsafe { instance.enumerate_physical_devices()? };
        let Some(&physical) = devices.first() else { return Ok(None) };
        let driver = Driver::of(&instance, physical)?;
        // The driver stays loaded until the program ends.
        std::mem::forget(entry);
        Ok(Some(driver))
    }

    fn of(instance: &ash::Instance, physical: vk::PhysicalDevice) -> Outcome<Self> {
        let mut about = vk::PhysicalDeviceDriverProperties::default();
        let mut properties = vk::PhysicalDeviceProperties2::default().push_next(&mut about);
        // SAFETY: the structures are chained correctly; Vulkan 1.2, which has them, is checked below.
        unsafe { instance.get_physical_device_properties2(physical, &mut properties) };
        let properties = properties.properties;
        let name = text(properties.device_name_as_c_str()?);
        if properties.api_version < vk::API_VERSION_1_3 {
            return Err(format!("{name} has an older version of Vulkan than 1.3").into());
        }
        let version = text(about.driver_info_as_c_str()?);
        // SAFETY: the instance is alive.
        let extensions = unsafe { instance.enumerate_device_extension_properties(physical)? };
        let has = |wanted: &CStr| extensions.iter().any(|e| e.extension_name_as_c_str() == Ok(wanted));
        let executables = ash::khr::pipeline_executable_properties::NAME;
        if !has(executables) {
            return Err(format!("{name} ({version}) does not tell what it compiles to").into());
        }
        let mut enabled = vec![executables.as_ptr()];
        let robustness2 = has(ash::ext::robustness2::NAME);
        if robustness2 {
            enabled.push(ash::ext::robustness2::NAME.as_ptr());
        }
        let features = features(instance, physical, robustness2);
        let device = create_device(instance, physical, &enabled, &features, robustness2)?;
        let executables = ash::khr::pipeline_executable_properties::Device::new(instance, &device);
        Ok(Driver { device, executables, features, name, version })
    }

    /// What SPIR-V may use on it.
    pub fn abilities(&self) -> Abilities {
        self.features.abilities
    }

    /// Compiles a shader with two uniforms at bindings 0 and 1 and storage buffers behind them.
    pub fn compile(&self, spirv: &[u32], storage_buffers: usize) -> Outcome<Compiled> {
        let layout = self.layout(storage_buffers)?;
        let info = vk::ShaderModuleCreateInfo::default().code(spirv);
        // SAFETY: naga has written valid SPIR-V.
        let module = unsafe { self.device.create_shader_module(&info, None)? };
        let varying = match self.features.varying_subgroups {
            true => vk::PipelineShaderStageCreateFlags::ALLOW_VARYING_SUBGROUP_SIZE,
            false => vk::PipelineShaderStageCreateFlags::empty(),
        };
        let stage = vk::PipelineShaderStageCreateInfo::default()
            .stage(vk::ShaderStageFlags::COMPUTE)
            .module(module)
            .name(c"main")
            .flags(varying);
        let capture = vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR
            | vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR;
        let info = vk::ComputePipelineCreateInfo::default().stage(stage).layout(layout).flags(capture);
        // SAFETY: module and layout are alive and fit each other.
        let pipelines = unsafe { self.device.create_compute_pipelines(vk::PipelineCache::null(), &[info], None) };
        let pipeline = pipelines.map_err(|(_, e)| e)?[0];
        let compiled = self.compiled(pipeline);
        // SAFETY: nothing uses them any more.
        unsafe {
            self.device.destroy_pipeline(pipeline, None);
            self.device.destroy_shader_module(module, None);
        }
        compiled
    }

    fn layout(&self, storage_buffers: usize) -> Outcome<vk::PipelineLayout> {
        let uniform = vk::DescriptorType::UNIFORM_BUFFER;
        let types = [uniform, uniform].into_iter().chain([vk::DescriptorType::STORAGE_BUFFER].repeat(storage_buffers));
        let binding = |(index, ty)| {
            vk::DescriptorSetLayoutBinding::default()
                .binding(index)
                .descriptor_type(ty)
                .descriptor_count(1)
                .stage_flags(vk::ShaderStageFlags::COMPUTE)
        };
        let bindings: Vec<_> = (0..).zip(types).map(binding).collect();
        let info = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
        // SAFETY: the bindings have distinct numbers.
        let set = unsafe { self.device.create_descriptor_set_layout(&info, None)? };
        let sets = [set];
        let info = vk::PipelineLayoutCreateInfo::default().set_layouts(&sets);
        // SAFETY: the set's layout is alive.
        Ok(unsafe { self.device.create_pipeline_layout(&info, None)? })
    }

    fn compiled(&self, pipeline: vk::Pipeline) -> Outcome<Compiled> {
        let info = vk::PipelineInfoKHR::default().pipeline(pipeline);
        // SAFETY: the pipeline is alive and was created with the flags that capture this.
        let properties = unsafe { self.executables.get_pipeline_executable_properties(&info)? };
        let lanes = properties.first().ok_or("the driver compiled nothing")?.subgroup_size;
        let info = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline);
        // SAFETY: as above.
        let statistics = unsafe { self.executables.get_pipeline_executable_statistics(&info)? };
        let statistics = statistics.iter().map(|s| Ok((text(s.name_as_c_str()?), number(s))));
        Ok(Compiled { statistics: statistics.collect::<Outcome<_>>()?, lanes, text: self.disassembly(&info)? })
    }

    fn disassembly(&self, info: &vk::PipelineExecutableInfoKHR) -> Outcome<String> {
        let mut count = 0;
        let ask = |count: &mut u32, representations: *mut _| {
            let function = self.executables.fp().get_pipeline_executable_internal_representations_khr;
            // SAFETY: `representations` is null or points to `count` structures whose data are null or as long as they say.
            unsafe { function(self.executables.device(), info, count, representations) }.result()
        };
        ask(&mut count, std::ptr::null_mut())?;
        let mut representations = vec![vk::PipelineExecutableInternalRepresentationKHR::default(); count as usize];
        ask(&mut count, representations.as_mut_ptr())?;
        let mut room: Vec<Vec<u8>> = representations.iter().map(|r| vec![0; r.data_size]).collect();
        representations.iter_mut().zip(&mut room).for_each(|(r, room)| r.p_data = room.as_mut_ptr().cast());
        ask(&mut count, representations.as_mut_ptr())?;
        let is_code =
            |name: &CStr| name.to_bytes().to_ascii_lowercase().windows(3).any(|part| part == b"ass" || part == b"asm");
        let code = representations.iter().zip(&room).rfind(|(r, _)| r.name_as_c_str().is_ok_and(is_code));
        Ok(code.map_or(String::new(), |(_, data)| String::from_utf8_lossy(data).trim_end_matches('\0').to_owned()))
    }
}

fn text(text: &CStr) -> String {
    text.to_string_lossy().into_owned()
}

fn number(statistic: &vk::PipelineExecutableStatisticKHR) -> u64 {
    use vk::PipelineExecutableStatisticFormatKHR as Format;
    // SAFETY: the format says which member is meant.
    unsafe {
        match statistic.format {
            Format::BOOL32 => statistic.value.b32.into(),
            Format::INT64 => statistic.value.i64.max(0) as u64,
            Format::FLOAT64 => statistic.value.f64 as u64,
            _ => statistic.value.u64,
        }
    }
}

fn features(instance: &ash::Instance, physical: vk::PhysicalDevice, robustness2: bool) -> Features {
    let mut robust2 = vk::PhysicalDeviceRobustness2FeaturesEXT::default();
    let mut core12 = vk::PhysicalDeviceVulkan12Features::default();
    let mut core13 = vk::PhysicalDeviceVulkan13Features::default();
    let mut all = vk::PhysicalDeviceFeatures2::default().push_next(&mut core12).push_next(&mut core13);
    if robustness2 {
        all = all.push_next(&mut robust2);
    }
    // SAFETY: the structures are chained correctly, and the device has them.
    unsafe { instance.get_physical_device_features2(physical, &mut all) };
    let robust = all.features.robust_buffer_access == vk::TRUE;
    Features {
        abilities: Abilities {
            dot_products: core13.shader_integer_dot_product == vk::TRUE,
            bytes: core12.shader_int8 == vk::TRUE,
        },
        robust,
        robust2: robust2.robust_buffer_access2 == vk::TRUE,
        varying_subgroups: core13.subgroup_size_control == vk::TRUE,
    }
}

fn create_device(
    instance: &ash::Instance,
    physical: vk::PhysicalDevice,
    extensions: &[*const std::ffi::c_char],
    features: &Features,
    robustness2: bool,
) -> Outcome<ash::Device> {
    let mut executables =
        vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default().pipeline_executable_info(true);
    let mut robust2 = vk::PhysicalDeviceRobustness2FeaturesEXT::default().robust_buffer_access2(features.robust2);
    let mut core12 = vk::PhysicalDeviceVulkan12Features::default().shader_int8(features.abilities.bytes);
    let mut core13 = vk::PhysicalDeviceVulkan13Features::default()
        .shader_integer_dot_product(features.abilities.dot_products)
        .subgroup_size_control(features.varying_subgroups);
    let core = vk::PhysicalDeviceFeatures::default().robust_buffer_access(features.robust);
    let queue = [vk::DeviceQueueCreateInfo::default().queue_priorities(&[1.0])];
    let mut info = vk::DeviceCreateInfo::default()
        .queue_create_infos(&queue)
        .enabled_extension_names(extensions)
        .enabled_features(&core)
        .push_next(&mut executables)
        .push_next(&mut core12)
        .push_next(&mut core13);
    if robustness2 {
        info = info.push_next(&mut robust2);
    }
    // SAFETY: the device supports all of these extensions and features; every device has a first queue family.
    let device = unsafe { instance.create_device(physical, &info, None)? };
    if device.handle().is_null() {
        return Err("the device could not be opened".into());
    }
    Ok(device)
}
