//! Checkpoints that PyTorch saved, in every layout that people use, against the logits PyTorch computed from them in float64.
//! `tests/torch/make_fixtures.py` made them, and pictures by the recipe of golden vectors.
//!
//! Weights, bases and statistics are random, and no number lies near a threshold of a quantizer, so a difference is one of
//! arithmetic: at most 1e-6 of the largest logit. A wrong name, order, padding, side of ties or sign would show in the
//! first digits.

use crate::common::rng::Rng;
use crate::common::tensorpack::{Variables, write_npz};
use lq_infer::internals::convert::{Checkpoint, ConvertOptions, convert};
use lq_infer::internals::format::npy::{self, NpyData};
use lq_infer::internals::format::{Golden, GoldenInput, Packed};
use lq_infer::{Batch, DeviceSelector, Engine, ErrorKind, Model};
use std::path::{Path, PathBuf};

/// Largest difference of a logit to PyTorch's, of the largest logit.
const TOLERANCE: f64 = 2e-6;
/// The same where activations stay float and nothing normalises them: the ranges of 13 convolutions are then bounds far above
/// their values, which cost bits (`lower::range`).
const UNNORMALIZED: (&str, f64) = ("vgg16-cifar.pt", 2e-4);

/// File, seed of its pictures, and what it must be recognised as.
const CASES: [(&str, u64, &str); 16] = [
    ("resnet18-cifar.pth", 1, "torch-resnet-18-cifar10 2/2"),
    ("resnet18.pt", 2, "torch-resnet-18 2/32"),
    ("resnet34-cifar.safetensors", 3, "torch-resnet-34-cifar10 1/2"),
    ("resnet34.pth", 4, "torch-resnet-34 3/3"),
    ("resnet50.safetensors", 5, "torch-resnet-50 2/4"),
    ("vgg11-bn-cifar.pth", 6, "torch-vgg-11-bn-cifar10 2/2"),
    ("vgg11.pt", 7, "torch-vgg-11 32/2"),
    ("vgg13.pt", 8, "torch-vgg-13 2/3"),
    ("vgg13-bn-cifar.safetensors", 9, "torch-vgg-13-bn-cifar10 3/1"),
    ("vgg16-bn.pth", 10, "torch-vgg-16-bn 2/2"),
    ("vgg16-cifar.pt", 11, "torch-vgg-16-cifar10 4/32"),
    ("vgg19-bn.pt", 12, "torch-vgg-19-bn 4/4"),
    ("vgg19-cifar.pth", 13, "torch-vgg-19-cifar10 1/2"),
    ("plain-cifar-resnet-20.pt", 14, "cifar-resnet-20 2/2"),
    ("plain-cifar-resnet-20-w3a1.safetensors", 15, "cifar-resnet-20 3/1"),
    ("plain-vgg-small.pth", 16, "vgg-small 2/3"),
];

/// What a repository named after LQ-Nets saves, which quantizes otherwise.
const OTHER_SCHEME: &str = "scale-and-bias.pth.tar";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/torch_layouts")
}

/// PyTorch's logits, image by image.
fn expected(file: &str) -> Vec<Vec<f64>> {
    let path = fixtures().join(file).with_extension("npy");
    let (shape, NpyData::F64(data)) = npy::read(&std::fs::read(path).unwrap()).unwrap() else { panic!("not float64") };
    data.chunks_exact(shape[1]).map(<[f64]>::to_vec).collect()
}

/// Options for a checkpoint: VGG-Small's mean picture, which is 128 everywhere.
fn options(file: &str, folder: &Path) -> ConvertOptions {
    let mut options = ConvertOptions::default();
    if file.contains("vgg-small") {
        let path = folder.join("mean.npy");
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (32, 32, 3), }";
        let mut npy = b"\x93NUMPY\x01\x00".to_vec();
        npy.extend((header.len() as u16).to_le_bytes());
        npy.extend(header.bytes());
        npy.extend([128f32; 32 * 32 * 3].map(f32::to_le_bytes).concat());
        std::fs::write(&path, npy).unwrap();
        options.mean_image = Some(path);
    }
    options
}

/// Largest difference to PyTorch's logits, of the largest of them.
fn difference(file: &str, seed: u64, title: &str, engine: &Engine) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let packed = convert(&Checkpoint::open(&fixtures().join(file)).unwrap(), &options(file, folder.path()), &|_, _| {})
        .unwrap()
        .packed;
    assert_eq!(packed.header.name, title, "{file}");
    let expected = expected(file);
    let recipe = Golden { input: GoldenInput::Pixels, seed, images: expected.len(), digest: String::new() };
    let pixels = recipe.pixels(packed.header.graph.input_shape());
    let net = engine.prepare(&Model::try_from(packed).unwrap()).unwrap();
    let found = net.logits(&Batch::Pixels(pixels), &Default::default()).unwrap();
    assert_eq!(found.len(), expected.len());
    let pairs = found.iter().zip(&expected).flat_map(|(f, e)| {
        assert_eq!(f.len(), e.len(), "{file}");
        f.iter().zip(e)
    });
    let largest = expected.iter().flatten().fold(0f64, |m, e| m.max(e.abs()));
    pairs.fold(0f64, |m, (f, e)| m.max((f64::from(*f) - e).abs())) / largest
}

#[test]
fn logits_are_those_of_pytorch() {
    let engine = Engine::builder().device(DeviceSelector::Cpu).build().unwrap();
    let differences = CASES.map(|(file, seed, title)| (file, difference(file, seed, title, &engine)));
    let tolerance = |file: &str| if file == UNNORMALIZED.0 { UNNORMALIZED.1 } else { TOLERANCE };
    assert!(differences.iter().all(|(file, difference)| *difference < tolerance(file)), "{differences:#?}");
}

