//! The checkpoints of the data, converted.

use super::{cpu, shared};
use crate::common::npz::read_npz;
use lq_infer::internals::backend::Control;
use lq_infer::internals::convert::{Checkpoint, ConvertOptions, convert};
use lq_infer::internals::format::npy::NpyData;
use lq_infer::internals::session::add_golden;
use lq_infer::{Batch, PrepareOptions};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

pub fn both_kinds_of_checkpoint_give_the_same_model() {
    let shared = shared();
    let reference = cpu();
    for network in ["resnet20-cifar10-w2a2", "vgg-small-w2a2-A"] {
        let folder = shared.join("checkpoints").join(network);
        let bytes = |path: PathBuf| {
            let mut packed =
                convert(&Checkpoint::open(&path).unwrap(), &ConvertOptions::default(), &|_, _| {}).unwrap().packed;
            packed.header.source = lq_infer::internals::format::Provenance {
                kind: String::new(),
                file: String::new(),
                sha256: String::new(),
                converter: String::new(),
            };
            let model = add_golden(packed, &reference).unwrap();
            let out = tempfile::tempdir().unwrap();
            model.save(out.path().join("m")).unwrap();
            std::fs::read(out.path().join("m")).unwrap()
        };
        assert!(bytes(folder.clone()) == bytes(folder.join("params.npz")), "{network} differs");
    }
}

pub fn a_conversion_keeps_its_bytes() {
    let path = shared().join("checkpoints/resnet20-cifar10-w2a2");
    let packed = convert(&Checkpoint::open(&path).unwrap(), &ConvertOptions::default(), &|_, _| {}).unwrap().packed;
    let model = add_golden(packed, &cpu()).unwrap();
    let out = tempfile::tempdir().unwrap();
    model.save(out.path().join("m")).unwrap();
    let found = Sha256::digest(std::fs::read(out.path().join("m")).unwrap());
    let found: String = found.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(found, "2d06f285015364d24f8e007b249a230deddf158f07779fa9a0db569213503984");
}

pub fn the_trained_network_agrees_with_its_float64_evaluation() {
    let shared = shared();
    let file = std::fs::read(shared.join("data/cifar10-test-2000.npy")).unwrap();
    let (_, NpyData::U8(pixels)) = lq_infer::internals::format::npy::read(&file).unwrap() else { panic!("not uint8") };
    let reference = read_npz(&shared.join("checkpoints/resnet20-cifar10-w2a2/reference.npz"));
    let NpyData::F64(expected) = &reference["logits"].1 else { panic!("not float64") };
    let checkpoint = Checkpoint::open(&shared.join("checkpoints/resnet20-cifar10-w2a2")).unwrap();
    let packed = convert(&checkpoint, &ConvertOptions::default(), &|_, _| {}).unwrap().packed;
    let model = add_golden(packed, &cpu()).unwrap();
    let net = cpu().prepare_with(&model, PrepareOptions { max_batch: 64, ..Default::default() }).unwrap();
    let logits = net.logits(&Batch::Pixels(pixels), &Control::default()).unwrap();
    let mut errors = Vec::new();
    let mut agreeing = 0;
    for (found, expected) in logits.iter().zip(expected.chunks_exact(10)) {
        let best = |v: &[f64]| (0..v.len()).max_by(|&a, &b| v[a].total_cmp(&v[b]));
        let found: Vec<f64> = found.iter().map(|&v| f64::from(v)).collect();
        agreeing += usize::from(best(&found) == best(expected));
        let most = |v: &mut dyn Iterator<Item = f64>| v.fold(0f64, |m, x| m.max(x.abs()));
        let scale = most(&mut expected.iter().copied());
        errors.push(most(&mut found.iter().zip(expected).map(|(a, b)| a - b)) / scale);
    }
    errors.sort_by(f64::total_cmp);
    let median = errors[errors.len() / 2];
    println!("{agreeing} of {} predictions agree, median relative logit error {median:e}", errors.len());
    assert_eq!(errors.len(), 2000);
    assert!(agreeing >= 1998, "only {agreeing} predictions agree");
    assert!(median < 1e-6, "median relative logit error {median:e}");
}
