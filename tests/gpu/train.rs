//! Training on GPUs: gradients and steps against the CPU's, the same bits each time, states that go from one device to another,
//! and networks that learn.

use crate::common::devices::gpus;
use crate::common::rng::Rng;
use lq_infer::internals::backend::gpu::Gpu;
use lq_infer::internals::convert::{CustomNetwork, GRAPH_VERSION, convert_graph};
use lq_infer::internals::graph::preprocess::{ChannelOrder, Filter, Normalize, Preprocess, Resize};
use lq_infer::internals::graph::{ConvOptions, Encoding, Graph, GraphBuilder, NodeId, Op, Ties, Weights};
use lq_infer::internals::tensor::{Shape, Window};
use lq_infer::internals::train::{Augment, Dataset, On, Schedule, Settings, Start, Subject, Trainer};
use lq_infer::internals::zoo::{Uniform, find};
use lq_infer::{Checkpoint, ConvertOptions, Unquantized};
use std::collections::BTreeMap;
use std::path::Path;

/// Height and width of the pictures.
const SIZE: usize = 10;

fn on(gpu: &Gpu) -> On {
    On::Gpu(Box::new(gpu.clone()))
}

fn subject(graph: Graph, ties: Ties) -> Subject {
    let size = graph.input_shape().h;
    let resize = Resize { shorter_edge: size, filter: Filter::PillowBilinear, crop: [size; 2], stretch: None };
    let normalize = Normalize::Channel { mean: [0.5; 3], std: [0.25; 3] };
    let preprocess = Preprocess { resize, channels: ChannelOrder::Rgb, normalize };
    let (version, name, labels) = (GRAPH_VERSION, "test".to_owned(), Vec::new());
    let network = CustomNetwork { version, name, graph, preprocess, labels, weight_ties: ties };
    Subject { network, arch: None }
}

fn settings(epochs: usize, batch: usize) -> Settings {
    Settings {
        epochs,
        batch,
        rate: 0.05,
        schedule: Schedule::Cosine,
        warmup: 0.0,
        momentum: 0.9,
        decay: 0.0,
        smoothing: 0.1,
        teacher: 0.0,
        augment: Augment::None,
        mirror: true,
        seed: 4,
    }
}

/// Pictures in four classes, which differ in where they are bright, with noise.
fn dataset(folder: &Path, subject: &Subject, count: usize) -> Dataset {
    let mut rng = Rng::new(1);
    let mut record = |class: usize| {
        let mut bright = |at: usize| {
            let (y, x) = (at / 32 % 32, at % 32);
            let inside = [y < 16, y >= 16, x < 16, x >= 16][class];
            (rng.uniform(0.0, 140.0) + if inside { 110.0 } else { 0.0 }) as u8
        };
        let pixels: Vec<u8> = (0..3072).map(&mut bright).collect();
        [vec![class as u8], pixels].concat()
    };
    let bytes: Vec<u8> = (0..count).flat_map(|at| record(at % 4)).collect();
    let path = folder.join("data_batch_1.bin");
    std::fs::write(&path, bytes).unwrap();
    Dataset::of_cifar(&[path], &subject.network.preprocess.resize).unwrap()
}

fn float(bias: bool, groups: usize) -> ConvOptions {
    ConvOptions { weights: Weights::Float, bias, groups }
}

fn planes(bits: usize, groups: usize) -> ConvOptions {
    let weights = if bits == 0 { Weights::Float } else { Weights::Planes { bits } };
    ConvOptions { weights, bias: false, groups }
}

/// A network with every kind of layer in float: strides, dilation, groups, depthwise convolutions, pools that overlap, channels
/// that do not fill vectors, tensors that several layers read.
fn every_layer() -> Graph {
    let mut b = GraphBuilder::new(Shape { h: SIZE, w: SIZE - 1, c: 3 });
    let x = b.conv_with("stem", b.input(), 6, Window::padded(3, 1, 1), float(true, 1));
    let x = b.bn_relu("stem", x);
    let pooled = b.max_pool("max", x, Window::padded(3, 2, 1));
    let a = b.conv_with("grouped", pooled, 8, Window::padded(3, 2, 1), float(false, 2));
    let a = b.bn_relu("grouped", a);
    let a = b.conv_with("depthwise", a, 8, Window::padded(3, 1, 2).dilated(2), float(false, 8));
    let a = b.batch_norm("depthwise", a);
    let s = b.avg_pool("average", pooled, Window::valid(2, 1));
    let s = b.conv_with("shrink", s, 5, Window::same(3, 1, [4, 4]), float(true, 1));
    let s = b.push("edge", Op::AvgPool { window: Window::valid(1, 1) }, &[s]);
    let window = Window { stride: [3, 2], ..Window::padded(3, 2, 2).dilated(2) };
    let wide = b.conv_with("strided", pooled, 19, window, float(false, 1));
    let wide = b.relu("wide/relu", wide);
    let apart = b.conv_with("apart", pooled, 7, Window::valid(1, 2), float(false, 1));
    let long = b.conv_with("long", pooled, 9, Window { kernel: [2, 5], ..Window::padded(5, 1, 1) }, float(false, 1));
    let long = b.global_avg_pool("long/mean", long);
    let apart = b.conv_with("narrow", apart, 4, Window::same(2, 3, [3, 3]), float(false, 1));
    let apart = b.global_avg_pool("apart/mean", apart);
    let wide = b.global_avg_pool("wide/mean", wide);
    let a = b.global_avg_pool("branch", a);
    let s = b.global_avg_pool("short", s);
    let s = b.pad_channels_around("pad", s, 1, 8);
    let sum = b.add("sum", a, s);
    let sum = b.relu("sum/relu", sum);
    let all = b.concat("all", &[sum, wide, apart, long]);
    b.dense("last", all, 4, [1, 1]);
    b.finish().unwrap()
}

