//! Checkpoints as people have them: what a file says of itself is believed before guesses, and what cannot be converted is
//! named for what it is, with what to do.

mod containers;
mod evidence;
mod tensors;

use crate::common::tensorpack::Variables;
use crate::common::torch_files::{Object, Tensor, archive, dict, pickle};
use crate::common::writers::f32_bytes;
use lq_infer::ErrorKind;
use lq_infer::internals::convert::{Checkpoint, Conversion, ConvertOptions, convert};
use std::path::{Path, PathBuf};

/// A folder of files made by a test.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Files(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The tensors of a ResNet-18 of the ports, two bits of weights and activations.
fn resnet18() -> Variables {
    let checkpoint = Checkpoint::open(&fixture("torch_layouts/resnet18-cifar.pth")).unwrap();
    let floats = checkpoint.variables().iter().filter(|(_, variable)| variable.dtype == "float32");
    floats.map(|(name, v)| (name.clone(), (v.shape.clone(), checkpoint.read_f32(name).unwrap()))).collect()
}

/// The same without the bases of its quantizers.
fn without_bases() -> Variables {
    let mut variables = resnet18();
    variables.retain(|name, _| !name.ends_with("basis"));
    variables
}

/// Several state dicts with their keys, and what else the checkpoint's dict holds, as `torch.save` writes them.
fn torch_file(dicts: &[(&str, &Variables)], others: Vec<(&str, Object)>) -> Vec<u8> {
    let mut storages: Vec<(&'static str, Vec<u8>)> = Vec::new();
    let mut entries = Vec::new();
    for (key, variables) in dicts {
        let mut tensors = Vec::new();
        for (name, (shape, numbers)) in *variables {
            let storage: &'static str = Box::leak(storages.len().to_string().into_boxed_str());
            storages.push((storage, f32_bytes(numbers)));
            let shape: Vec<i64> = shape.iter().map(|&n| n as i64).collect();
            tensors.push((name.as_str(), Tensor::contiguous("FloatStorage", storage, &shape).object(false)));
        }
        entries.push((*key, dict(tensors)));
    }
    entries.extend(others);
    archive(&pickle(&dict(entries)), &storages)
}

fn converted(path: &Path) -> lq_infer::Result<Conversion> {
    convert(&Checkpoint::open(path)?, &ConvertOptions::default(), &|_, _| {})
}

/// The one line of the error of a checkpoint that is refused.
#[track_caller]
fn refusal(path: &Path) -> String {
    let error = converted(path).map(|c| c.packed.header.name).expect_err("it was converted");
    assert_eq!(error.kind(), ErrorKind::BadCheckpoint, "{error}");
    let text = error.to_string();
    assert!(!text.contains(char::is_control) && text.len() < 1500, "{text:?}");
    text
}

#[track_caller]
fn refused(path: &Path, parts: &[&str]) {
    let text = refusal(path);
    parts.iter().for_each(|part| assert!(text.contains(part), "expected '{part}' in '{text}'"));
}

/// The name of the model and the notes on its checkpoint.
fn name_and_notes(path: &Path) -> (String, String) {
    let conversion = converted(path).unwrap();
    (conversion.packed.header.name, conversion.notes.join("\n"))
}
