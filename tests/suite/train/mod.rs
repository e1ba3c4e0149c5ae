//! `lq-infer train`: small pictures in three classes to networks that tell them apart, the same bytes with any number of threads
//! and after interruptions, and what is refused.

#[cfg(unix)]
mod interrupted;
mod refused;

use crate::common::program::{command, run, stderr, stdout, text};
use crate::common::rng::Rng;
use image::{Rgb, RgbImage};
use lq_infer::Model;
use lq_infer::internals::convert::{CustomNetwork, GRAPH_VERSION};
use lq_infer::internals::graph::preprocess::{ChannelOrder, Filter, Normalize, Preprocess, Resize};
use lq_infer::internals::graph::{GraphBuilder, Ties, Weights};
use lq_infer::internals::tensor::{Shape, Window};
use lq_infer::internals::train::{Augment, Dataset, On, Schedule, Settings, Start, Subject, Trainer};
use std::path::{Path, PathBuf};

const SIZE: usize = 8;
const CLASSES: [&str; 3] = ["across", "down", "plain"];

/// A folder with `count` pictures of each class: stripes across, stripes down, and none, with noise.
fn pictures(count: usize, seed: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = Rng::new(seed);
    for (class, name) in CLASSES.iter().enumerate() {
        let own = folder.path().join(name);
        std::fs::create_dir(&own).unwrap();
        for number in 0..count {
            let base = rng.uniform(60.0, 160.0);
            let phase = (rng.uniform(0.0, 3.99)) as u32;
            let picture = RgbImage::from_fn(SIZE as u32, SIZE as u32, |x, y| {
                let stripe = [y + phase, x + phase, 0][class] % 4 < 2;
                let level = base + if class < 2 && stripe { 60.0 } else { 0.0 };
                Rgb([0, 1, 2].map(|_| (level + rng.uniform(-25.0, 25.0)).clamp(0.0, 255.0) as u8))
            });
            picture.save(own.join(format!("{number:03}.png"))).unwrap();
        }
    }
    folder
}

/// Two quantized convolutions between a float one and a dense layer, with a residual connection.
fn network() -> CustomNetwork {
    network_of(Weights::Planes { bits: 2 })
}

/// That network with such weights in its two convolutions in between.
fn network_of(planes: Weights) -> CustomNetwork {
    let mut b = GraphBuilder::new(Shape { h: SIZE, w: SIZE, c: 3 });
    let x = b.conv("first", b.input(), 8, Window::padded(3, 1, 1), Weights::Float);
    let x = b.bn_relu("first", x);
    let q = b.quantize("quant1", x, 2);
    let y = b.conv("second", q, 8, Window::padded(3, 1, 1), planes);
    let y = b.bn_relu("second", y);
    let y = b.quantize("quant2", y, 2);
    let y = b.conv("third", y, 8, Window::padded(3, 1, 1), planes);
    let y = b.batch_norm("third", y);
    let x = b.add("add", y, x);
    let x = b.bn_relu("last", x);
    let x = b.global_avg_pool("mean", x);
    b.dense("dense", x, 3, [1, 1]);
    let resize = Resize { shorter_edge: SIZE, filter: Filter::PillowBilinear, crop: [SIZE; 2], stretch: None };
    let normalize = Normalize::Channel { mean: [0.5; 3], std: [0.25; 3] };
    CustomNetwork {
        version: GRAPH_VERSION,
        name: "stripes".into(),
        graph: b.finish().unwrap(),
        preprocess: Preprocess { resize, channels: ChannelOrder::Rgb, normalize },
        labels: Vec::new(),
        weight_ties: Ties::Below,
    }
}

/// The file of that network.
fn graph_file(folder: &Path) -> PathBuf {
    let path = folder.join("net.json");
    std::fs::write(&path, serde_json::to_string(&network()).unwrap()).unwrap();
    path
}

fn arguments<'a>(graph: &'a Path, data: &'a Path, output: &'a Path, epochs: &'a str) -> Vec<&'a str> {
    let mut arguments =
        vec!["train", "--graph", text(graph), "--data", text(data), "-o", text(output), "--epochs", epochs];
    arguments.extend(["--batch", "16", "--lr", "0.05", "--augment", "none", "--device", "cpu"]);
    arguments
}