/// A network with quantizers of so many bits, grouped and dense, and a residual connection; with weights of 0 bits, float ones.
fn quantized(weights: usize, activations: usize, encoding: Encoding, ties: Ties) -> Graph {
    let quantize = |b: &mut GraphBuilder, name: &str, x: NodeId| {
        b.push(name, Op::Quantize { bits: activations, encoding, ties }, &[x])
    };
    let mut b = GraphBuilder::new(Shape { h: SIZE, w: SIZE, c: 3 });
    let x = b.conv_with("first", b.input(), 10, Window::padded(3, 1, 1), float(false, 1));
    let x = b.batch_norm("first", x);
    let x = if encoding == Encoding::ZeroOne { b.relu("first/relu", x) } else { x };
    let q = quantize(&mut b, "first/quant", x);
    let y = b.conv_with("second", q, 12, Window::padded(3, 2, 1), planes(weights, 2));
    let y = b.batch_norm("second", y);
    let y = quantize(&mut b, "second/quant", y);
    let y = b.conv_with("third", y, 12, Window::padded(3, 1, 1), planes(weights, 1));
    let y = b.batch_norm("third", y);
    let s = b.conv_with("short", q, 12, Window::valid(1, 2), planes(weights, 1));
    let x = b.add("add", y, s);
    let x = b.relu("last/relu", x);
    let x = b.avg_pool("mean", x, Window::valid(2, 2));
    b.dense("dense", x, 4, [2, 2]);
    b.finish().unwrap()
}

/// All tensors of a state.
fn tensors(path: &Path) -> BTreeMap<String, Vec<f32>> {
    let checkpoint = Checkpoint::open(path).unwrap();
    let names = checkpoint.variables().keys().cloned().collect::<Vec<_>>();
    names.into_iter().map(|name| (name.clone(), checkpoint.read_f32(&name).unwrap())).collect()
}

/// The state after so many steps. Without weight decay, the optimizer's averages after the first are the gradients.
fn state(on: &On, subject: &Subject, settings: &Settings, data: &Dataset, steps: usize, path: &Path) {
    let mut trainer = Trainer::new(on, subject.clone(), settings.clone(), Start::Random, data).unwrap();
    for _ in 0..steps {
        trainer.step(data).unwrap();
        if trainer.is_epoch_done(data) {
            trainer.end_epoch(None, data).unwrap();
        }
    }
    trainer.save(path).unwrap();
}

/// The GPUs, each as it is, like hardware, and with a submission for each dispatch.
fn machines() -> Vec<Gpu> {
    gpus().into_iter().flat_map(|gpu| [gpu.like_hardware(), gpu.with_images_at_once(0), gpu]).collect()
}

/// Compares one step on GPUs with the CPU's.
fn check_step(name: &str, subject: &Subject, batch: usize, limit: f64, machines: &[Gpu]) {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), subject, batch);
    let (own, other) = (folder.path().join("cpu"), folder.path().join("gpu"));
    let settings = settings(1, batch);
    state(&On::Cpu, subject, &settings, &data, 1, &own);
    let expected = tensors(&own);
    let largest = expected.iter().filter(|(name, _)| name.ends_with("momentum")).map(|(_, g)| norm(g));
    // Some gradients are 0 but for rounding: of what the next batch norm takes away.
    let nothing = 1e-3 * largest.fold(0.0, f64::max);
    for gpu in machines {
        state(&on(gpu), subject, &settings, &data, 1, &other);
        let found = tensors(&other);
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        let mut wrong = Vec::new();
        for (key, expected) in &expected {
            let apart: Vec<f32> = found[key].iter().zip(expected).map(|(a, b)| a - b).collect();
            let off = norm(&apart) / norm(expected).max(nothing);
            if off.is_nan() || off >= limit || found[key].len() != expected.len() {
                wrong.push(format!("{key} by {off:.2e}"));
            }
        }
        assert!(wrong.is_empty(), "{name} differs on {}: {wrong:#?}", gpu.info().name);
    }
}

