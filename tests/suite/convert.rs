//! Conversion in a plain clone: random checkpoints of both kinds, made here, become models; what is wrong is named.

use crate::common::rng::Rng;
use crate::common::tensorpack::{Variables, write_bundle, write_npz};
use lq_infer::internals::convert::{Checkpoint, ConvertOptions, convert};
use lq_infer::internals::format::{Packed, Provenance};
use lq_infer::internals::session::add_golden;
use lq_infer::{Batch, DeviceSelector, Engine, Model, verify};
use std::path::Path;

/// Random variables of a CIFAR ResNet-20 with the original's names.
pub(crate) fn resnet20(weight_bits: usize, activation_bits: usize) -> Variables {
    let mut vars = Vars { rng: Rng::new(7), weight_bits, activation_bits, variables: Variables::new() };
    vars.weight("conv0", 3, 3, 16);
    vars.batch_norm("conv0", 16);
    for group in 0..3 {
        for block in 0..3 {
            let scope = format!("group{group}/block{block}");
            let (out, input) = (16 << group, if group > 0 && block == 0 { 8 << group } else { 16 << group });
            if block > 0 {
                vars.batch_norm(&format!("{scope}/preact"), input);
            }
            vars.quantized(&scope, 1, input, out);
            vars.quantized(&scope, 2, out, out);
        }
        vars.batch_norm(&format!("group{group}/bnlast"), 16 << group);
    }
    vars.add("linear/W", &[64, 10], 0.0, 0.1);
    vars.add("linear/b", &[10], 0.0, 0.1);
    vars.variables
}

struct Vars {
    rng: Rng,
    weight_bits: usize,
    activation_bits: usize,
    variables: Variables,
}

impl Vars {
    fn add(&mut self, name: &str, shape: &[usize], mean: f64, deviation: f64) {
        let data = (0..shape.iter().product()).map(|_| (mean + deviation * self.rng.normal()) as f32).collect();
        self.variables.insert(name.to_owned(), (shape.to_vec(), data));
    }

    fn weight(&mut self, layer: &str, kernel: usize, inputs: usize, outputs: usize) {
        let deviation = (2.0 / (kernel * kernel * inputs) as f64).sqrt();
        self.add(&format!("{layer}/W"), &[kernel, kernel, inputs, outputs], 0.0, deviation);
    }

    fn batch_norm(&mut self, scope: &str, channels: usize) {
        self.add(&format!("{scope}/bn/gamma"), &[channels], 1.0, 0.2);
        self.add(&format!("{scope}/bn/beta"), &[channels], 0.2, 0.2);
        self.add(&format!("{scope}/bn/mean/EMA"), &[channels], 0.0, 0.1);
        self.add(&format!("{scope}/bn/variance/EMA"), &[channels], 1.0, 0.02);
    }

    fn quantized(&mut self, scope: &str, index: usize, inputs: usize, outputs: usize) {
        let (w, a) = (self.weight_bits, self.activation_bits);
        self.add(&format!("{scope}/quant{index}/ActivationQuantization/basis"), &[a, 1], 0.6, 0.2);
        self.weight(&format!("{scope}/conv{index}"), 3, inputs, outputs);
        self.add(&format!("{scope}/conv{index}/weight_quant/basis"), &[w, outputs], 0.05, 0.02);
        self.batch_norm(&format!("{scope}/conv{index}"), outputs);
    }
}

/// What only training needs, with the original's names.
fn training_only() -> Variables {
    let mut extra = Variables::new();
    for name in [
        "global_step",
        "learning_rate",
        "conv0/W/Momentum",
        "conv0/W/ExponentialMovingAverage",
        "group0/block0/conv1/weight_quant/group0/block0/conv1/weight_quant/basis/biased",
        "group0/block0/conv1/weight_quant/group0/block0/conv1/weight_quant/basis/local_step",
    ] {
        extra.insert(name.to_owned(), (vec![], vec![0.5]));
    }
    extra
}

fn convert_plain(path: &Path) -> lq_infer::Result<Packed> {
    convert(&Checkpoint::open(path)?, &ConvertOptions::default(), &|_, _| {}).map(|c| c.packed)
}

/// The saved bytes without provenance.
fn bytes(mut packed: Packed) -> Vec<u8> {
    packed.header.source =
        Provenance { kind: String::new(), file: String::new(), sha256: String::new(), converter: String::new() };
    let folder = tempfile::tempdir().unwrap();
    Model::try_from(packed).unwrap().save(folder.path().join("m")).unwrap();
    std::fs::read(folder.path().join("m")).unwrap()
}

fn cpu() -> Engine {
    Engine::builder().device(DeviceSelector::Cpu).build().unwrap()
}

#[test]
fn both_kinds_and_both_suffixes_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let variables = resnet20(2, 2);
    let mut with_training = variables.clone();
    with_training.extend(training_only());
    let bundle = bytes(convert_plain(&write_bundle(&with_training, folder.path())).unwrap());
    for suffix in ["", ":0"] {
        let npz = bytes(convert_plain(&write_npz(&variables, suffix, folder.path())).unwrap());
        assert!(bundle == npz, "suffix '{suffix}'");
    }
}

#[test]
fn every_width_converts_verifies_and_survives_saving() {
    let folder = tempfile::tempdir().unwrap();
    for (w, a) in [(1, 1), (1, 2), (2, 3), (4, 4), (3, 8), (8, 1), (8, 8)] {
        let packed = convert_plain(&write_npz(&resnet20(w, a), ":0", folder.path())).unwrap();
        assert_eq!(packed.header.name, format!("cifar-resnet-20 {w}/{a}"));
        let model = add_golden(packed, &cpu()).unwrap();
        let path = folder.path().join("model.safetensors");
        model.save(&path).unwrap();
        let reopened = Model::open(&path).unwrap();
        assert_eq!(reopened.header(), model.header());
        let reports = verify(&cpu().prepare(&reopened).unwrap()).unwrap();
        assert!(reports.len() == 2 && reports.iter().all(|r| r.holds()), "{w}/{a}");
    }
}