#[test]
fn a_folder_of_pictures_becomes_a_network() {
    let (data, validation, out) = (pictures(40, 1), pictures(20, 2), tempfile::tempdir().unwrap());
    let (graph, output, log) = (graph_file(out.path()), out.path().join("net.safetensors"), out.path().join("log"));
    let mut arguments = arguments(&graph, data.path(), &output, "15");
    arguments.extend(["--val", text(validation.path()), "--json", text(&log)]);
    let printed = run(&arguments);
    let (lines, told) = (stdout(&printed), stderr(&printed));
    assert!(printed.status.success(), "{told}");
    let plan = [
        "for 3 classes (across, down, plain)",
        "120 pictures to learn from, 60 held out; 15 epochs of 7 batches of 16",
    ];
    assert!(plan.iter().all(|part| told.contains(part)) && told.contains(" on the CPU, "), "{told}");
    let percent = |end: &str| -> f64 {
        let line =
            lines.lines().find(|line| line.contains(end)).unwrap_or_else(|| panic!("no line '{end}' in {lines}"));
        let words = line.strip_prefix("60 validation pictures: ").unwrap();
        words.split_once('%').unwrap().0.parse().unwrap()
    };
    assert!(percent("as trained") > 90.0 && percent("in integers") > 90.0, "{lines}{told}");
    assert!(lines.contains("third") && lines.contains("next: lq-infer --model"), "{lines}");
    assert!(told.contains("epoch 15: training loss "), "{told}");
    let log = std::fs::read_to_string(&log).unwrap();
    let last: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!((log.lines().count(), &last["epoch"]), (15, &serde_json::json!(15)));
    assert!(last["validation"]["accuracy"].as_f64().unwrap() > 0.9, "{last}");
    let curve = std::fs::read_to_string(output.with_extension("svg")).unwrap();
    assert!(curve.starts_with("<svg") && curve.contains("epoch 15: validation"), "{curve}");
    let model = Model::open(&output).unwrap();
    assert_eq!(model.header().labels, CLASSES);
    assert!(
        model.header().source.converter.contains("train, 15 epochs of batches of 16, lr 0.05"),
        "{:?}",
        model.header()
    );
    assert!(run(&["verify", text(&output), "--device", "cpu"]).status.success());
    // Neither is overwritten by the same command once more.
    let (whole, printed) = (std::fs::read(&output).unwrap(), run(&arguments));
    assert_eq!(printed.status.code(), Some(2));
    assert!(stderr(&printed).contains("holds a finished training of 15 epochs"), "{}", stderr(&printed));
    assert!(std::fs::read(&output).unwrap() == whole);
    // The state converts like any checkpoint, to the same parameters.
    let (state, again) = (output.with_extension("training.safetensors"), out.path().join("again.safetensors"));
    let printed = run(&["convert", text(&state), "--graph", text(&state), "-o", text(&again)]);
    assert!(printed.status.success(), "{}", stderr(&printed));
    let tensors = |path: &Path| {
        let model = Model::open(path).unwrap();
        let all = model.packed().params.tensors();
        all.iter().map(|(name, tensor)| (name.clone(), tensor.bytes().to_vec())).collect::<Vec<_>>()
    };
    assert!(tensors(&output) == tensors(&again), "the state converts to another network");
}

#[test]
fn a_float_network_is_a_start_and_a_teacher() {
    let (data, out) = (pictures(24, 3), tempfile::tempdir().unwrap());
    let at = |name: &str| out.path().join(name);
    let mut float = network_of(Weights::Float);
    float.graph = float.graph.without_quantizers().unwrap();
    let graph = at("float.json");
    std::fs::write(&graph, serde_json::to_string(&float).unwrap()).unwrap();
    let output = at("float.safetensors");
    let printed = run(&arguments(&graph, data.path(), &output, "12"));
    assert!(printed.status.success(), "{}", stderr(&printed));
    let state = output.with_extension("training.safetensors");
    let (graph, low) = (graph_file(out.path()), at("low.safetensors"));
    let mut arguments = arguments(&graph, data.path(), &low, "1");
    arguments.extend(["--from", text(&state), "--teacher", text(&state), "--warmup", "0"]);
    let printed = run(&arguments);
    assert!(printed.status.success(), "{}", stderr(&printed));
    // From random weights, one epoch of four steps would give a third.
    let told = stderr(&printed);
    let accuracy = told.split_once("validation loss").unwrap().1.split_once("accuracy ").unwrap().1;
    assert!(accuracy.split_once('%').unwrap().0.parse::<f64>().unwrap() > 60.0, "{told}");
}