fn norm(x: &[f32]) -> f64 {
    x.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt()
}

pub fn gradients_of_every_layer_are_those_of_the_cpu() {
    check_step("every layer", &subject(every_layer(), Ties::Below), 6, 1e-4, &machines());
}

pub fn quantizers_of_all_bits_learn_as_on_the_cpu() {
    let machines = machines();
    for bits in 1..=8 {
        let encoding = [Encoding::ZeroOne, Encoding::PlusMinus][bits % 2];
        let ties = [Ties::Below, Ties::Above][bits / 2 % 2];
        let graph = quantized(bits, 9 - bits, encoding, ties);
        let some: Vec<Gpu> = machines.iter().skip(bits % 3).step_by(3).cloned().collect();
        check_step(&format!("{bits} bits"), &subject(graph, ties), 6, 2e-3, &some);
    }
}

/// A number that lies on a threshold but for rounding gets another level on another device, so that whole networks with quantizers
/// agree less closely.
pub fn a_step_of_resnet20_is_that_of_the_cpu() {
    let graph = find("cifar-resnet-20").unwrap().build(&Uniform::bits(2, 2)).unwrap().graph;
    check_step("ResNet-20", &subject(graph, Ties::Below), 16, 2e-2, &gpus());
}

/// A small network that learns the pictures of `dataset` in a few epochs.
fn narrow() -> Subject {
    subject(quantized(2, 2, Encoding::ZeroOne, Ties::Below), Ties::Below)
}

/// Trains to the end, from `before` on if that is a state, and saves.
fn train(on: &On, data: &Dataset, settings: &Settings, before: Option<&Path>, steps: usize, path: &Path) -> Trainer {
    let mut trainer = match before {
        Some(state) => Trainer::resume(on, state, data).unwrap(),
        None => Trainer::new(on, narrow(), settings.clone(), Start::Random, data).unwrap(),
    };
    for _ in 0..steps {
        trainer.step(data).unwrap();
        if trainer.is_epoch_done(data) {
            trainer.end_epoch(None, data).unwrap();
        }
    }
    trainer.save(path).unwrap();
    trainer
}

pub fn a_device_gives_the_same_bytes_each_time_and_after_interruptions() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), &narrow(), 40);
    let at = |name: &str| folder.path().join(name);
    let settings = Settings { decay: 1e-4, ..settings(3, 16) };
    for gpu in gpus() {
        let on = on(&gpu);
        train(&on, &data, &settings, None, 6, &at("whole"));
        let expected = std::fs::read(at("whole")).unwrap();
        train(&on, &data, &settings, None, 6, &at("again"));
        assert!(std::fs::read(at("again")).unwrap() == expected, "another state on {}", gpu.info().name);
        for stop in [0, 1, 3] {
            train(&on, &data, &settings, None, stop, &at("part"));
            train(&on, &data, &settings, Some(&at("part")), 6 - stop, &at("rest"));
            let found = std::fs::read(at("rest")).unwrap();
            assert!(found == expected, "another state on {} after {stop} steps", gpu.info().name);
        }
    }
}

pub fn narrow_networks_learn_as_well_as_on_the_cpu_and_states_go_from_one_to_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), &narrow(), 200);
    let at = |name: &str| folder.path().join(name);
    let settings = Settings { decay: 1e-4, ..settings(8, 20) };
    let accuracy = |mut trainer: Trainer| trainer.evaluate(&data, &|_, _| {}).unwrap().score.accuracy;
    let expected = accuracy(train(&On::Cpu, &data, &settings, None, 80, &at("cpu")));
    assert!(expected > 0.9, "{expected}");
    for gpu in gpus() {
        let on = on(&gpu);
        let found = accuracy(train(&on, &data, &settings, None, 80, &at("gpu")));
        assert!((found - expected).abs() < 0.06, "{found} instead of {expected} on {}", gpu.info().name);
        // Half of the way on each; the same half gives nearly the same state.
        for (first, second) in [(&on, &On::Cpu), (&On::Cpu, &on)] {
            train(first, &data, &settings, None, 40, &at("half"));
            let found = accuracy(train(second, &data, &settings, Some(&at("half")), 40, &at("rest")));
            assert!((found - expected).abs() < 0.06, "{found} instead of {expected} with {}", gpu.info().name);
        }
        // What a GPU evaluates is what the CPU evaluates.
        let mut own = Trainer::resume(&On::Cpu, &at("gpu"), &data).unwrap();
        let mut same = Trainer::resume(&on, &at("gpu"), &data).unwrap();
        let [a, b] = [&mut own, &mut same].map(|trainer| trainer.evaluate(&data, &|_, _| {}).unwrap());
        let differ = a.classes.iter().zip(&b.classes).filter(|(a, b)| a != b).count();
        assert!(differ <= 2 && (a.score.loss - b.score.loss).abs() < 1e-2, "{differ} {:?} {:?}", a.score, b.score);
    }
}

