//! PyTorch checkpoints and safetensors: real files are read exactly, and hostile ones are refused.

mod files;
mod pickles;

use crate::common::torch_files::{Object, Tensor, archive, call, dict, legacy, pickle, text};
use crate::common::writers::{ZipEntry, f32_bytes, zip};
use lq_infer::internals::convert::readers::{Reader, torch::TorchFile};
use lq_infer::internals::convert::{Checkpoint, CheckpointKind};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/torch");

fn ramp(len: usize) -> Vec<f32> {
    (0..len).map(|i| i as f32 * 0.5 - 1.0).collect()
}

/// A tensor of six elements with key "0".
fn tensor() -> Tensor {
    Tensor::contiguous("FloatStorage", "0", &[2, 3])
}

/// A file with one tensor "x", and whatever else its dict holds.
fn file_with(tensor: &Tensor, others: Vec<(&str, Object)>) -> Vec<u8> {
    let entries = [vec![("x", tensor.object(false))], others].concat();
    archive(&pickle(&dict(entries)), &[("0", f32_bytes(&ramp(6)))])
}

/// The error of a file, which must come from parsing it or from reading "x".
fn problem(file: &[u8]) -> String {
    let read = TorchFile::parse(&file).and_then(|torch| torch.read_f32(&file, "x"));
    let problem = read.expect_err("a hostile file was read");
    assert!(!problem.contains(char::is_control) && problem.len() < 1000, "{problem:?}");
    problem
}

#[track_caller]
fn refused(file: &[u8], expected: &str) {
    let problem = problem(file);
    assert!(problem.contains(expected), "expected '{expected}' in '{problem}'");
}

/// What a real PyTorch wrote: file, then tensor, then shape and type.
fn listing() -> BTreeMap<String, BTreeMap<String, (Vec<usize>, String)>> {
    let mut files: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for line in std::fs::read_to_string(format!("{FOLDER}/listing.txt")).unwrap().lines() {
        let [file, tensor, shape, dtype] = *line.split(' ').collect::<Vec<_>>() else { panic!("{line}") };
        let shape = if shape == "-" { vec![] } else { shape.split('x').map(|n| n.parse().unwrap()).collect() };
        files.entry(file.to_owned()).or_default().insert(tensor.to_owned(), (shape, dtype.to_owned()));
    }
    files
}

#[test]
fn real_checkpoints_are_read_exactly() {
    let expected = crate::common::npz::read_npz(&Path::new(FOLDER).join("expected.npz"));
    let files = listing();
    assert_eq!(files.len(), 15);
    for (file, tensors) in files {
        let checkpoint = Checkpoint::open(&Path::new(FOLDER).join(&file)).unwrap();
        assert_eq!(checkpoint.kind(), kind_of(&file), "{file}");
        let found = checkpoint.variables();
        assert_eq!(found.keys().collect::<Vec<_>>(), tensors.keys().collect::<Vec<_>>(), "{file}");
        for (name, (shape, dtype)) in tensors {
            assert_eq!((&found[&name].shape, &found[&name].dtype), (&shape, &dtype), "{file}: {name}");
            let key = format!("{file}/{name}");
            if expected.contains_key(&key) {
                assert_eq!(
                    bits(&checkpoint.read_f32(&name).unwrap()),
                    bits(crate::common::npz::f32s(&expected, &key)),
                    "{key}"
                );
            } else {
                let error = checkpoint.read_f32(&name).unwrap_err().to_string();
                assert!(error.contains(&format!("'{name}' is of type {dtype}, expected float32")), "{error}");
            }
        }
    }
}

