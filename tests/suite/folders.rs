//! Directories of pictures as people have them, classified and evaluated.

use crate::common::program::{fails, json_lines, run, stderr, stdout, text};
use std::fs::{copy, create_dir_all, write};
use std::path::Path;

const SHIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ship.png");
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/resnet20-cifar10-w2a2.safetensors");

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn ship(path: &Path) {
    create_dir_all(path.parent().unwrap()).unwrap();
    copy(SHIP, path).unwrap();
}

#[test]
fn hidden_files_are_skipped_and_counted() {
    let dir = folder();
    for name in ["b.png", "sub/c.JFIF", "folder.png/d.jpe", ".e.png", ".hidden/f.png"] {
        ship(&dir.path().join(name));
    }
    for name in ["._b.png", "Thumbs.db", "g.heic"] {
        write(dir.path().join(name), b"\0\x05\x16\x07").unwrap();
    }
    let output = run(&["--device", "cpu", "--json", "--model", MODEL, text(dir.path())]);
    let names: Vec<String> =
        json_lines(&output).iter().map(|line| line["input"].as_str().unwrap().to_owned()).collect();
    let ends = ["b.png", "folder.png/d.jpe", "sub/c.JFIF"].map(|name| text(&dir.path().join(name)).to_owned());
    assert_eq!(names, ends);
    assert!(stderr(&output).contains("skipped: 3 hidden, 1 HEIC, 1 not a picture"), "{}", stderr(&output));
}

#[test]
fn a_folder_without_pictures_says_what_it_holds() {
    let dir = folder();
    write(dir.path().join("a.heic"), "").unwrap();
    fails(&["--model", MODEL, text(dir.path())], 3, &["holds no picture", "jfif", "tiff", "skipped: 1 HEIC"]);
    create_dir_all(dir.path().join("ship")).unwrap();
    fails(&["eval", MODEL, text(dir.path())], 3, &["holds no picture"]);
}

