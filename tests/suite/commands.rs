//! Commands around models: lists of networks, graph files, completions, and how much the program says.

use crate::common::program::{command, fails, json_lines, run, stderr, stdout, text};
use std::process::Output;

const SHIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ship.png");
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/resnet20-cifar10-w2a2.safetensors");

fn narrow(columns: &str, args: &[&str]) -> Output {
    command(args).env("COLUMNS", columns).output().unwrap()
}

#[test]
fn networks_are_listed_with_their_sizes() {
    let lines = json_lines(&run(&["networks", "--json"]));
    assert_eq!(lines.len(), lq_infer::internals::zoo::NETWORKS.len());
    let find = |id: &str| lines.iter().find(|line| line["id"] == id).unwrap();
    // torchvision says 11,689,512 parameters and 1.814 GMACs.
    let resnet = find("torch-resnet-18");
    assert_eq!((&resnet["parameters"], &resnet["macs"]), (&11_689_512.into(), &1_814_073_344u64.into()));
    assert_eq!((&resnet["classes"], &resnet["family"]), (&1000.into(), &"PyTorch".into()));
    assert_eq!(find("vgg-small")["input"], serde_json::json!([32, 32, 3]));
    assert_eq!(
        (&find("resnet-18")["activations"], &find("preact-resnet-18")["activations"]),
        (&false.into(), &true.into())
    );
    let table = stdout(&run(&["networks", "vgg"]));
    assert!(table.lines().skip(1).all(|line| line.contains("vgg")) && table.contains("torch-vgg-16-bn"), "{table}");
    fails(&["networks", "nothing-like-it"], 2, &["nothing-like-it"]);
}

#[test]
fn graph_files_of_networks_are_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.json");
    for id in ["cifar-resnet-20", "alexnet", "torch-resnet-18", "densenet-121", "resnet-18"] {
        let output = run(&["graph", id, "-o", text(&file)]);
        assert!(output.status.success(), "{id}: {}", stderr(&output));
        // The variables that a checkpoint needs are the same as those of the network itself.
        let [of_file, of_id] = [&["names", "--graph", text(&file)][..], &["names", id]].map(|args| stdout(&run(args)));
        assert!(of_file == of_id && of_id.lines().count() > 10, "{id}");
    }
    let printed = stdout(&run(&["graph", "vgg-small", "--classes", "7", "--weights", "3", "--activations", "1"]));
    let graph: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&graph["version"], &graph["name"]), (&1.into(), &"vgg-small".into()));
    assert_eq!(graph["labels"], serde_json::json!([]), "the labels of ten classes do not fit seven");
    std::fs::write(&file, &printed).unwrap();
    let names = stdout(&run(&["names", "--graph", text(&file)]));
    assert!(names.lines().any(|line| line.contains("[7, ")) && names.contains(", 3]"), "{names}");
    fails(&["graph", "vgg-smal"], 2, &["did you mean 'vgg-small'?"]);
}

#[test]
fn widths_are_never_ignored() {
    fails(&["names", "resnet-18", "--activations", "2"], 2, &["resnet-18", "float", "--activations 2"]);
    assert!(run(&["names", "resnet-18"]).status.success());
    fails(&["bench", "--bits", "1/1", "--quick"], 2, &["--net"]);
    fails(&["explain", "--bits", "1/1"], 2, &["--net"]);
    let output = run(&[
        "bench",
        "--quick",
        "--device",
        "cpu",
        "--net",
        "cifar-resnet-20",
        "--bits",
        "1/1,1/1",
        "--batch",
        "1,1",
    ]);
    assert_eq!(stdout(&output).lines().filter(|line| line.contains("cifar-resnet-20 1/1  ")).count(), 1, "each once");
}

#[test]
fn what_was_meant_is_said() {
    fails(&["bnech"], 2, &["'bnech'", "did you mean `lq-infer bench`?"]);
    fails(&["bench", "--net", "resnet18"], 2, &["did you mean 'resnet-18', 'torch-resnet-18' or 'preact-resnet-18'?"]);
    fails(&["--device", "vulcan", SHIP], 4, &["did you mean 'vulkan'?"]);
    fails(&["--model", SHIP, SHIP], 3, &["ship.png", "is a picture, no packed model"]);
    fails(&["inspect", text(std::path::Path::new(env!("CARGO_MANIFEST_DIR"))).trim_end()], 3, &["regular file"]);
    fails(&["export", "-o", "net.onnx"], 2, &["net.onnx", "safetensors"]);
    let folder = tempfile::tempdir().unwrap();
    let graph = folder.path().join("net.json");
    std::fs::write(&graph, "{\"version\": 1}").unwrap();
    fails(&["inspect", text(&graph)], 3, &["is text, no packed model"]);
}

