//! `--profile`: the same results with a trace beside them, which has everything and nothing twice at the same time.

use crate::common::program::{fails, json_lines, run, stderr, stdout, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

const SHIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ship.png");
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/resnet20-cifar10-w2a2.safetensors");

/// A trace's spans `(name, begin, end)` by process and thread, both by name.
type Tracks = BTreeMap<(String, String), Vec<(String, f64, f64)>>;

fn read(path: &Path) -> Tracks {
    let trace: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(trace["displayTimeUnit"], "ms");
    let events = trace["traceEvents"].as_array().unwrap();
    let name = |kind: &str, event: &Value, keys: &[&str]| {
        let same = |other: &&Value| other["name"] == kind && keys.iter().all(|&key| other[key] == event[key]);
        let found = events.iter().find(same).unwrap_or_else(|| panic!("{event} has no {kind}"));
        found["args"]["name"].as_str().unwrap().to_owned()
    };
    let mut tracks = Tracks::new();
    for event in events.iter().filter(|event| event["ph"] == "X") {
        let key = (name("process_name", event, &["pid"]), name("thread_name", event, &["pid", "tid"]));
        let [begin, length] = ["ts", "dur"].map(|key| event[key].as_f64().unwrap());
        let spans = tracks.entry(key).or_default();
        spans.push((event["name"].as_str().unwrap().to_owned(), begin, begin + length));
    }
    for (track, spans) in &tracks {
        // A nanosecond for what is rounded in decimal fractions of a microsecond.
        let apart = spans.windows(2).all(|pair| pair[0].2 <= pair[1].1 + 1e-3);
        assert!(apart && spans.iter().all(|(_, begin, end)| *begin >= 0.0 && end >= begin), "{track:?}: {spans:?}");
    }
    tracks
}

fn names<'a>(tracks: &'a Tracks, process: &str, thread: &str) -> Vec<&'a str> {
    let found = tracks.iter().find(|((p, t), _)| p.contains(process) && t == thread);
    let (_, spans) = found.unwrap_or_else(|| panic!("no {thread} of {process} in {:?}", tracks.keys()));
    spans.iter().map(|(name, ..)| name.as_str()).collect()
}

fn profiled(args: &[&str], trace: &Path) -> (String, String, Tracks) {
    let output = run(&[args, &["--profile", text(trace)]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    (stdout(&output), stderr(&output), read(trace))
}

pub fn pictures_on_the_cpu() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.json");
    let args = ["--device", "cpu", "--batch", "2", "--json", "--logits", SHIP, SHIP, SHIP];
    let (results, told, tracks) = profiled(&args, &trace);
    assert_eq!(results, stdout(&run(&args)));
    assert_eq!(names(&tracks, "lq-infer", "host"), ["load", "open device", "decode", "decode"]);
    let host = names(&tracks, "on cpu", "host");
    assert_eq!(host, ["lower", "compile", "pack", "join", "pack", "join"]);
    let threads = tracks.iter().filter(|((process, thread), _)| process.contains("on cpu") && thread != "host");
    let steps: Vec<&str> = threads.flat_map(|(_, spans)| spans.iter().map(|(name, ..)| name.as_str())).collect();
    let once = steps.iter().filter(|&&name| name == steps[0]).count();
    assert_eq!((once % 3, steps.len() % 3), (0, 0), "three images: {steps:?}");
    // Each layer has a line, and there is one that says what the times are.
    assert!(steps.iter().all(|layer| told.lines().any(|line| line.starts_with(layer))), "{told}");
    assert!(told.contains("timed by the host's clock around each step"), "{told}");
    assert!(told.lines().any(|line| line.starts_with("all ") && line.ends_with("100.0%")), "{told}");
}

pub fn arrays_on_gpus() {
    let folder = tempfile::tempdir().unwrap();
    let [trace, array] = ["trace.json", "a.npy"].map(|name| folder.path().join(name));
    let pixels: Vec<u8> = (0..3 * 32 * 32 * 3).map(|i| ((i * 7919) >> 4) as u8).collect();
    let header = "(3, 32, 32, 3)";
    std::fs::write(&array, crate::common::writers::npy("|u1", false, header, &pixels)).unwrap();
    let args = ["--device", "gpu", "--batch", "2", "--json", "--logits", text(&array)];
    let (results, told, tracks) = profiled(&args, &trace);
    assert_eq!(results, stdout(&run(&args)));
    assert_eq!(names(&tracks, "lq-infer", "host"), ["load", "open device", "read", "read"]);
    let host = names(&tracks, "on", "host").join(" ");
    let batch = "pack upload wait readback join";
    assert_eq!(host.replace(" one by one", ""), format!("lower compile {batch} {batch}"));
    let device = names(&tracks, "on", "device");
    let (first, second) = device.split_at(device.len() / 2);
    assert!(!first.is_empty() && first == second, "{device:?}");
    assert!(first.iter().all(|layer| told.lines().any(|line| line.starts_with(layer))), "{told}");
    assert!(told.contains("timed by the "), "{told}");
}

pub fn eval_and_verify() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.json");
    let ships = folder.path().join("pictures/ship");
    std::fs::create_dir_all(&ships).unwrap();
    for name in ["a.png", "b.png", "c.png"] {
        std::fs::copy(SHIP, ships.join(name)).unwrap();
    }
    let pictures = folder.path().join("pictures");
    let args = ["eval", MODEL, text(&pictures), "--device", "cpu", "--batch", "2", "--json"];
    let digest = |text: &str| serde_json::from_str::<Value>(text).unwrap()["digest"].clone();
    let (result, _, tracks) = profiled(&args, &trace);
    assert_eq!(digest(&result), json_lines(&run(&args))[0]["digest"]);
    assert_eq!(names(&tracks, "on cpu", "host").iter().filter(|&&name| name == "join").count(), 2, "two batches");

    let args = ["verify", MODEL, "--device", "cpu-reference"];
    let (result, told, tracks) = profiled(&args, &trace);
    assert_eq!(result, stdout(&run(&args)));
    assert!(told.contains("on cpu-reference"), "{told}");
    // Golden vectors of pixels and of tensors: two programs.
    assert_eq!(names(&tracks, "on cpu-reference", "host").iter().filter(|&&name| name == "lower").count(), 2);
}

pub fn failures() {
    let folder = tempfile::tempdir().unwrap();
    let [trace, nowhere] = ["trace.json", "none/trace.json"].map(|name| folder.path().join(name));
    let output = run(&["--device", "cpu", SHIP, "--profile", text(&nowhere)]);
    // It is said before the work is done.
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()));
    assert!(stderr(&output).contains("none/trace.json"), "{}", stderr(&output));
    assert!(!nowhere.exists());
    // What was done until a failure is in the trace.
    fails(&["--device", "no-such-device", SHIP, "--profile", text(&trace)], 4, &["no-such-device"]);
    assert_eq!(names(&read(&trace), "lq-infer", "host"), ["load", "open device"]);
}
