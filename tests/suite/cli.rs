//! The command line's contract: output, streams, exit codes.

use crate::common::program::{command, fails, json_lines, run, stderr, stdout, text};
use crate::common::writers::npy;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Output, Stdio};

const SHIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ship.png");
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/resnet20-cifar10-w2a2.safetensors");

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn write(path: PathBuf, bytes: &[u8]) -> PathBuf {
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_picture_is_classified_on_the_cpu() {
    let output = run(&["--device", "cpu", "-q", SHIP]);
    assert!(output.status.success());
    assert!(stdout(&output).contains("100.0%  ship"), "{}", stdout(&output));
    assert_eq!(stderr(&output), "", "nothing but results");
}

#[test]
fn json_has_the_contracts_keys() {
    let lines = json_lines(&run(&["--device", "cpu", "--json", "--logits", "--top-k", "3", SHIP, SHIP]));
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0], lines[1]);
    let line = &lines[0];
    assert_eq!((&line["input"], &line["index"], &line["device"]), (&SHIP.into(), &0.into(), &"cpu".into()));
    assert_eq!(line["top"].as_array().unwrap().len(), 3);
    assert_eq!(line["top"][0]["label"], "ship");
    assert_eq!(line["top"][0]["class"], 8);
    assert!(line["top"][0]["probability"].as_f64().unwrap() > 0.9);
    assert_eq!(line["logits"].as_array().unwrap().len(), 10);
    assert_eq!(line["digest"].as_str().unwrap().len(), 64);
    let plain = &json_lines(&run(&["--device", "cpu", "--json", SHIP]))[0];
    assert!(plain.get("logits").is_none() && plain.get("digest").is_none());
}

#[test]
fn standard_input_directories_and_arrays_give_the_same_logits() {
    let digest = |output: &Output, i: usize| json_lines(output)[i]["digest"].as_str().unwrap().to_owned();
    let flags = ["--device", "cpu", "--json", "--logits"];
    let from_file = digest(&run(&[&flags[..], &[SHIP]].concat()), 0);

    let mut child = command(&[&flags[..], &["-"]].concat());
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&std::fs::read(SHIP).unwrap()).unwrap();
    assert_eq!(digest(&child.wait_with_output().unwrap(), 0), from_file);

    let dir = folder();
    std::fs::create_dir(dir.path().join("sub")).unwrap();
    std::fs::copy(SHIP, dir.path().join("sub/a.PNG")).unwrap();
    write(dir.path().join("notes.txt"), b"no picture");
    assert_eq!(digest(&run(&[&flags[..], &[text(dir.path())]].concat()), 0), from_file);

    // The pixels that the picture becomes at network size, twice, as an array.
    let model = lq_infer::Model::bundled().unwrap();
    let picture = lq_infer::internals::image::decode(&std::fs::read(SHIP).unwrap(), SHIP.as_ref()).unwrap();
    let pixels = lq_infer::internals::image::resize_and_crop(&picture, &model.header().preprocess.resize).unwrap().rgb;
    let array =
        write(dir.path().join("a.npy"), &npy("|u1", false, "(2, 32, 32, 3)", &[pixels.clone(), pixels].concat()));
    for batch in ["1", "2", "64"] {
        let output = run(&[&flags[..], &["--batch", batch, text(&array)]].concat());
        assert_eq!((digest(&output, 0), digest(&output, 1)), (from_file.clone(), from_file.clone()));
        assert_eq!(json_lines(&output)[1]["index"], 1);
    }
}

#[test]
fn tensors_are_taken_and_checked() {
    let dir = folder();
    let tensor = |x: f32| -> Vec<u8> { std::iter::repeat_n(x.to_le_bytes(), 32 * 32 * 3).flatten().collect() };
    let good = write(dir.path().join("good.npy"), &npy("<f4", false, "(1, 32, 32, 3)", &tensor(0.5)));
    assert!(run(&["--device", "cpu", text(&good)]).status.success());
    let far = write(dir.path().join("far.npy"), &npy("<f4", false, "(1, 32, 32, 3)", &tensor(100.0)));
    fails(&["--device", "cpu", text(&far)], 3, &["far.npy", "has 100 at pixel 0, channel 0", "takes -8.000 to 8.000"]);
    let nan = write(dir.path().join("nan.npy"), &npy("<f4", false, "(1, 32, 32, 3)", &tensor(f32::NAN)));
    fails(&["--device", "cpu", text(&nan)], 3, &["has NaN"]);
    let small = write(dir.path().join("small.npy"), &npy("|u1", false, "(1, 16, 16, 3)", &[0; 768]));
    fails(&["--device", "cpu", text(&small)], 3, &["[16, 16, 3]", "takes [32, 32, 3]"]);
    let double = write(dir.path().join("double.npy"), &npy("<f8", false, "(1, 1, 1, 1)", &[0; 8]));
    fails(&["--device", "cpu", text(&double)], 3, &["expected u8 pixels or f32 tensors"]);
}