#[test]
fn shells_and_man_get_their_files() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&run(&["completions", shell]));
        assert!(script.contains("lq-infer") && script.contains("compare"), "{shell}");
    }
    let page = stdout(&run(&["man"]));
    assert!(page.contains(".TH lq-infer 1") && page.contains("explain"), "{page}");
    assert!(stdout(&run(&["man", "bench"])).contains("baseline"));
    fails(&["man", "nothing"], 2, &["'nothing'"]);
}

#[test]
fn quiet_and_verbose() {
    let said = |args: &[&str]| stderr(&run(args));
    assert_eq!(said(&["-q", "--device", "cpu", SHIP]), "");
    let details = said(&["-v", "--device", "cpu", "--model", MODEL, SHIP]);
    assert!(details.contains("model: cifar-resnet-20 2/2") && details.contains("device: cpu"), "{details}");
    assert!(said(&["-v", "inspect", MODEL]).contains("model: "));
    assert_eq!(said(&["inspect", MODEL, "--quiet"]), "");
    fails(&["-q", "inspect", "nowhere.safetensors"], 3, &["nowhere.safetensors"]);
    assert!(stdout(&run(&["devices", "-v"])).contains("threads "));
}

#[test]
fn inspect_counts_as_others_do() {
    let report = &json_lines(&run(&["inspect", "--json"]))[0];
    assert_eq!(report["bytes"], std::fs::metadata(MODEL).unwrap().len());
    assert_eq!(report, &json_lines(&run(&["inspect", "--json", MODEL]))[0]);
    // conv 3x3 of 3->16, 6 of 16->16, 16->32, 5 of 32->32, 32->64, 5 of 64->64, 64->10 with biases, and batch norms.
    assert!((260_000..290_000).contains(&report["parameters"].as_u64().unwrap()), "{}", report["parameters"]);
    let shown = stdout(&run(&["inspect"]));
    assert!(shown.contains("bicubic as Pillow computes it") && !shown.contains("PillowBicubic"), "{shown}");
    assert!(shown.contains("MACs") && shown.contains("parameters"), "{shown}");
}

#[test]
fn devices_are_named_one_way_and_the_usual_one_marked() {
    let table = stdout(&run(&["devices"]));
    assert_eq!(
        table.lines().filter(|line| line.split_whitespace().next().is_some_and(|index| index.ends_with('*'))).count(),
        1 + 1
    );
    assert!(table.lines().last().unwrap().contains("what `auto` takes"), "{table}");
    let devices = json_lines(&run(&["devices", "--json"]));
    assert_eq!(devices.iter().filter(|device| device["auto"] == true).count(), 1);
    assert_eq!(devices[0]["id"], "cpu");
    let verified = stdout(&run(&["verify", "--device", "cpu"]));
    assert!(
        verified.contains(" cpu: ") && !verified.contains("cpu (cpu)") && !verified.contains("cpu:cpu"),
        "{verified}"
    );
    let checked = run(&["devices", "--check", "--device", "cpu"]);
    assert_eq!((stdout(&checked).as_str(), checked.status.code()), ("healthy  cpu\n", Some(0)));
    fails(&["devices", "--device", "no such"], 4, &["no such"]);
}

#[test]
fn tables_fit_narrow_terminals() {
    let record = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/record/2026-11-25-zen4.json");
    let commands: [&[&str]; 6] = [
        &["networks"],
        &["devices"],
        &["bench", "--compare", record],
        &["bench", "--compare", record, record],
        &["explain", "--device", "cpu"],
        &["inspect"],
    ];
    for args in commands {
        let output = narrow("60", args);
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        // Only a word that is longer than the terminal may leave it: a digest.
        let too_long = |line: &&str| line.chars().count() > 60 && line.split_whitespace().all(|word| word.len() < 50);
        assert_eq!(stdout(&output).lines().filter(too_long).collect::<Vec<_>>(), [""; 0], "{args:?}");
    }
}
