//! Every generated shader is valid and translates to every language that wgpu feeds to drivers. Needs no GPU.

use crate::common::kernels;
use lq_infer::internals::backend::gpu::float::FloatRecording;
use lq_infer::internals::backend::gpu::picture::{self, Access, Kind};
use lq_infer::internals::backend::gpu::record::{Recording, Target};
use lq_infer::internals::bench::random_network;
use lq_infer::internals::graph::Ties;
use lq_infer::internals::lower::Kernel;
use lq_infer::internals::plan::Plan;
use lq_infer::internals::train::recording as recording_of_training;
use lq_infer::internals::zoo::Uniform;
use naga::back::{glsl, hlsl, msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{Module, ShaderStage};
use std::collections::{BTreeMap, BTreeSet};

/// All distinct shaders of all test problems and of a whole network, by text.
fn shaders() -> BTreeMap<String, &'static str> {
    let mut problems = kernels::all();
    problems.extend([kernels::resnet20(1), kernels::resnet20(3)]);
    let mut shaders = BTreeMap::new();
    for problem in problems {
        let plan = Plan::new(problem.program()).unwrap();
        for workgroup_size in [8, 64] {
            for nth in [0, 1, 5, usize::MAX] {
                let target = Target { workgroup_size, ..Target::plain(65_535) };
                let recording = Recording::new(&plan, &target, &|_, variants| nth.min(variants.len() - 1));
                shaders.extend(recording.pipelines().iter().map(|d| (d.source.to_string(), d.kernel)));
            }
        }
        // With so few rounds, every kernel that can be divided is.
        let target = Target { rounds: Some(150), ..Target::plain(65_535) };
        let recording = Recording::new(&plan, &target, &|_, variants| variants.len() - 1);
        shaders.extend(recording.pipelines().iter().map(|d| (d.source.to_string(), d.kernel)));
    }
    shaders.extend(float_shaders());
    shaders.extend(training_shaders());
    for access in [Access::Sampled, Access::Copied { swapped: false }, Access::Copied { swapped: true }] {
        for (pillow, bgr) in [(true, false), (false, true)] {
            shaders.extend(picture::sources(Kind { access, pillow, bgr }).map(|source| (source, "picture")));
        }
    }
    for probe in ["popcount", "adders", "macs", "bytes", "fma", "rounds"] {
        let path = format!("{}/shaders/probes/{probe}.wgsl", env!("CARGO_MANIFEST_DIR"));
        shaders.insert(std::fs::read_to_string(path).unwrap(), "probe");
    }
    shaders
}

/// Those of the same networks in float32.
fn float_shaders() -> BTreeMap<String, &'static str> {
    let mut shaders = BTreeMap::new();
    for kernels::Problem { graph, seed, .. } in kernels::all().into_iter().chain([kernels::resnet20(2)]) {
        // Some end in codes.
        if graph.without_quantizers().is_err() {
            continue;
        }
        let target = Target::plain(65_535);
        let net = FloatRecording::new(&graph, &kernels::params(&graph, seed), &target, 1 << 25).unwrap();
        shaders.extend(net.recording().pipelines().iter().map(|d| (d.source.to_string(), d.kernel)));
    }
    shaders
}

/// Those that train networks with every kind of layer, on rasterisers and on hardware.
fn training_shaders() -> BTreeMap<String, &'static str> {
    let mut shaders = BTreeMap::new();
    for (kernels::Problem { graph, .. }, software) in kernels::all().into_iter().zip([true, false].into_iter().cycle())
    {
        // Some end in codes, or read a tensor twice.
        let Ok(recording) = recording_of_training(&graph, Ties::Above, 3, &Target::plain(65_535), software) else {
            continue;
        };
        shaders.extend(recording.pipelines().iter().map(|d| (d.source.to_string(), d.kernel)));
    }
    let graph = kernels::resnet20(2).graph;
    for software in [false, true] {
        let target = Target::plain(65_535);
        let recording = recording_of_training(&graph, Ties::Below, 128, &target, software).unwrap();
        assert!(recording.longest().unwrap().rounds < 1 << 14, "{:?}", recording.longest());
        shaders.extend(recording.pipelines().iter().map(|d| (d.source.to_string(), d.kernel)));
    }
    shaders
}

/// A whole network, every kernel in its first variant.
fn recording(fold: u32) -> Recording {
    Recording::new(&Plan::new(kernels::resnet20(2).program()).unwrap(), &Target::plain(fold), &|_, _| 0)
}

fn validated(source: &str) -> (Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(source).unwrap_or_else(|e| panic!("{}", e.emit_to_string(source)));
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::empty());
    let info = validator.validate(&module).unwrap_or_else(|e| panic!("{}", e.emit_to_string(source)));
    (module, info)
}

fn to_spirv(module: &Module, info: &ModuleInfo) {
    let options = spv::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: "main".into() };
    for lang_version in [(1, 1), (1, 3), (1, 6)] {
        let target = spv::Options { lang_version, ..spv::Options::default() };
        assert!(!spv::write_vec(module, info, &target, Some(&options)).unwrap().is_empty());
    }
}

