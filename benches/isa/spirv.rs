//! WGSL to SPIR-V exactly as wgpu makes it from the engine's modules, which are created without runtime checks
//! (`backend/gpu/run/pipelines.rs`). The options are those of wgpu-hal 30, `vulkan/adapter.rs` and `vulkan/device.rs`.

use crate::common::Outcome;
use naga::back::spv::{self, Capability};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ValidationFlags, Validator};

/// What SPIR-V may use on a device.
#[derive(Clone, Copy, Debug)]
pub struct Abilities {
    /// Dot products of packed bytes.
    pub dot_products: bool,
    /// Integers of 8 bits, which dot products are made of elsewhere.
    pub bytes: bool,
}

/// Translates a compute shader whose entry point is `main`.
pub fn translated(wgsl: &str, abilities: Abilities) -> Outcome<Vec<u32>> {
    let module = naga::front::wgsl::parse_str(wgsl).map_err(|e| e.emit_to_string(wgsl))?;
    let info = Validator::new(ValidationFlags::all(), Capabilities::all())
        .validate(&module)
        .map_err(|e| e.emit_to_string(wgsl))?;
    let entry = Some((naga::ShaderStage::Compute, "main"));
    let (module, info) = naga::back::pipeline_constants::process_overrides(&module, &info, entry, &Default::default())?;
    let pipeline = spv::PipelineOptions { shader_stage: naga::ShaderStage::Compute, entry_point: "main".to_owned() };
    Ok(spv::write_vec(&module, &info, &options(abilities), Some(&pipeline))?)
}

fn options(abilities: Abilities) -> spv::Options<'static> {
    let unchecked = BoundsCheckPolicy::Unchecked;
    spv::Options {
        lang_version: (1, 6),
        flags: spv::WriterFlags::LABEL_VARYINGS | spv::WriterFlags::FORCE_POINT_SIZE,
        capabilities: Some(capabilities(abilities).into_iter().collect()),
        bounds_check_policies: BoundsCheckPolicies {
            index: unchecked,
            buffer: unchecked,
            image_load: unchecked,
            binding_array: unchecked,
        },
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        force_loop_bounding: false,
        ray_query_initialization_tracking: false,
        emit_int_div_checks: false,
        ..spv::Options::default()
    }
}

fn capabilities(abilities: Abilities) -> Vec<Capability> {
    let mut capabilities = vec![
        Capability::Shader,
        Capability::Matrix,
        Capability::GroupNonUniform,
        Capability::GroupNonUniformVote,
        Capability::GroupNonUniformArithmetic,
        Capability::GroupNonUniformBallot,
        Capability::GroupNonUniformShuffle,
        Capability::GroupNonUniformShuffleRelative,
        Capability::GroupNonUniformQuad,
    ];
    if abilities.dot_products {
        capabilities.extend([
            Capability::DotProductInputAllKHR,
            Capability::DotProductInput4x8BitKHR,
            Capability::DotProductInput4x8BitPackedKHR,
            Capability::DotProductKHR,
        ]);
    }
    if abilities.bytes {
        capabilities.push(Capability::Int8);
    }
    capabilities
}