#[test]
fn every_fixture_is_tested() {
    let tested = |name: &str| name == OTHER_SCHEME || CASES.iter().any(|(file, ..)| *file == name);
    for entry in std::fs::read_dir(fixtures()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(path.extension().unwrap() == "npy" || tested(name), "{name} is tested by nothing");
    }
}

#[test]
fn the_pictures_of_a_torchvision_network_are_told_by_its_classes_or_the_user() {
    let path = fixtures().join("vgg11-bn-cifar.pth");
    let both = ["torch-vgg-11-bn", "torch-vgg-11-bn-cifar10"];
    let checkpoint = Checkpoint::open(&path).unwrap();
    let taken = convert(&checkpoint, &ConvertOptions::default(), &|_, _| {}).unwrap();
    assert_eq!((&*taken.packed.header.network, taken.alternatives), (both[1], vec![both[0]]));
    for (arch, size) in both.into_iter().zip([224, 32]) {
        let options = ConvertOptions { arch: Some(arch.into()), ..Default::default() };
        let header = convert(&checkpoint, &options, &|_, _| {}).unwrap().packed.header;
        assert_eq!((header.network.as_str(), header.graph.input_shape().h), (arch, size));
    }
}

#[test]
fn another_scheme_of_that_name_is_refused() {
    let error = Checkpoint::open(&fixtures().join(OTHER_SCHEME)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadCheckpoint);
    let text = error.to_string();
    assert!(text.contains("'quant_info' has a scale and a bias for each layer") && text.contains("basis"), "{text}");
}

/// The tensors of a ResNet-18 of the ports.
fn resnet18() -> Variables {
    let checkpoint = Checkpoint::open(&fixtures().join("resnet18-cifar.pth")).unwrap();
    let floats = checkpoint.variables().iter().filter(|(_, variable)| variable.dtype == "float32");
    floats.map(|(name, v)| (name.clone(), (v.shape.clone(), checkpoint.read_f32(name).unwrap()))).collect()
}

fn convert_variables(variables: &Variables) -> lq_infer::Result<Packed> {
    let folder = tempfile::tempdir().unwrap();
    convert(&Checkpoint::open(&write_npz(variables, "", folder.path()))?, &ConvertOptions::default(), &|_, _| {})
        .map(|c| c.packed)
}

/// `variables` with one of another shape.
fn reshaped(variables: &Variables, name: &str, shape: &[usize]) -> Variables {
    let mut changed = variables.clone();
    assert!(changed.insert(name.into(), (shape.to_vec(), vec![0.5; shape.iter().product()])).is_some(), "{name}");
    changed
}

#[test]
fn what_is_missing_unused_or_misshapen_is_named() {
    let variables = resnet18();
    let says = |variables: &Variables, parts: &[&str]| {
        let text = convert_variables(variables).unwrap_err().to_string();
        assert!(text.contains("closest is torch-resnet-18"), "{text}");
        parts.iter().for_each(|part| assert!(text.contains(part), "'{part}' in {text}"));
    };
    for (name, expected) in [
        ("layer2.0.conv1.weight", "missing variables 'layer2.0.conv1.weight' [6, 4, 3, 3]"),
        ("layer2.0.conv1.weight_quantizer.basis", "missing variables 'layer2.0.conv1.weight_quantizer.basis' [6, 2]"),
        (
            "layer4.1.conv2.activation_quantizer.weight_quantizer.basis",
            "missing variables 'layer4.1.conv2.activation_quantizer.weight_quantizer.basis' [2] or [1, 2]",
        ),
        ("layer3.0.downsample.1.running_var", "missing variables 'layer3.0.downsample.1.running_var' [8]"),
        ("fc.bias", "missing variables 'fc.bias' [10]"),
    ] {
        let mut without = variables.clone();
        without.remove(name);
        says(&without, &[expected]);
    }
    let mut with = variables.clone();
    with.insert("conv2.weight".into(), (vec![1], vec![0.0]));
    says(&with, &["unused variables 'conv2.weight'"]);
    let transposed = reshaped(&variables, "layer1.0.conv1.weight_quantizer.basis", &[2, 4]);
    says(&transposed, &["'layer1.0.conv1.weight_quantizer.basis' is [2, 4], expected [4, 4]"]);
    says(&reshaped(&variables, "fc.weight", &[10, 9]), &["'fc.weight' is [10, 9], expected [10, 8]"]);
}

#[test]
fn odd_state_dicts_are_networks_or_refused() {
    let variables = resnet18();
    let shapes: [&[usize]; 9] = [&[], &[0], &[0, 0], &[70_000, 1], &[1, 70_000], &[4, 9], &[4, 0], &[1; 5], &[2; 4]];
    let mut rng = Rng::new(1);
    let mut networks = 0;
    for round in 0..40 {
        let mut some = variables.clone();
        for name in variables.keys() {
            match rng.below(150) {
                0 => drop(some.remove(name)),
                1 => some = reshaped(&some, name, rng.pick(&shapes)),
                2 => drop(some.insert(format!("{name}.weight_quantizer.basis"), (vec![1], vec![1.0]))),
                _ => {}
            }
        }
        match convert_variables(&some) {
            Ok(_) => networks += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::BadCheckpoint, "round {round}: {error}"),
        }
    }
    assert!((1..20).contains(&networks), "{networks} of 40, those that nothing happened to");
}
