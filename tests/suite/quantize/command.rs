//! `lq-infer quantize`: what it prints and writes, and what it refuses.

use crate::common::program::{command, fails, json_lines, run, stderr, stdout, text};
use crate::common::tensorpack::write_npz;
use crate::convert::resnet20;
use lq_infer::Model;
use std::path::{Path, PathBuf};

const SHIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ship.png");

/// A folder with a checkpoint of a float ResNet-20 of random weights, and two pictures in folders of classes.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let mut variables = resnet20(2, 2);
    variables.retain(|name, _| !name.contains("basis"));
    let checkpoint = write_npz(&variables, ":0", folder.path());
    for class in ["ship", "frog"] {
        std::fs::create_dir_all(folder.path().join("pictures").join(class)).unwrap();
        std::fs::copy(SHIP, folder.path().join("pictures").join(class).join("a.png")).unwrap();
    }
    (folder, checkpoint)
}

fn args<'a>(checkpoint: &'a Path, pictures: &'a Path, output: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["quantize", text(checkpoint), "--calibrate", text(pictures), "-o", text(output)];
    args.extend(["--epochs", "0"].iter().filter(|_| !more.contains(&"--epochs")));
    args.extend(more);
    args
}

#[test]
fn a_model_says_how_it_was_made() {
    let (folder, checkpoint) = folder();
    let (pictures, output) = (folder.path().join("pictures"), folder.path().join("q.safetensors"));
    let printed = run(&args(&checkpoint, &pictures, &output, &["--bits", "2/2,group2/*=3/32", "--seed", "7"]));
    assert!(printed.status.success(), "{}", stderr(&printed));
    let lines = stdout(&printed);
    assert!(lines.contains("group2/block2/conv2  3/32") && lines.contains("group0/block0/conv1  2/2"), "{lines}");
    let notes = stderr(&printed);
    assert!(notes.contains("few pictures to calibrate with (2)"), "{notes}");
    let start = "quantizing 18 layers of cifar-resnet-20 to 2/2,group2/*=3/32 with 2 pictures, mirrored as well";
    assert!(notes.contains(start), "{notes}");
    for part in [
        "\nfeedback  with codes",
        "the layers that cost most, by the error of their outputs: ",
        "on the calibration pictures, ",
        " of 2 have the same class as in float\nnext: lq-infer --model ",
    ] {
        assert!(lines.contains(part), "'{part}' is not in {lines}");
    }
    let model = Model::open(&output).unwrap();
    let header = model.header();
    assert_eq!((header.name.as_str(), header.network.as_str()), ("cifar-resnet-20 2,3/2", "cifar-resnet-20"));
    let made = &header.source.converter;
    let expected = "quantize --bits 2/2,group2/*=3/32 --method full --epochs 0, 2 pictures, --seed 7";
    assert!(made.ends_with(expected), "{made}");
    assert!(run(&["verify", text(&output), "--device", "cpu"]).status.success());
    let again = folder.path().join("again.safetensors");
    run(&args(&checkpoint, &pictures, &again, &["--bits", "2/2,group2/*=3/32", "--seed", "7"]));
    assert!(std::fs::read(&output).unwrap() == std::fs::read(&again).unwrap(), "a second run writes another file");
}

#[test]
fn json_has_layers_and_both_accuracies() {
    let (folder, checkpoint) = folder();
    let (pictures, output) = (folder.path().join("pictures"), folder.path().join("q.safetensors"));
    let more = ["--bits", "2/2", "--eval", text(&pictures), "--device", "cpu", "--json", "--epochs", "1"];
    let line = &json_lines(&run(&args(&checkpoint, &pictures, &output, &more)))[0];
    assert_eq!(line["layers"].as_array().unwrap().len(), 18);
    assert!(line["layers"][0]["outputs"]["last"].as_f64().unwrap() < 1.0, "{line}");
    assert_eq!(line["quantizers"][0]["basis"].as_array().unwrap().len(), 2);
    assert_eq!(line["evaluation"]["float"]["images"], 2);
    assert_eq!(line["evaluation"]["quantized"]["images"], 2);
    assert_eq!(line["agreement"]["pictures"], 2);
    // One picture twice: the logits do not vary.
    assert!(line["agreement"]["difference"].is_null(), "{line}");
    assert_eq!(line["bytes"].as_u64().unwrap(), std::fs::metadata(&output).unwrap().len());
    assert!(line["float_bytes"].as_u64().unwrap() > 1_000_000, "{line}");
}

/// A run that is interrupted in its work says so, and leaves nothing.
#[cfg(unix)]
#[test]
fn an_interrupt_says_that_nothing_was_written() {
    use std::io::{BufRead, BufReader};
    let (folder, checkpoint) = folder();
    let (pictures, output) = (folder.path().join("pictures"), folder.path().join("q.safetensors"));
    let arguments = args(&checkpoint, &pictures, &output, &["--bits", "2/2", "--epochs", "100000"]);
    let mut child = command(&arguments).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("quantizing 18 layers")));
    // SAFETY: the process is a child of this one and has not been waited for.
    assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGINT) }, 0);
    let said: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let expected = format!("lq-infer: error: interrupted; {} was not written", output.display());
    assert_eq!(said.last(), Some(&expected), "{said:?}");
    let mut left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, [checkpoint.file_name().unwrap(), "pictures".as_ref()]);
}

