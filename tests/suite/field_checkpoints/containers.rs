//! What checkpoints come in: several files, directories, and files that are something else.

use super::{Files, converted, fixture, refused, resnet18, torch_file};
use crate::common::tensorpack::{Variables, write_bundle};
use crate::common::writers::{ZipEntry, f32_bytes, zip};
use lq_infer::internals::convert::{Checkpoint, CheckpointKind};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::path::PathBuf;

const NAME: &str = "torch-resnet-18-cifar10 2/2";

/// The two halves of a network's variables.
fn halves(variables: Variables) -> [Variables; 2] {
    let middle = variables.len() / 2;
    let mut numbered = variables.into_iter().enumerate();
    let first = numbered.by_ref().take(middle).map(|(_, variable)| variable).collect();
    [first, numbered.map(|(_, variable)| variable).collect()]
}

fn safetensors(variables: &Variables) -> Vec<u8> {
    let bytes: Vec<_> = variables.iter().map(|(name, (shape, data))| (name, shape.clone(), f32_bytes(data))).collect();
    let views =
        bytes.iter().map(|(name, shape, data)| (name, TensorView::new(Dtype::F32, shape.clone(), data).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

/// Writes two shards and their index into `folder`, and gives the index's path.
fn write_shards(files: &Files, folder: &str, extension: &str, variables: Variables) -> PathBuf {
    let mut map = serde_json::Map::new();
    for (half, number) in halves(variables).iter().zip(1..) {
        let file = format!("model-{number:05}-of-00002.{extension}");
        let bytes = match extension {
            "safetensors" => safetensors(half),
            _ => torch_file(&[("state_dict", half)], vec![]),
        };
        files.write(&format!("{folder}/{file}"), &bytes);
        map.extend(half.keys().map(|name| (name.clone(), file.clone().into())));
    }
    let index = serde_json::json!({ "metadata": { "total_size": 1 }, "weight_map": map });
    files.write(&format!("{folder}/model.{extension}.index.json"), index.to_string().as_bytes())
}

#[test]
fn shards_are_read_by_their_index_their_folder_and_one_of_them() {
    let files = Files::new();
    for (extension, kind) in [("safetensors", CheckpointKind::Safetensors), ("bin", CheckpointKind::Torch)] {
        let wrapped = resnet18().into_iter().map(|(name, v)| (format!("module.{name}"), v)).collect();
        for (variables, folder) in [(resnet18(), "plain"), (wrapped, "wrapped")] {
            let folder = format!("{folder}-{extension}");
            let index = write_shards(&files, &folder, extension, variables);
            for path in
                [index.clone(), files.path(&folder), index.with_file_name(format!("model-00002-of-00002.{extension}"))]
            {
                let checkpoint = Checkpoint::open(&path).unwrap();
                assert_eq!((checkpoint.kind(), checkpoint.path()), (kind, &*index), "{}", path.display());
                assert_eq!(converted(&path).unwrap().packed.header.name, NAME, "{}", path.display());
                assert!(checkpoint.includes(&index.with_file_name(format!("model-00001-of-00002.{extension}"))));
                let whole: Variables = resnet18();
                assert!(whole.iter().all(|(name, (_, data))| checkpoint.read_f32(name).unwrap() == *data));
            }
        }
    }
}

#[test]
fn shards_that_do_not_fit_their_index_are_refused() {
    let files = Files::new();
    let index = write_shards(&files, "a", "safetensors", resnet18());
    let first = "model-00001-of-00002.safetensors";
    let text = std::fs::read_to_string(&index).unwrap();
    let changed = |from: &str, to: &str, parts: &[&str]| {
        std::fs::write(&index, text.replace(from, to)).unwrap();
        refused(&index, parts);
    };
    changed(
        "\"fc.bias\"",
        "\"fc.other\"",
        &["\"fc.other\" is in \"model-00001-of-00002.safetensors\", where it is not"],
    );
    changed(first, "../model.safetensors", &["names \"../model.safetensors\", expected a file beside it"]);
    changed(first, "/etc/passwd", &["expected a file beside it"]);
    changed("weight_map", "weights", &["no index of shards", "missing field `weight_map`"]);
    std::fs::write(&index, &text).unwrap();
    std::fs::remove_file(index.with_file_name(first)).unwrap();
    refused(&index, &[first, "this shard is missing", "model.safetensors.index.json"]);
    std::fs::remove_file(&index).unwrap();
    let second = index.with_file_name("model-00002-of-00002.safetensors");
    refused(
        &second,
        &["one of 2 files of a state dict", "model.safetensors.index.json', which lists them, is missing"],
    );
}

#[test]
fn directories_are_read_or_named() {
    let files = Files::new();
    files.write("hub/config.json", b"{}");
    files.write("hub/model.safetensors", &safetensors(&resnet18()));
    assert_eq!(converted(&files.path("hub")).unwrap().packed.header.name, NAME);
    files.write("hub/pytorch_model.bin", &torch_file(&[("state_dict", &resnet18())], vec![]));
    refused(&files.path("hub"), &["several checkpoints (model.safetensors, pytorch_model.bin); name one"]);
    files.write("dcp/.metadata", b"\x80\x04");
    files.write("dcp/__0_0.distcp", b"PK\x03\x04");
    refused(&files.path("dcp"), &["a distributed PyTorch checkpoint", "dcp_to_torch"]);
    files.write("saved/saved_model.pb", b"\x08\x01");
    refused(&files.path("saved"), &["a TensorFlow SavedModel"]);
    files.write("other/readme.txt", b"x");
    refused(&files.path("other"), &["a directory with no 'checkpoint' file"]);
}

#[test]
fn a_moved_tensorflow_checkpoint_is_found_beside_its_state_file() {
    let files = Files::new();
    let index = write_bundle(&crate::convert::resnet20(2, 2), files.path("").as_path());
    let prefix = index.file_stem().unwrap().to_str().unwrap().to_owned();
    for named in [
        format!("/home/someone/train_log/x/{prefix}"),
        format!("train_log/{prefix}"),
        format!("C:\\\\Users\\\\someone\\\\{prefix}"),
        prefix.clone(),
    ] {
        let state = files.write("checkpoint", format!("model_checkpoint_path: \"{named}\"\n").as_bytes());
        for path in [state, files.path("")] {
            let name = converted(&path).map(|conversion| conversion.packed.header.name);
            assert_eq!(name.unwrap_or_else(|e| panic!("{named}: {e}")), "cifar-resnet-20 2/2", "{named}");
        }
    }
    let state = files.write("checkpoint", b"model_checkpoint_path: \"/home/someone/gone\"\n");
    refused(&state, &["'/home/someone/gone.index'", &format!("nor '{}'", files.path("gone.index").display())]);
}

/// The bytes of the file, and what its message must say.
fn is_named(files: &Files, name: &str, bytes: &[u8], parts: &[&str]) {
    refused(&files.write(name, bytes), parts);
}

#[test]
fn files_of_other_kinds_are_named_with_what_to_do() {
    let files = Files::new();
    let torch = torch_file(&[("state_dict", &resnet18())], vec![]);
    let archive =
        |names: &[&str]| zip(&names.iter().map(|name| ZipEntry::stored(name, b"x")).collect::<Vec<_>>(), false);
    refused(&fixture("containers/export.pt2"), &["a program of torch.export (.pt2)", "model.state_dict()"]);
    is_named(&files, "a.pt.gz", b"\x1f\x8b\x08\0\0\0\0\0", &["a gzip file", "`gunzip`"]);
    is_named(
        &files,
        "a.zip",
        &zip(&[ZipEntry::stored("plain.pt", &torch)], false),
        &["around \"plain.pt\"; unpack it"],
    );
    is_named(
        &files,
        "b.zip",
        &archive(&["run/model.index", "run/model.data-00000-of-00001"]),
        &["around \"run/model.index\""],
    );
    is_named(
        &files,
        "c.pt",
        &archive(&["m/data.pkl", "m/constants.pkl", "m/code/a.py"]),
        &["a TorchScript archive", "state_dict"],
    );
    is_named(&files, "d.pt2", &archive(&["serialized_exported_program.json"]), &["torch.export"]);
    is_named(&files, "e.pt", &archive(&["data.pkl", "data/0"]), &["unpacked and packed again"]);
    is_named(&files, "f.keras", &archive(&["config.json", "model.weights.h5"]), &["a Keras model"]);
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:a1a1\nsize 45060495\n";
    is_named(&files, "g.pt", pointer, &["a Git LFS pointer", "`git lfs pull`"]);
    is_named(&files, "h.pt", b"<!DOCTYPE html><html><title>Sign in</title>", &["a web page", "download"]);
    is_named(
        &files,
        "i.safetensors",
        b"{\"error\":\"Repository not found\"}",
        &["a JSON text", "Repository not found"],
    );
    is_named(&files, "j.pth", b"Not Found\n", &["a text that starts with \"Not Found\""]);
    is_named(&files, "k.onnx", b"\x08\x08\x12\x07pytorch\x1a\x052.1.0:", &["an ONNX model", "exported from"]);
    is_named(&files, "l.tflite", b"\x1c\0\0\0TFL3\x14\0", &["a TensorFlow Lite model"]);
    is_named(&files, "m.gguf", b"GGUF\x03\0\0\0", &["a GGUF file"]);
    is_named(&files, "n.h5", b"\x89HDF\r\n\x1a\n\0\0", &["an HDF5 file (Keras, .h5)", "save"]);
    is_named(
        &files,
        "o.distcp",
        &[torch.clone(), torch.clone()].concat(),
        &["distributed PyTorch checkpoint", "dcp_to_torch"],
    );
    is_named(&files, "p.pth", b"", &["an empty file"]);
    is_named(&files, "q.pdparams", b"\x80\x04]q\0.", &["torch.save"]);
}