#[test]
fn evaluation_goes_on_after_a_picture_that_cannot_be_read() {
    let dir = folder();
    for name in ["ship/1.png", "ship/2.png", "dog/3.png", "dog/._4.png", ".git/5.png"] {
        ship(&dir.path().join(name));
    }
    write(dir.path().join("ship/broken.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    write(dir.path().join("ship/x.avif"), b"").unwrap();
    let args = ["eval", MODEL, text(dir.path()), "--device", "cpu"];
    let output = run(&[&args[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let line: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&line["images"], &line["top1"]), (&3.into(), &(2.0 / 3.0).into()));
    assert_eq!(line["skipped"], serde_json::json!({ "hidden": 1, "AVIF": 1 }));
    assert_eq!(line["failed"].as_array().unwrap().len(), 1);
    assert!(line["failed"][0]["error"].as_str().unwrap().contains("truncated"), "{line}");
    assert_eq!(line["classes"][0]["label"], "dog");
    assert_eq!(line["confusion"], serde_json::json!([{ "class": 5, "predicted": 8, "images": 1 }]));
    assert_eq!((&line["mistakes"][0]["class"], &line["mistakes"][0]["predicted"]), (&"dog".into(), &"ship".into()));
    let output = run(&[&args[..], &["--per-class", "--confusion", "--mistakes"]].concat());
    let shown = stdout(&output);
    for part in ["1 more could not be read", "top-1  66.67%", "is \\ taken for", "3.png: dog, taken for ship (100.0%)"]
    {
        assert!(shown.contains(part), "{shown} lacks {part}");
    }
    let errors = stderr(&output);
    assert!(errors.contains("broken.png: ") && errors.contains("skipped: 1 hidden, 1 AVIF"), "{errors}");
}

#[test]
fn evaluation_of_the_bundled_model_by_number_and_limited() {
    let dir = folder();
    for name in ["8/1.png", "8/2.png", "5/3.png"] {
        ship(&dir.path().join(name));
    }
    let args = ["eval", text(dir.path()), "--device", "cpu", "--json"];
    let line = &json_lines(&run(&args))[0];
    assert_eq!((&line["images"], &line["classes"][1]["label"]), (&3.into(), &"ship".into()));
    let line = &json_lines(&run(&[&args[..], &["--limit", "2"]].concat()))[0];
    assert_eq!((&line["images"], &line["top1"]), (&2.into(), &0.5.into()));
}

#[test]
fn folders_without_a_class_are_told_how_to_be_named() {
    let dir = folder();
    ship(&dir.path().join("ship/1.png"));
    ship(&dir.path().join("n02123159/1.png"));
    fails(&["eval", MODEL, text(dir.path())], 3, &["named 'n02123159'", "numbers from 0 to 9", "airplane, automobile"]);
    let empty = folder();
    ship(&empty.path().join("1.png"));
    fails(&["eval", MODEL, text(empty.path())], 3, &["one folder per class"]);
}

#[test]
fn the_bundled_model_says_what_it_is_not_for() {
    let says = |args: &[&str]| stderr(&run(&[&["--device", "cpu", SHIP], args].concat()));
    let bundled = says(&[]);
    assert_eq!(bundled.lines().count(), 1, "{bundled}");
    assert!(bundled.contains("on cpu. It is a demonstration: it knows 10 classes at 32 x 32 pixels"), "{bundled}");
    assert_eq!(says(&["--model", MODEL]), "note: cifar-resnet-20 2/2 on cpu\n");
    assert_eq!(says(&["--model", MODEL, "--json"]), "");
    assert_eq!(says(&["-q"]), "");
}

#[test]
fn labels_and_preparation_are_set_on_a_packed_model() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    write(at("labels.txt"), (0..10).map(|n| format!("thing {n}\n")).collect::<String>()).unwrap();
    copy(MODEL, at("model.safetensors")).unwrap();
    let (model, labels) = (at("model.safetensors"), at("labels.txt"));
    let output = run(&["label", text(&model), text(&labels), "--resize", "36x40"]);
    assert!(stdout(&output).contains("10 labels") && stdout(&output).contains("stretched to 40x36"), "{output:?}");
    let line = &json_lines(&run(&["--model", text(&model), "--device", "cpu", "--json", SHIP]))[0];
    assert_eq!(line["top"][0]["label"], "thing 8");
    // Golden vectors are of pixels at the network's size: they stay, or are computed again.
    let golden = |path: &Path| json_lines(&run(&["inspect", "--json", text(path)]))[0]["golden"].clone();
    assert_eq!(golden(&model), golden(MODEL.as_ref()));
    let other = at("other.safetensors");
    let output = run(&["label", text(&model), "-o", text(&other), "--mean", "0.5", "--std", "0.25"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_ne!(golden(&other), golden(&model));
    assert!(run(&["verify", text(&other), "--device", "cpu"]).status.success());
    assert_eq!(json_lines(&run(&["inspect", "--json", text(&other)]))[0]["labels"][3], "thing 3");

    write(at("nine.txt"), "a\n".repeat(9)).unwrap();
    fails(&["label", text(&model), text(&at("nine.txt"))], 3, &["nine.txt", "9 labels", "10 classes"]);
    fails(&["label", text(&model)], 2, &["nothing to change"]);
    fails(&["label", text(&model), "--crop", "28"], 2, &["takes pictures of 32x32"]);
}

#[test]
fn conversion_takes_a_preparation_and_says_that_labels_are_missing() {
    let fixture = |name: &str| format!("{}/tests/fixtures/custom_net/{name}", env!("CARGO_MANIFEST_DIR"));
    let (weights, graph) = (fixture("float-ends.pt"), fixture("float-ends.json"));
    let dir = folder();
    let model = dir.path().join("net.safetensors");
    let convert = ["convert", &weights, "--graph", &graph, "-o", text(&model)];
    let prepare = ["--resize", "40x36", "--mean", "102,51,153", "--std", "51", "--scale", "1", "--channels", "bgr"];
    let output = run(&[&convert[..], &prepare].concat());
    assert!(output.status.success() && stderr(&output).contains("has no labels"), "{}", stderr(&output));
    let preprocess = json_lines(&run(&["inspect", "--json", text(&model)]))[0]["preprocess"].clone();
    let resize = serde_json::json!({
        "shorter_edge": 36, "filter": "pillow-bilinear", "crop": [32, 32], "stretch": [40, 36]
    });
    assert_eq!((&preprocess["resize"], &preprocess["channels"]), (&resize, &"bgr".into()));
    let normalize = serde_json::json!({ "kind": "channel", "mean": [0.6, 0.2, 0.4], "std": [0.2, 0.2, 0.2] });
    assert_eq!(preprocess["normalize"], normalize);
    assert!(run(&["verify", text(&model), "--device", "cpu"]).status.success());
    let refused = run(&[&convert[..], &["--resize", "20"]].concat());
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    // Without any of it, a stored model does not mention stretching: other versions read it.
    assert!(run(&convert).status.success());
    let plain = json_lines(&run(&["inspect", "--json", text(&model)]))[0]["preprocess"]["resize"].clone();
    assert!(plain.get("stretch").is_none(), "{plain}");
}