fn kind_of(file: &str) -> CheckpointKind {
    match file {
        _ if file.contains("legacy") => CheckpointKind::TorchLegacy,
        _ if file.ends_with(".safetensors") => CheckpointKind::Safetensors,
        _ => CheckpointKind::Torch,
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn real_checkpoints_without_a_usable_state_dict_say_so() {
    for (file, expected) in [
        ("several.pt", "several state dicts: 'net' ("),
        ("whole-model.pt", "\"model\" is a whole model, an object of \"__main__.Net\""),
        (
            "whole-model-legacy.pt",
            "a whole model, an object of \"__main__.Net\", which needs that class's code; save model.state_dict()",
        ),
        ("negated.pt", "variable \"x\": a lazily negated"),
    ] {
        let error = Checkpoint::open(&Path::new(FOLDER).join(file)).unwrap_err().to_string();
        assert!(error.contains(expected), "expected '{expected}' in '{error}'");
    }
}

#[test]
fn kinds_have_names() {
    let name = |kind: CheckpointKind| kind.to_string();
    assert_eq!(name(CheckpointKind::Torch), "PyTorch checkpoint");
    assert_eq!(name(CheckpointKind::TorchLegacy), "PyTorch checkpoint (legacy)");
    assert_eq!(name(CheckpointKind::Safetensors), "safetensors state dict");
}

#[test]
fn a_packed_model_is_no_checkpoint() {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/models/resnet20-cifar10-w2a2.safetensors");
    let error = Checkpoint::open(Path::new(model)).unwrap_err().to_string();
    assert!(error.contains("this is a packed model already"), "{error}");
}

/// An ordered dict of Python 2: made from a list of pairs, with strings as bytes.
fn python_2(tensor: Object) -> Vec<u8> {
    let pair = Object::List(vec![Object::Raw(b"U\x01x".to_vec()), tensor]);
    let machine_state = call("copy_reg", "_reconstructor", vec![Object::Global("__builtin__", "object")]);
    let state = call("collections", "OrderedDict", vec![Object::List(vec![pair])]);
    pickle(&dict(vec![("machine", machine_state), ("state_dict", state)]))
}

#[test]
fn files_of_old_versions() {
    let views = Tensor { view: Some(("1", 2, 3)), shape: vec![3], strides: vec![1], ..tensor() };
    let storages = [("0", 4, f32_bytes(&ramp(6)))];
    let file = legacy(&python_2(views.object(true)), &storages);
    let torch = TorchFile::parse(&file).unwrap();
    assert_eq!(torch.kind(), CheckpointKind::TorchLegacy);
    assert_eq!(torch.read_f32(&file, "x").unwrap(), ramp(6)[2..5]);

    let beyond = Tensor { view: Some(("1", 4, 3)), ..views };
    refused(&legacy(&python_2(beyond.object(true)), &storages), "a view of 3 elements at 4 of 6 stored");
    // Before version 0.4, tensors were rebuilt from four arguments.
    let Object::Call(_, arguments) = tensor().object(false) else { unreachable!() };
    let object = call("torch._utils", "_rebuild_tensor", arguments[..4].to_vec());
    let file = archive(&pickle(&dict(vec![("x", object)])), &[("0", f32_bytes(&ramp(6)))]);
    assert_eq!(TorchFile::parse(&file).unwrap().read_f32(&file, "x").unwrap(), ramp(6));
}

#[test]
fn the_state_dict_is_found() {
    let state = |name| dict(vec![(name, tensor().object(false))]);
    let epoch = || Object::Int(3);
    let names = |content: Object| {
        let torch = TorchFile::parse(&archive(&pickle(&content), &[("0", f32_bytes(&ramp(6)))]));
        torch.map(|torch| torch.variables().keys().cloned().collect::<Vec<_>>().join(" "))
    };
    assert_eq!(names(state("a")), Ok("a".into()));
    assert_eq!(names(dict(vec![("model", state("a")), ("epoch", epoch())])), Ok("a".into()));
    assert_eq!(names(dict(vec![("ema", state("a")), ("state_dict", state("b"))])), Ok("b".into()));
    // A tensor or two beside the state dict change nothing, nor do a few other values within it.
    let best = tensor().object(false);
    assert_eq!(names(dict(vec![("best", best.clone()), ("net", state("a"))])), Ok("a".into()));
    let two = |extra| dict(vec![("v", best.clone()), ("w", best.clone()), ("_extra_state", extra)]);
    assert_eq!(names(two(Object::None)), Ok("v w".into()));
    assert_eq!(names(two(state("a"))), Ok("v w".into()));
    let problem = names(dict(vec![("net", state("a")), ("ema", state("b"))])).unwrap_err();
    let several =
        "several state dicts: 'net' (1 tensors, 6 numbers), 'ema' (1 tensors, 6 numbers); choose one with --key";
    assert!(problem.contains(several), "{problem}");
    for (content, expected) in [
        (dict(vec![("epoch", epoch())]), "it is a dict (\"epoch\" is an int) without a state dict"),
        (Object::List(vec![]), "it is a list without a state dict"),
        (tensor().object(false), "it is an object of \"torch._utils._rebuild_tensor_v2\" without"),
        (call("mine", "Net", vec![]), "it is an object of \"mine.Net\" without"),
    ] {
        let problem = names(content).unwrap_err();
        assert!(problem.contains(expected), "{problem}");
    }
}

#[test]
fn objects_beside_the_tensors_are_stepped_over() {
    let namespace = call("argparse", "Namespace", vec![]);
    let built = Object::Built(Box::new(namespace), Box::new(dict(vec![("lr", Object::Float(0.1))])));
    // NEWOBJ of a class of one's own, with items as a list and as a dict, and a set.
    let own = Object::Raw(b"cmine\nThing\n)\x81(K\x01K\x02e(K\x01K\x02u".to_vec());
    let set = Object::Raw(b"\x8f(K\x01\x90".to_vec());
    let state = dict(vec![("x", tensor().object(false))]);
    let content = dict(vec![("args", built), ("own", own), ("set", set), ("state_dict", state)]);
    let file = archive(&pickle(&content), &[("0", f32_bytes(&ramp(6)))]);
    assert_eq!(TorchFile::parse(&file).unwrap().read_f32(&file, "x").unwrap(), ramp(6));
}

fn write(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn the_program_ends_with_code_3() {
    let folder = tempfile::tempdir().unwrap();
    let attack = call("os", "system", vec![text("touch touched")]);
    let attack = pickle(&dict(vec![("x", attack)]));
    let bomb = zip(&[ZipEntry::deflated("m/data.pkl", &vec![b'N'; 1 << 20])], false);
    let outside = zip(&[ZipEntry::stored("m/data.pkl", b""), ZipEntry::stored("../m", b"")], false);
    for (name, content, expected) in [
        ("attack.pt", archive(&attack, &[]), "\"os.system\", which can run code"),
        ("attack.pth", legacy(&attack, &[]), "\"os.system\", which can run code"),
        ("bomb.pt", bomb, "is compressed"),
        ("outside.pt", outside, "bad entry name"),
        ("pickle.pkl", pickle(&Object::None), "torch.save did not write"),
    ] {
        let path = write(folder.path(), name, &content);
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lq-infer"));
        let output = command.current_dir(&folder).arg("convert").arg(&path).args(["-o", "out"]).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{error}");
        assert!(error.contains(expected) && error.contains(name) && error.lines().count() == 1, "{error}");
    }
    assert!(!folder.path().join("touched").exists() && !folder.path().join("out").exists());
}
