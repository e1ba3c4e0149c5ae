//! Training on GPUs: gradients and steps against the CPU's, the same bits each time, states that go from one device to another,
//! and networks that learn.

use crate::common::devices::gpus;
use crate::common::rng::Rng;
use lq_infer::Checkpoint;
use lq_infer::internals::backend::gpu::Gpu;
use lq_infer::internals::convert::{CustomNetwork, GRAPH_VERSION};
use lq_infer::internals::graph::preprocess::{ChannelOrder, Filter, Normalize, Preprocess, Resize};
use lq_infer::internals::graph::{ConvOptions, Encoding, Graph, GraphBuilder, NodeId, Op, Ties, Weights};
use lq_infer::internals::tensor::{Shape, Window};
use lq_infer::internals::train::{Augment, Dataset, On, Schedule, Settings, Start, Subject, Trainer};
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
    ConvOptions { weights: Weights::Planes { bits }, bias: false, groups }
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

/// A network with quantizers of so many bits, grouped and dense, and a residual connection.
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

/// The difference of two tensors as a share of the second.
fn apart(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let square = |x: f64| x * x;
    let off: f64 = found.iter().zip(expected).map(|(a, b)| square(f64::from(*a) - f64::from(*b))).sum();
    let size: f64 = expected.iter().map(|b| square(f64::from(*b))).sum();
    (off / size.max(1e-12)).sqrt()
}

/// Compares one step on every GPU with the CPU's.
fn check_step(name: &str, subject: &Subject, batch: usize, limit: f64) {
    let folder = tempfile::tempdir().unwrap();
    let data = dataset(folder.path(), subject, batch);
    let (own, other) = (folder.path().join("cpu"), folder.path().join("gpu"));
    let settings = settings(1, batch);
    state(&On::Cpu, subject, &settings, &data, 1, &own);
    let expected = tensors(&own);
    for gpu in gpus() {
        for gpu in [gpu.like_hardware(), gpu.with_images_at_once(0), gpu] {
            state(&on(&gpu), subject, &settings, &data, 1, &other);
            let found = tensors(&other);
            assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
            let largest = expected.iter().filter(|(name, _)| name.ends_with("momentum")).map(|(_, g)| norm(g));
            let scale = largest.fold(0.0, f64::max);
            let mut wrong = Vec::new();
            for (key, expected) in &expected {
                // Gradients of what the next batch norm takes away are 0, but for rounding.
                let nothing = key.ends_with("momentum") && norm(expected) < 1e-5 * scale;
                let off = if nothing { norm(&found[key]) / scale } else { apart(&found[key], expected) };
                if off.is_nan() || off >= limit {
                    wrong.push(format!("{key} by {off:.2e}"));
                }
            }
            assert!(wrong.is_empty(), "{name} differs on {}: {wrong:#?}", gpu.info().name);
        }
    }
}

fn norm(x: &[f32]) -> f64 {
    x.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt()
}

pub fn gradients_of_every_layer_are_those_of_the_cpu() {
    check_step("every layer", &subject(every_layer(), Ties::Below), 6, 1e-4);
}

pub fn quantizers_of_all_bits_learn_as_on_the_cpu() {
    for bits in 1..=8 {
        let encoding = [Encoding::ZeroOne, Encoding::PlusMinus][bits % 2];
        let ties = [Ties::Below, Ties::Above][bits / 2 % 2];
        let graph = quantized(bits, 9 - bits, encoding, ties);
        check_step(&format!("{bits} bits"), &subject(graph, ties), 6, 2e-3);
    }
}