#[test]
fn bad_inputs_are_named_and_the_others_still_run() {
    let dir = folder();
    let whole = std::fs::read(SHIP).unwrap();
    let truncated = write(dir.path().join("cut.png"), &whole[..whole.len() / 2]);
    let text_file = write(dir.path().join("text.png"), b"not a picture at all");
    let output = run(&["--device", "cpu", "-q", text(&truncated), SHIP, text(&text_file)]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stdout(&output).contains("ship 100.0%"));
    let errors = stderr(&output);
    assert!(errors.lines().count() == 2 && errors.contains("cut.png") && errors.contains("text.png"), "{errors}");
    fails(&["--device", "cpu", "no/such.png"], 3, &["no/such.png"]);
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    fails(&["--device", "cpu", text(&empty)], 3, &["holds no picture"]);
}

#[test]
fn bad_models_are_refused_in_one_line() {
    let dir = folder();
    let whole = std::fs::read(MODEL).unwrap();
    let cut = write(dir.path().join("cut.safetensors"), &whole[..whole.len() - 100]);
    fails(&["--model", text(&cut), SHIP], 3, &["cut.safetensors", "its header describes"]);
    fails(&["--model", SHIP, SHIP], 3, &["ship.png"]);
    fails(&["inspect", text(&cut)], 3, &["cut.safetensors"]);
    fails(&["verify", "nowhere.safetensors"], 3, &["nowhere.safetensors"]);
}

#[test]
fn wrong_usage_and_missing_devices_have_their_codes() {
    fails(&["--device", "nothing like this", SHIP], 4, &["no device matches 'nothing like this'", "0 cpu"]);
    fails(&["--device", "99", SHIP], 4, &["'99'"]);
    fails(&["--device", "", SHIP], 4, &["no device matches ''"]);
    fails(&["--top-k", "0", SHIP], 2, &["1 to 4096"]);
    fails(&["--frobnicate"], 2, &["--frobnicate"]);
    fails(&["--json"], 2, &["INPUT"]);
    assert_eq!(run(&[]).status.code(), Some(2));
    assert!(run(&["--help"]).status.success() && run(&["--version"]).status.success());
}