fn to_hlsl(module: &Module, info: &ModuleInfo) {
    for shader_model in [hlsl::ShaderModel::V5_1, hlsl::ShaderModel::V6_0, hlsl::ShaderModel::V6_6] {
        let options = hlsl::Options { shader_model, fake_missing_bindings: true, ..hlsl::Options::default() };
        let pipeline = hlsl::PipelineOptions::default();
        let mut text = String::new();
        hlsl::Writer::new(&mut text, &options, &pipeline).write(module, info, None).unwrap();
        if text.contains("dot4") {
            assert_eq!(text.contains("dot4add_i8packed"), shader_model >= hlsl::ShaderModel::V6_4);
        }
    }
}

fn to_msl(module: &Module, info: &ModuleInfo) {
    for lang_version in [(2, 1), (3, 1)] {
        let options = msl::Options { lang_version, fake_missing_bindings: true, ..msl::Options::default() };
        let (text, _) = msl::write_string(module, info, &options, &msl::PipelineOptions::default()).unwrap();
        assert!(text.contains("kernel void"));
    }
}

fn to_glsl(module: &Module, info: &ModuleInfo) {
    for version in [glsl::Version::new_gles(310), glsl::Version::Desktop(430)] {
        let options = glsl::Options { version, ..glsl::Options::default() };
        let pipeline =
            glsl::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: "main".into(), multiview: None };
        let policies = naga::proc::BoundsCheckPolicies::default();
        let mut text = String::new();
        let mut writer = glsl::Writer::new(&mut text, module, info, &options, &pipeline, policies).unwrap();
        writer.write().unwrap();
    }
}

#[test]
fn every_shader_translates_to_every_language() {
    let shaders = shaders();
    let kernels: BTreeSet<String> = shaders.values().map(|&name| name.to_owned()).collect();
    let others =
        ["float.copy", "float.grouped", "float.join", "float.point", "float.pool", "float.tile", "picture", "probe"];
    let all = BTreeSet::from_iter(Kernel::names().into_iter().chain(others.map(str::to_owned)));
    let (training, own): (BTreeSet<_>, BTreeSet<_>) = kernels.into_iter().partition(|name| name.starts_with("train."));
    assert_eq!(own, all);
    assert_eq!(training.len(), 25, "{training:?}");
    for source in shaders.keys() {
        let (module, info) = validated(source);
        to_spirv(&module, &info);
        to_hlsl(&module, &info);
        to_msl(&module, &info);
        to_glsl(&module, &info);
    }
}

#[test]
fn layers_of_equal_shape_share_a_pipeline() {
    let recording = recording(65_535);
    assert_eq!((recording.dispatches().len(), recording.pipelines().len()), (28, 18));
}

/// Launches cost time whatever they compute. Adding, batch norms and quantizers belong to the convolutions, and pools take the
/// step that follows with them.
#[test]
fn an_imagenet_resnet_18_takes_24_dispatches() {
    for [w, a] in [[2, 2], [1, 2], [1, 1]] {
        let plan = Plan::new(random_network("preact-resnet-18", &Uniform::bits(w, a), 1).unwrap()).unwrap();
        let recording = Recording::new(&plan, &Target::plain(65_535), &|_, _| 0);
        let mut kernels = BTreeMap::new();
        for dispatch in recording.dispatches() {
            *kernels.entry(dispatch.kernel).or_insert(0) += 1;
        }
        let expected =
            [("limbconv", 1), ("maxpool", 1), ("bitconv", 16 + 3), ("pointwise", 1), ("avgpool", 1), ("limbsum", 1)];
        assert_eq!(kernels, BTreeMap::from(expected), "{w}/{a}");
        let launched = |index: usize| recording.dispatches().iter().any(|d| d.step == index);
        let steps = plan.program().steps.iter().enumerate();
        let taken: Vec<&str> = steps.filter(|(index, _)| !launched(*index)).map(|(_, s)| s.kernel.name()).collect();
        assert_eq!(taken, ["quantize", "split"], "{w}/{a}");
    }
}

#[test]
fn long_dispatches_fold_into_rows() {
    let recording = recording(10);
    let mut dispatch = recording.dispatches()[0].clone();
    dispatch.per_image = dispatch.workgroup_size as usize * 10;
    assert_eq!(recording.workgroups(&dispatch, 1), [10, 1, 1]);
    dispatch.per_image += 1;
    assert_eq!(recording.workgroups(&dispatch, 1), [10, 2, 1]);
    assert_eq!(recording.workgroups(&dispatch, 9), [10, 10, 1]);
    assert!(recording.max_images() < 10);
}

/// By the language's specification `var a: u32;` is 0 each time that it is executed. Chromium 156 leaves out all but the first, and
///
///     for (var q = 0u; q < 4u; q++) { var a: u32; a += 1u; o[q] = a; }
///
/// stores 1, 2, 3, 4 there.
#[test]
fn every_variable_of_a_function_is_declared_with_its_value() {
    let declares = |line: &&str| line.trim_start().starts_with("var ") && !line.contains('=');
    for (source, kernel) in shaders() {
        let bare: Vec<_> = source.lines().filter(declares).filter(|line| line.starts_with(' ')).collect();
        assert!(bare.is_empty(), "{kernel}: {bare:#?}");
    }
}
