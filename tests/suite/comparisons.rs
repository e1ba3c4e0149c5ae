//! `lq-infer bench --compare`: two GPUs are told apart, and compared with their like.

use crate::common::program::{command, fails, run, stderr, stdout, text};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A report of a machine with a CPU and these GPUs, with images per second of each, made from a recorded one.
fn report(path: &Path, cpu: f64, gpus: &[(&str, f64)]) -> PathBuf {
    let record = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/record/2026-11-25-zen4.json");
    let mut report: Value = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
    let cell = report["cells"].as_array().unwrap().iter().find(|cell| !cell["warm"].is_null()).unwrap().clone();
    let device = report["devices"][0].clone();
    let (mut devices, mut cells) = (Vec::new(), Vec::new());
    for (name, api, rate) in [("cpu", "cpu", cpu)].into_iter().chain(gpus.iter().map(|gpu| (gpu.0, "vulkan", gpu.1))) {
        let (mut device, mut cell) = (device.clone(), cell.clone());
        cell["device"] = devices.len().into();
        cell["warm"]["images_per_second"] = rate.into();
        cell["warm"]["wall"]["spread"] = 0.01.into();
        cell["warm"]["noise"] = serde_json::json!([]);
        let id = if api == "cpu" { "cpu:cpu".to_owned() } else { format!("vulkan:10de:2504:{name}") };
        (device["id"], device["name"], device["api"]) = (id.into(), name.into(), api.into());
        devices.push(device);
        cells.push(cell);
    }
    (report["devices"], report["cells"]) = (devices.into(), cells.into());
    std::fs::write(path, report.to_string()).unwrap();
    path.to_owned()
}

fn two_machines(folder: &Path) -> [PathBuf; 2] {
    let old = report(&folder.join("workstation-old.json"), 50.0, &[("NVIDIA GeForce RTX 3060", 1000.0)]);
    let new = report(&folder.join("workstation-new.json"), 60.0, &[("NVIDIA GeForce RTX 3090", 2500.0)]);
    [old, new]
}

#[test]
fn two_gpus_are_told_apart_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let [old, new] = two_machines(folder.path());
    let [svg, html, json] = ["c.svg", "c.html", "c.json"].map(|name| folder.path().join(name));
    let arguments = ["bench", "--compare", text(&old), text(&new), "--svg", text(&svg), "--html", text(&html)];
    let arguments = [&arguments[..], &["--json", text(&json)]].concat();
    for columns in ["", "60", "80", "120", "200"] {
        let output = command(&arguments).env("COLUMNS", columns).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let table = stdout(&output);
        assert!(table.contains("RTX 3060") && table.contains("RTX 3090"), "{columns}: {table}");
        assert!(
            columns.is_empty() || table.lines().all(|line| line.chars().count() <= columns.parse().unwrap()),
            "{table}"
        );
    }
    for drawing in [&svg, &html] {
        let drawing = std::fs::read_to_string(drawing).unwrap();
        assert!(["3060 (vulkan)</text>", "3090 (vulkan)</text>"].iter().all(|label| drawing.contains(label)));
    }
    let json: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let ratios: Vec<&Value> = json["figures"].as_array().unwrap().iter().map(|figure| &figure["ratio"]).collect();
    assert_eq!(ratios, [1.0, 1.0, 1.2, 2.5], "a GPU is compared with a GPU");
    assert_eq!(json["figures"][3]["against"], "vulkan:10de:2504:NVIDIA GeForce RTX 3060");
}

#[test]
fn a_baseline_is_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let [old, new] = two_machines(folder.path());
    let compare = ["bench", "--compare", text(&old), text(&new), "--baseline"];
    let table = stdout(&run(&[&compare[..], &["cpu"]].concat()));
    let line = table.lines().find(|line| line.contains("3090")).unwrap();
    assert!(line.contains("50.000") && line.contains("faster") && line.trim_end().ends_with("cpu"), "{table}");
    fails(&[&compare[..], &["RTX 3090"]].concat(), 4, &["rtx 3090", "RTX 3060"]);

    // Two GPUs of one machine.
    let one =
        report(&folder.path().join("one.json"), 50.0, &[("NVIDIA RTX A2000", 800.0), ("NVIDIA RTX A6000", 2400.0)]);
    let table = stdout(&run(&["bench", "--compare", text(&one)]));
    let ratio = |table: &str, name: &str| {
        let line = table.lines().find(|line| line.contains(name)).unwrap();
        // The digest and the column of the float32 baseline follow.
        line.split_whitespace().rev().nth(2).unwrap().to_owned()
    };
    assert_eq!(["cpu", "A2000", "A6000"].map(|name| ratio(&table, name)), ["1.000", "1.000", "3.000"], "{table}");
    let table = stdout(&run(&["bench", "--compare", text(&one), "--baseline", "A6000"]));
    assert_eq!(["A2000", "A6000"].map(|name| ratio(&table, name)), ["0.333", "1.000"], "{table}");
}

#[test]
fn nothing_in_common_is_said_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let [old, new] = two_machines(folder.path());
    let mut other: Value = serde_json::from_slice(&std::fs::read(&new).unwrap()).unwrap();
    other["cells"].as_array_mut().unwrap().iter_mut().for_each(|cell| cell["batch"] = 64.into());
    std::fs::write(&new, other.to_string()).unwrap();
    let output = run(&["bench", "--compare", text(&old), text(&new)]);
    assert!(stderr(&output).contains("the same arguments of `lq-infer bench`"), "{}", stderr(&output));
}

#[test]
fn tables_are_printed_as_markdown() {
    let folder = tempfile::tempdir().unwrap();
    let [old, new] = two_machines(folder.path());
    let table = stdout(&run(&["bench", "--compare", text(&old), text(&new), "--markdown"]));
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("| model | size | params | batch | run | device | api |"), "{table}");
    assert!(lines[1].contains("---:") && lines[2..6].iter().all(|line| line.starts_with("| ") && line.ends_with(" |")));
    let bars = |line: &str| line.matches('|').count();
    assert!(lines[..6].iter().all(|line| bars(line) == bars(lines[0])), "{table}");
    assert!(lines[7].starts_with("* workstation-old: lq-infer "), "{table}");

    let measured = run(&["bench", "--quick", "--device", "cpu", "--markdown"]);
    let table = stdout(&measured);
    // The bundled model: a file of 121 kB, with 0.27 million parameters.
    assert!(table.contains("| 121.") && table.contains(" kB | 2"), "{table}");
}