#[test]
fn models_without_preprocessing_refuse_pictures() {
    use lq_infer::internals::graph::preprocess::Normalize;
    let mut packed = lq_infer::Model::bundled().unwrap().packed().clone();
    packed.header.preprocess.normalize = Normalize::TensorOnly { range: 2.0 };
    packed.header.golden.clear();
    let dir = folder();
    let model = dir.path().join("tensors.safetensors");
    lq_infer::Model::try_from(packed).unwrap().save(&model).unwrap();
    let says = ["first layer's tensor only", "--mean-image"];
    fails(&["--model", text(&model), SHIP], 3, &says);
    let array = write(dir.path().join("a.npy"), &npy("|u1", false, "(1, 32, 32, 3)", &[9; 3072]));
    fails(&["--model", text(&model), text(&array)], 3, &says);
    std::fs::create_dir(dir.path().join("ship")).unwrap();
    fails(&["eval", text(&model), text(dir.path())], 3, &says);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let many = vec![SHIP; 200];
    let mut child = command(&[&["--device", "cpu", "-q"][..], &many].concat());
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn random_networks_are_verified_against_the_cpu() {
    let verify = |device: &str| {
        let output = run(&["verify", "--net", "cifar-resnet-20", "--bits", "1/1,2/2", "--device", device, "--json"]);
        assert!(output.status.success(), "{}", stderr(&output));
        json_lines(&output)
    };
    let lines = verify("cpu-portable");
    let models: BTreeSet<&str> = lines.iter().map(|line| line["model"].as_str().unwrap()).collect();
    let digests: BTreeSet<&str> = lines.iter().map(|line| line["found"].as_str().unwrap()).collect();
    assert!(models.len() == 2 && digests.len() == lines.len(), "{lines:?}");
    for (line, other) in lines.iter().zip(verify("cpu")) {
        assert_eq!((&line["holds"], &line["expected"]), (&true.into(), &line["found"]));
        assert_eq!((&line["device"], &other["device"]), (&"cpu-portable".into(), &"cpu".into()));
        assert_eq!(line["found"], other["found"]);
    }
    fails(&["verify", "--net", "nothing"], 2, &["'nothing' is unknown"]);
    fails(&["verify", "--bits", "1/1"], 2, &["--net"]);
    fails(&["verify", MODEL, "--net", "vgg-small"], 2, &["cannot be used with"]);
}

#[test]
fn verify_tells_right_from_wrong() {
    let output = run(&["verify", "--device", "cpu"]);
    assert!(output.status.success() && stdout(&output).lines().all(|l| l.starts_with("ok ")), "{}", stdout(&output));
    // One weight bit changed: the checksum tells.
    let dir = folder();
    let mut bytes = std::fs::read(MODEL).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let json: serde_json::Value = serde_json::from_slice(&bytes[8..header]).unwrap();
    let at = json["group0/block0/conv1/planes"]["data_offsets"][0].as_u64().unwrap() as usize;
    bytes[header + at] ^= 1;
    let damaged = write(dir.path().join("damaged.safetensors"), &bytes);
    fails(&["verify", text(&damaged), "--device", "cpu"], 3, &["damaged.safetensors", "is damaged"]);
    // A model whose golden vectors were made by something else: well-formed, but they do not hold.
    let mut packed = lq_infer::Model::bundled().unwrap().packed().clone();
    packed.header.golden[0].seed += 1;
    let other = dir.path().join("other.safetensors");
    lq_infer::Model::try_from(packed).unwrap().save(&other).unwrap();
    let output = run(&["verify", text(&other), "--device", "cpu"]);
    assert_eq!(output.status.code(), Some(5));
    assert!(stdout(&output).contains("DIFFERS"), "{}", stdout(&output));
}

#[test]
fn eval_counts_by_folder_name() {
    let dir = folder();
    for class in ["ship", "dog"] {
        std::fs::create_dir(dir.path().join(class)).unwrap();
        std::fs::copy(SHIP, dir.path().join(class).join("1.png")).unwrap();
    }
    let digest = |batch: &str| {
        let line =
            &json_lines(&run(&["eval", MODEL, text(dir.path()), "--device", "cpu", "--batch", batch, "--json"]))[0];
        assert_eq!((&line["images"], &line["top1"]), (&2.into(), &0.5.into()));
        line["digest"].as_str().unwrap().to_owned()
    };
    assert_eq!(digest("1"), digest("2"));
    std::fs::create_dir(dir.path().join("spaceship")).unwrap();
    fails(&["eval", MODEL, text(dir.path())], 3, &["no class of the model is named 'spaceship'"]);
}

#[test]
fn inspect_and_devices_print_tables_and_json() {
    let report = &json_lines(&run(&["inspect", "--json"]))[0];
    assert_eq!((&report["version"], &report["network"]), (&1.into(), &"cifar-resnet-20".into()));
    assert_eq!(report["tensors"].as_array().unwrap().len(), 85);
    let shown = stdout(&run(&["inspect", MODEL]));
    assert!(shown.contains("group2/block2/conv2") && shown.contains("2-bit weights"), "{shown}");
    let devices = json_lines(&run(&["devices", "--json"]));
    let cpus: Vec<&str> = devices.iter().filter(|d| d["api"] == "cpu").map(|d| d["name"].as_str().unwrap()).collect();
    assert_eq!((cpus[0], cpus.last()), ("cpu", Some(&"cpu-reference")));
    assert!(cpus[1..].iter().all(|name| name.starts_with("cpu-")), "{cpus:?}");
    assert!(stdout(&run(&["devices"])).contains("cpu-reference"));
}

#[test]
fn networks_of_ones_own_are_converted_and_their_variables_listed() {
    let fixture = |name: &str| format!("{}/tests/fixtures/custom_net/{name}", env!("CARGO_MANIFEST_DIR"));
    let (weights, graph) = (fixture("float-ends.pt"), fixture("float-ends.json"));
    let folder = folder();
    let model = folder.path().join("net.safetensors");
    let output = run(&["convert", &weights, "--graph", &graph, "-o", text(&model)]);
    assert!(output.status.success() && stdout(&output).contains("custom-net 1,2,3/2,3"), "{}", stderr(&output));
    let found = json_lines(&run(&["--model", text(&model), "--json", &fixture("float-ends-pictures.npy")]));
    assert_eq!(found.len(), 3);
    let listed = stdout(&run(&["names", "--graph", &graph]));
    let row = |line: &str| listed.lines().any(|l| l.split_whitespace().collect::<Vec<_>>().join(" ") == line);
    assert!(row("far_quant.basis [3] or [1, 3]") && row("block.weight [16, 4, 3, 3]"), "{listed}");
    let listed = stdout(&run(&["names", "resnet-18", "--weights", "3", "--activations", "32"]));
    assert!(listed.contains("group3.block1.conv2.basis") && listed.contains("[512, 3]"), "{listed}");
    fails(&["convert", SHIP, "--graph", &graph, "-o", text(&model)], 3, &["ship.png"]);
    fails(&["convert", &weights, "--graph", &weights, "-o", text(&model)], 3, &["float-ends.pt"]);
    fails(&["convert", &weights, "--graph", &graph, "--arch", "vgg-small", "-o", text(&model)], 2, &["--arch"]);
    fails(&["convert", &weights, "-o", text(&model)], 3, &["it holds no known network"]);
    fails(&["names", "vgg-11"], 2, &["network 'vgg-11' is unknown"]);
    fails(&["names", "vgg-small", "--weights", "9"], 2, &["9"]);
}
