//! What is refused, before anything is learned.

use super::{CLASSES, arguments, graph_file, pictures};
use crate::common::program::{fails, run, stderr, text};
use std::path::Path;

#[test]
fn pictures_from_which_nothing_can_be_learned_are_named() {
    let (data, out) = (pictures(3, 1), tempfile::tempdir().unwrap());
    let (graph, output) = (graph_file(out.path()), out.path().join("net.safetensors"));
    let at = |name: &str| out.path().join(name);
    let refused = |data: &Path, more: &[&str], code: i32, parts: &[&str]| {
        let mut all = arguments(&graph, data, &output, "1");
        if let Some(at) = all.iter().position(|argument| Some(argument) == more.first()) {
            all.drain(at..at + 2);
        }
        all.extend(more);
        fails(&all, code, parts);
    };
    refused(&at("nowhere"), &[], 3, &["nowhere"]);
    std::fs::create_dir_all(at("empty")).unwrap();
    refused(&at("empty"), &[], 3, &["empty", "one folder per class"]);
    std::fs::create_dir_all(at("hollow/cat")).unwrap();
    refused(&at("hollow"), &[], 3, &["cat", "holds no picture"]);
    std::fs::create_dir_all(at("one/cat")).unwrap();
    std::fs::copy(data.path().join("plain/000.png"), at("one/cat/a.png")).unwrap();
    refused(&at("one"), &[], 3, &["3 classes"]);
    // Validation pictures of an unknown class.
    std::fs::create_dir_all(at("val/bird")).unwrap();
    refused(data.path(), &["--val", text(&at("val"))], 3, &["bird", "across, down, plain"]);
    // A picture that is none.
    for class in CLASSES {
        std::fs::create_dir_all(at("broken").join(class)).unwrap();
        std::fs::copy(data.path().join(class).join("000.png"), at("broken").join(class).join("a.png")).unwrap();
    }
    std::fs::write(at("broken/down/b.png"), "no picture").unwrap();
    refused(&at("broken"), &[], 3, &["b.png"]);
    refused(data.path(), &["--lr", "0"], 2, &["learning rate (--lr) must be above 0"]);
    refused(data.path(), &["--lr", "-1"], 2, &["learning rate (--lr) must be above 0"]);
    refused(data.path(), &["--epochs", "0"], 2, &["--epochs"]);
    // Another network in float than the one to train.
    let other = at("other.safetensors");
    let float = ["train", "cifar-resnet-20", "--bits", "32/32", "--input-size", "8", "--epochs", "1"];
    let printed = run(&[&float[..], &["--data", text(data.path()), "-o", text(&other), "--device", "cpu"]].concat());
    assert!(printed.status.success(), "{}", stderr(&printed));
    let parts =
        ["other.training", "cifar-resnet-20 32/32 with 3 classes, which is not the network to train", "missing"];
    refused(data.path(), &["--from", text(&other.with_extension("training.safetensors"))], 3, &parts);
    refused(data.path(), &["--milestones", "3"], 2, &["--schedule steps"]);
    assert!(!output.exists());
}

#[test]
fn bits_that_a_network_does_not_have_are_refused() {
    let (data, out) = (pictures(3, 1), tempfile::tempdir().unwrap());
    let output = out.path().join("net.safetensors");
    let arguments = ["train", "resnet-18", "--data", text(data.path()), "-o", text(&output)];
    fails(&arguments, 2, &["resnet-18 has no quantizers of activations", "--bits 2/32"]);
}

#[test]
fn states_of_other_trainings_are_refused() {
    let (data, out) = (pictures(3, 1), tempfile::tempdir().unwrap());
    let (graph, output) = (graph_file(out.path()), out.path().join("net.safetensors"));
    let resume = |state: &Path, data: &Path, code: i32, parts: &[&str]| {
        let other = out.path().join("other.safetensors");
        fails(&["train", "--resume", text(state), "--data", text(data), "-o", text(&other)], code, parts);
    };
    let nothing = out.path().join("nothing.safetensors");
    resume(&nothing, data.path(), 3, &["nothing"]);
    let printed = run(&arguments(&graph, data.path(), &output, "1"));
    assert!(printed.status.success());
    resume(&output, data.path(), 3, &["no state of a training"]);
    let state = output.with_extension("training.safetensors");
    resume(&state, pictures(4, 1).path(), 3, &["other pictures"]);
    let more = ["train", "--resume", text(&state), "--data", text(data.path()), "-o", text(&output), "--lr", "0.3"];
    fails(&more, 2, &["--lr"]);
}