#[test]
fn what_is_missing_unused_or_misshapen_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = |change: &dyn Fn(&mut Variables)| {
        let mut variables = resnet20(2, 2);
        change(&mut variables);
        let error = convert_plain(&write_npz(&variables, ":0", folder.path())).unwrap_err();
        assert_eq!(error.kind(), lq_infer::ErrorKind::BadCheckpoint);
        error.to_string()
    };
    let said = |text: &str, parts: &[&str]| parts.iter().for_each(|p| assert!(text.contains(p), "'{p}' in {text}"));
    let text = refuse(&|v| drop(v.remove("group1/block0/conv1/bn/beta")));
    said(&text, &["closest is cifar-resnet-20", "missing variables 'group1/block0/conv1/bn/beta' [32]"]);
    let text = refuse(&|v| drop(v.insert("what/is/this".into(), (vec![1], vec![1.0]))));
    said(&text, &["unused variables 'what/is/this'"]);
    let text = refuse(&|v| drop(v.insert("linear/b".into(), (vec![9], vec![0.0; 9]))));
    said(&text, &["wrong shapes: 'linear/b' is [9], expected [10]"]);
    let text = refuse(&|v| drop(v.remove("group0/block0/quant1/ActivationQuantization/basis")));
    said(&text, &["missing variables 'group0/block0/quant1/ActivationQuantization/basis' [2, 1]"]);
    let text = refuse(&|v| drop(v.remove("group2/block1/conv2/weight_quant/basis")));
    said(&text, &["missing variables 'group2/block1/conv2/weight_quant/basis' [2, 64]"]);
    let text = refuse(&|v| drop(v.insert("group0/block1/conv1/W".into(), (vec![3, 3, 16, 15], vec![0.1; 2160]))));
    said(&text, &["wrong shapes: 'group0/block1/conv1/W' is [3, 3, 16, 15], expected [3, 3, 16, 16]"]);
    assert!(!text.contains("bn"), "its neighbours are as they should be: {text}");
    let text = refuse(&|v| v.get_mut("conv0/W").unwrap().1[5] = f32::NAN);
    said(&text, &["'conv0/W' has NaN at 5"]);
    let text = refuse(&|v| v.get_mut("group0/bnlast/bn/variance/EMA").unwrap().1[3] = -1.0);
    said(&text, &["layer 'group0/bnlast/bn'", "variance of channel 3 is -1"]);
    let path = write_npz(&resnet20(2, 2), ":0", folder.path());
    let open = || Checkpoint::open(&path).unwrap();
    let arch = |arch: &str| ConvertOptions { arch: Some(arch.into()), ..Default::default() };
    said(&convert(&open(), &arch("vgg-small"), &|_, _| {}).unwrap_err().to_string(), &["it is not vgg-small"]);
    said(
        &convert(&open(), &arch("vgg-11"), &|_, _| {}).unwrap_err().to_string(),
        &["'vgg-11' is unknown; did you mean 'torch-vgg-11' or 'torch-vgg-11-bn'?"],
    );
    said(
        &convert(&open(), &arch("mobilenet"), &|_, _| {}).unwrap_err().to_string(),
        &["'mobilenet' is unknown (`lq-infer networks` lists all)"],
    );
    let labels = ConvertOptions { labels: Some(vec!["a".into()]), ..Default::default() };
    said(&convert(&open(), &labels, &|_, _| {}).unwrap_err().to_string(), &["1 label was given", "10 classes"]);
}

#[test]
fn networks_without_bases_of_a_kind_are_float_in_it() {
    let folder = tempfile::tempdir().unwrap();
    for (suffixes, name) in [
        (&["/ActivationQuantization/basis"][..], "cifar-resnet-20 2/32"),
        (&["/weight_quant/basis"], "cifar-resnet-20 32/3"),
    ] {
        let mut variables = resnet20(2, 3);
        variables.retain(|name, _| !suffixes.iter().any(|suffix| name.ends_with(suffix)));
        let packed = convert_plain(&write_npz(&variables, ":0", folder.path())).unwrap();
        assert_eq!(packed.header.name, name);
    }
}

#[test]
fn channels_that_are_never_used_do_no_harm() {
    // Dead channels (gamma 0, tiny variance) are common in trained networks.
    let folder = tempfile::tempdir().unwrap();
    let mut variables = resnet20(2, 2);
    for layer in ["conv0", "group0/block0/conv1", "group1/block1/conv2", "group2/bnlast"] {
        variables.get_mut(&format!("{layer}/bn/gamma")).unwrap().1[0] = 0.0;
        variables.get_mut(&format!("{layer}/bn/gamma")).unwrap().1[1] = -1e-20;
        variables.get_mut(&format!("{layer}/bn/variance/EMA")).unwrap().1[2] = 0.0;
        variables.get_mut(&format!("{layer}/bn/gamma")).unwrap().1[3] = 0.0;
        variables.get_mut(&format!("{layer}/bn/beta")).unwrap().1[3] = 0.0;
    }
    let model = Model::try_from(convert_plain(&write_npz(&variables, ":0", folder.path())).unwrap()).unwrap();
    let logits = cpu().prepare(&model).unwrap().logits(&Batch::Pixels(vec![77; 32 * 32 * 3]), &Default::default());
    assert!(logits.unwrap()[0].iter().all(|v| v.is_finite()));
}