#[test]
fn bits_are_chosen_for_a_size_or_a_time() {
    let (folder, checkpoint) = folder();
    let (pictures, output) = (folder.path().join("pictures"), folder.path().join("q.safetensors"));
    let size = ["--bits", "5/2", "--auto", "--size", "90kB", "--json"];
    let line = &json_lines(&run(&args(&checkpoint, &pictures, &output, &size)))[0];
    let layers = line["automatic"]["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 18);
    assert!(layers.iter().all(|layer| layer["bits"].as_str().unwrap().ends_with("/2")), "{layers:?}");
    let bytes = std::fs::metadata(&output).unwrap().len();
    assert!((80_000..=90_000).contains(&bytes), "{bytes}");
    let made = Model::open(&output).unwrap().header().source.converter.clone();
    assert!(made.contains("quantize --bits 5/2 --auto --size 90000 --method full"), "{made}");
    let time = ["--bits", "3/3", "--auto", "--time", "0.8", "--gpu", "h100", "--batch", "256", "--method", "fast"];
    let printed = run(&args(&checkpoint, &pictures, &output, &time));
    assert!(printed.status.success(), "{}", stderr(&printed));
    assert!(stdout(&printed).contains("us at the widest widths), expected loss"), "{}", stdout(&printed));
    for (more, code, part) in [
        (&["--auto"][..], 2, "--size"),
        (&["--bits", "2/2", "--size", "90kB"], 2, "--auto"),
        (&["--auto", "--size", "90kB", "--time", "0.5"], 2, "cannot be used with"),
        (&["--auto", "--size", "9kB"], 2, "as narrow as can be"),
        (&["--bits", "2/2", "--auto", "--time", "0.01"], 2, "as narrow as can be"),
        (&["--auto", "--time", "0.5", "--gpu", "abacus"], 2, "rx-6800"),
    ] {
        fails(&args(&checkpoint, &pictures, &output, more), code, &[part]);
    }
}

#[test]
fn what_cannot_be_quantized_is_refused() {
    let (folder, checkpoint) = folder();
    let at = |name: &str| folder.path().join(name);
    let (pictures, output) = (at("pictures"), at("q.safetensors"));
    let refused = |pictures: &Path, output: &Path, more: &[&str], code: i32, parts: &[&str]| {
        fails(&args(&checkpoint, pictures, output, more), code, parts);
    };
    refused(&pictures, &output, &["--bits", "2"], 2, &["'2': give two numbers, weights/activations, as in 4/4"]);
    refused(&pictures, &output, &["--bits", "9/2"], 2, &["weights may have 1 to 8 bits, or 32 for float, not '9'"]);
    let nowhere = at("nowhere").join("q.safetensors");
    refused(&pictures, &nowhere, &["--bits", "2/2"], 2, &["q.safetensors: the folder", "nowhere does not exist"]);
    refused(&pictures, &output, &["--bits", "2/2,nothing*=3/3"], 2, &["'nothing*'", "conv0"]);
    refused(&pictures, &output, &["--bits", "32/32"], 2, &["nothing to quantize"]);
    refused(&pictures, &checkpoint, &["--bits", "2/2"], 2, &[".npz"]);
    refused(&at("none"), &output, &["--bits", "2/2"], 3, &["none: ", "does not exist; give a folder of pictures"]);
    refused(Path::new(SHIP), &output, &["--bits", "2/2"], 3, &["ship.png: ", "is a file; give a folder of pictures"]);
    std::fs::write(at("one.txt"), "cat\n").unwrap();
    let labels = ["--bits", "2/2", "--labels", text(&at("one.txt"))].map(str::to_owned);
    let labels = labels.each_ref().map(String::as_str);
    refused(&pictures, &output, &labels, 3, &["one.txt: ", "holds 1 label, the network has 10 classes"]);
    std::fs::create_dir(at("empty")).unwrap();
    refused(&at("empty"), &output, &["--bits", "2/2"], 3, &["holds no picture"]);
    std::fs::create_dir(at("broken")).unwrap();
    std::fs::write(at("broken").join("a.png"), "no picture").unwrap();
    refused(&at("broken"), &output, &["--bits", "2/2"], 3, &["a.png"]);
    assert!(!output.exists());
    // A checkpoint that is quantized already.
    std::fs::create_dir(at("low")).unwrap();
    let low = write_npz(&resnet20(2, 2), ":0", &at("low"));
    fails(&args(&low, &pictures, &output, &["--bits", "2/2"]), 2, &["quantized already", "`lq-infer convert`"]);
}