pub fn a_teacher_teaches_as_on_the_cpu() {
    let folder = tempfile::tempdir().unwrap();
    let subject = narrow();
    let data = dataset(folder.path(), &subject, 16);
    let graph = quantized(0, 2, Encoding::ZeroOne, Ties::Below).without_quantizers().unwrap();
    let float = self::subject(graph, Ties::Below);
    let [teacher, own, other] = ["teacher.safetensors", "cpu", "gpu"].map(|name| folder.path().join(name));
    state(&On::Cpu, &float, &settings(4, 8), &data, 6, &teacher);
    let (checkpoint, network) = (Checkpoint::open(&teacher).unwrap(), CustomNetwork::read(&teacher).unwrap());
    let options = ConvertOptions { unquantized: Unquantized::Expected, ..ConvertOptions::default() };
    let packed = convert_graph(&checkpoint, &network, &options, &|_, _| {}).unwrap().packed;
    let settings = Settings { teacher: 0.7, ..settings(1, 16) };
    let gradients = |on: &On, path: &Path| {
        let mut trainer = Trainer::new(on, narrow(), settings.clone(), Start::Random, &data).unwrap();
        trainer.set_teacher(&packed).unwrap();
        trainer.step(&data).unwrap();
        trainer.save(path).unwrap();
        tensors(path)["training.dense.weight.momentum"].clone()
    };
    let expected = gradients(&On::Cpu, &own);
    for gpu in gpus() {
        let found = gradients(&on(&gpu), &other);
        let apart: Vec<f32> = found.iter().zip(&expected).map(|(a, b)| a - b).collect();
        assert!(norm(&apart) < 2e-3 * norm(&expected), "{}: {found:?} {expected:?}", gpu.info().name);
    }
}

pub fn loss_that_is_no_number_names_the_layer() {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), &narrow(), 40);
    for gpu in gpus() {
        let settings = Settings { rate: 1e30, ..settings(9, 16) };
        let mut trainer = Trainer::new(&on(&gpu), narrow(), settings, Start::Random, &data).unwrap();
        let mut step = || {
            trainer.step(&data)?;
            if trainer.is_epoch_done(&data) {
                trainer.end_epoch(None, &data)?;
            }
            Ok(())
        };
        let error = (0..9).find_map(|_| step().err()).map(|error: lq_infer::Error| error.to_string()).unwrap();
        assert!(error.contains("in epoch ") && error.contains("layer '") && error.contains("--lr"), "{error}");
    }
}

pub fn what_does_not_fit_is_refused_and_a_lost_device_leaves_the_last_state() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    for gpu in gpus() {
        let data = dataset(folder.path(), &narrow(), 40);
        let mut trainer = train(&on(&gpu), &data, &settings(3, 16), None, 1, &state);
        let kept = std::fs::read(&state).unwrap();
        gpu.lost_note()("unplugged");
        let error = trainer.step(&data).unwrap_err();
        assert!(matches!(&error, lq_infer::Error::DeviceLost { problem, .. } if problem == "unplugged"), "{error}");
        assert!(trainer.save(&state).is_err() && std::fs::read(&state).unwrap() == kept);
        Trainer::resume(&On::Cpu, &state, &data).unwrap().step(&data).unwrap();
    }
    // Wider than any buffer of a rasteriser.
    let mut b = GraphBuilder::new(Shape { h: SIZE, w: SIZE, c: 3 });
    let x = b.conv_with("wide", b.input(), 5000, Window::padded(3, 1, 1), float(false, 1));
    let x = b.global_avg_pool("mean", x);
    b.dense("dense", x, 4, [1, 1]);
    let wide = subject(b.finish().unwrap(), Ties::Below);
    for gpu in gpus().into_iter().filter(|gpu| gpu.info().limits.binding_bytes <= 1 << 27) {
        let data = dataset(folder.path(), &wide, 80);
        let error = Trainer::new(&on(&gpu), wide.clone(), settings(1, 80), Start::Random, &data).err().unwrap();
        let text = error.to_string();
        assert!(matches!(error, lq_infer::Error::DeviceLimit { .. }) && text.contains("'wide"), "{text}");
    }
}