fn settings(epochs: usize) -> Settings {
    Settings {
        epochs,
        batch: 16,
        rate: 0.05,
        schedule: Schedule::Cosine,
        warmup: 0.5,
        momentum: 0.9,
        decay: 1e-4,
        smoothing: 0.1,
        teacher: 0.0,
        augment: Augment::Shift,
        mirror: true,
        seed: 4,
    }
}

fn dataset(folder: &Path) -> Dataset {
    let files = CLASSES.iter().enumerate().flat_map(|(class, name)| {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(folder.join(name)).unwrap().map(|e| e.unwrap().path()).collect();
        paths.sort();
        paths.into_iter().map(move |path| (class, path))
    });
    Dataset::of_files(files.collect(), &network().preprocess.resize, true, &|_, _| {}).unwrap()
}

fn trainer(data: &Dataset) -> Trainer {
    let subject = Subject { network: network(), arch: None };
    Trainer::new(&On::Cpu, subject, settings(3), Start::Random, data).unwrap()
}

/// Trains to the end, with an interruption after step `interrupted`, and returns the state.
fn trained(data: &Dataset, file: &Path, interrupted: Option<usize>) -> Vec<u8> {
    let (mut trainer, mut steps) = (trainer(data), 0);
    while !trainer.is_done() {
        if interrupted == Some(steps) {
            trainer.save(file).unwrap();
            trainer = Trainer::resume(&On::Cpu, file, data).unwrap();
        }
        trainer.step(data).unwrap();
        steps += 1;
        if trainer.is_epoch_done(data) {
            trainer.end_epoch(None, data).unwrap();
        }
    }
    assert_eq!(steps, 3 * 4);
    trainer.save(file).unwrap();
    std::fs::read(file).unwrap()
}

#[test]
fn threads_and_interruptions_change_nothing() {
    let (folder, out) = (pictures(22, 5), tempfile::tempdir().unwrap());
    let (data, file) = (dataset(folder.path()), out.path().join("state.safetensors"));
    let expected = trained(&data, &file, None);
    for threads in 1..=3 {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| trained(&data, &file, None));
        assert!(found == expected, "another state with {threads} threads");
    }
    for step in 0..12 {
        let found = trained(&data, &file, Some(step));
        assert!(found == expected, "another state after an interruption before step {step}");
    }
}

#[test]
fn loss_that_is_no_number_names_the_layer() {
    let folder = pictures(8, 6);
    let data = dataset(folder.path());
    let subject = Subject { network: network(), arch: None };
    let mut trainer =
        Trainer::new(&On::Cpu, subject, Settings { rate: 1e30, warmup: 0.0, ..settings(9) }, Start::Random, &data)
            .unwrap();
    let error = (0..9).find_map(|_| {
        trainer.step(&data).err().or_else(|| {
            if trainer.is_epoch_done(&data) {
                trainer.end_epoch(None, &data).unwrap();
            }
            None
        })
    });
    let error = error.unwrap().to_string();
    assert!(error.contains("in epoch ") && error.contains("layer '") && error.contains("--lr"), "{error}");
}

#[test]
fn bits_from_one_to_eight_and_float_are_trained() {
    let (folder, out) = (pictures(8, 7), tempfile::tempdir().unwrap());
    for bits in ["1/1", "1/2", "3/4", "8/8", "2/32", "32/32"] {
        let output = out.path().join(format!("{}.safetensors", bits.replace('/', "-")));
        let arguments = [
            "train",
            "cifar-resnet-20",
            "--input-size",
            "8",
            "--bits",
            bits,
            "--data",
            text(folder.path()),
            "-o",
            text(&output),
            "--epochs",
            "1",
            "--batch",
            "8",
            "--device",
            "cpu",
        ];
        let printed = command(&arguments).output().unwrap();
        assert!(printed.status.success(), "{bits}: {}", stderr(&printed));
        let header = Model::open(&output).unwrap().header().clone();
        assert_eq!((header.network.as_str(), header.graph.classes()), ("cifar-resnet-20", 3));
        assert_eq!(header.graph.widths().to_string(), bits);
    }
}
