//! Quantization without training: narrow random networks through every step, and the program's command.

mod auto;
mod command;
mod layers;
mod twin;

use crate::common::rng::Rng;
use crate::common::tensorpack::variables;
use crate::narrow::{Bits as Widths, Narrow, converted, network, problem};
use lq_infer::internals::format::Packed;
use lq_infer::internals::graph::{Graph, Node, Op, Role, Weights};
use lq_infer::internals::quantize::{Method, Pictures, QuantizeOptions, Quantized, Tuning, kept_in_float, quantize};
use lq_infer::{Batch, DeviceSelector, Engine, Model, Result};
use std::collections::BTreeSet;
use std::ops::Range;

/// Random tensors.
pub struct Random {
    length: usize,
    count: usize,
}

impl Random {
    pub fn of(model: &Packed, count: usize) -> Self {
        Random { length: model.header.graph.input_shape().elements(), count }
    }
}

impl Pictures for Random {
    fn count(&self) -> usize {
        self.count
    }

    fn tensor(&self, index: usize) -> Result<Vec<f32>> {
        let mut rng = Rng::new(1000 + index as u64);
        Ok((0..self.length).map(|_| rng.uniform(-2.0, 2.0) as f32).collect())
    }
}

pub fn options(bits: &str, method: Method) -> QuantizeOptions {
    QuantizeOptions { bits: bits.parse().unwrap(), ends: false, method, mirror: false, seed: 0 }
}

/// A narrow network in float, with parameters that look trained.
fn float(id: &str, size: usize) -> Packed {
    let mut rng = Rng::new(size as u64);
    let widths = Narrow { bits: Widths::Uniform(None, None), size };
    let problem = problem(network(id).build(&widths).unwrap(), &mut rng);
    converted(&variables(&problem.graph, &problem.params, &mut rng), size).unwrap()
}

fn quantized(model: &Packed, bits: &str, method: Method) -> Quantized {
    let kept = kept_in_float(&model.header.network);
    quantize(model, &Random::of(model, 24), &options(bits, method), &kept, &|_, _, _| {}).unwrap()
}

/// The mean square of the difference of two models' logits, as a share of the variance of the first one's.
pub fn difference(float: &Packed, low: &Packed) -> f64 {
    // Pictures that were not seen.
    difference_for(float, low, 24..40)
}

fn difference_for(float: &Packed, low: &Packed, pictures: Range<usize>) -> f64 {
    let engine = Engine::builder().device(DeviceSelector::Cpu).build().unwrap();
    let random = Random::of(float, pictures.end);
    let tensors: Vec<f32> = pictures.flat_map(|at| random.tensor(at).unwrap()).collect();
    let logits = |packed: &Packed| {
        let net = engine.prepare(&Model::try_from(packed.clone()).unwrap()).unwrap();
        net.logits(&Batch::Tensor(tensors.clone()), &Default::default()).unwrap()
    };
    let (a, b) = (logits(float), logits(low));
    let mean = |class: usize| a.iter().map(|row| f64::from(row[class])).sum::<f64>() / a.len() as f64;
    let classes = 0..a[0].len();
    let spread: f64 = classes
        .clone()
        .flat_map(|c| a.iter().map(move |row| (c, row)))
        .map(|(c, row)| (f64::from(row[c]) - mean(c)).powi(2))
        .sum();
    let off: f64 = a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    off / spread
}

/// Bits of weights and of activations of each quantized convolution, 32 for float.
fn widths(graph: &Graph) -> Vec<(String, [usize; 2])> {
    let nodes = graph.nodes();
    let bits = |node: &Node| match node.op {
        Op::Quantize { bits, .. } => bits,
        Op::Conv { weights: Weights::Planes { bits }, .. } => bits,
        _ => 32,
    };
    let quantized = nodes.iter().filter(|node| matches!(node.op, Op::Conv { weights: Weights::Planes { .. }, .. }));
    quantized.map(|node| (node.name.clone(), [bits(node), bits(&nodes[node.inputs[0]])])).collect()
}

#[test]
fn more_bits_come_closer_to_the_float_network() {
    for (id, size) in [("cifar-resnet-20", 16), ("torch-resnet-18", 48), ("vgg-small", 16)] {
        let model = float(id, size);
        let off = |bits| difference(&model, &quantized(&model, bits, Method::FULL).packed);
        let all = ["8/8", "4/4", "2/2"].map(off);
        println!("{id}: {all:?}");
        assert!(all[0] < 0.04, "{id}: {all:?}");
        assert!(all.is_sorted(), "{id}: {all:?}");
        assert!(off("8/32") < 0.01, "{id}");
    }
}

#[test]
fn weights_fitted_to_outputs_are_better_than_nearest_ones() {
    let model = float("cifar-resnet-20", 16);
    let Quantized { report, .. } = quantized(&model, "2/2", Method::FULL);
    let fast = quantized(&model, "2/2", Method::FAST);
    assert_eq!(report.layers.len(), 18);
    for layer in &report.layers {
        let e = layer.outputs;
        assert!(e.fitted <= e.inputs && e.last <= e.nearest && e.last <= e.feedback * 1.01, "{layer:?}");
    }
    // With few bits for activations too, a network of random weights gives hardly more than noise, whatever the method.
    for (id, size) in [("cifar-resnet-20", 16), ("torch-resnet-18", 48)] {
        let model = float(id, size);
        let off = |method| difference(&model, &quantized(&model, "4/32", method).packed);
        let (full, fast) = (off(Method::FULL), off(Method::FAST));
        assert!(full < 0.8 * fast, "{id}: {full} {fast}");
    }
    assert!(fast.report.layers.iter().all(|layer| layer.bits == "2/2" && layer.outputs.last.is_nan()));
}

#[test]
fn tuning_brings_the_logits_closer() {
    let model = float("cifar-resnet-20", 16);
    let tuning = Some(Tuning { epochs: 12, ..Tuning::USUAL });
    let before = difference(&model, &quantized(&model, "2/2", Method::FULL).packed);
    let after = difference(&model, &quantized(&model, "2/2", Method { tuning, ..Method::FULL }).packed);
    println!("{before} {after}");
    assert!(after < before, "{before} {after}");
}

#[test]
fn the_report_agrees_with_what_the_engine_gives() {
    let model = float("cifar-resnet-20", 16);
    for tuning in [None, Some(Tuning { epochs: 1, ..Tuning::USUAL })] {
        let Quantized { packed, report } = quantized(&model, "4/4", Method { tuning, ..Method::FULL });
        let (told, found) = (report.agreement.difference.unwrap(), difference_for(&model, &packed, 0..24));
        println!("{told} {found}");
        assert!((told - found).abs() < 0.02 * found, "{told} {found}");
        assert!(report.agreement.pictures == 24 && (1..=24).contains(&report.agreement.same_class), "{report:?}");
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let model = float("cifar-resnet-20", 16);
    let tuning = Some(Tuning { epochs: 1, ..Tuning::USUAL });
    let bytes = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let quantized = pool.install(|| quantized(&model, "2/3", Method { tuning, ..Method::FULL }));
        let tensors = quantized.packed.params.tensors().iter();
        tensors.map(|(name, tensor)| (name.clone(), tensor.bytes().to_vec())).collect::<Vec<_>>()
    };
    let one = bytes(1);
    assert!(one == bytes(3), "three threads give other parameters than one");
}

#[test]
fn networks_have_quantizers_where_lq_nets_do() {
    for (id, size) in [("cifar-resnet-20", 16), ("vgg-small", 16), ("preact-resnet-18", 48)] {
        let graph = quantized(&float(id, size), "2/2", Method::FAST).packed.header.graph;
        let zoo = network(id).build(&Narrow { bits: Widths::Uniform(Some(2), Some(2)), size }).unwrap().graph;
        // Names of quantizers differ; what they read, and who reads them, does not.
        let places = |graph: &Graph| -> BTreeSet<(String, String)> {
            let node = |id: usize| &graph.nodes()[id];
            let convs = graph.nodes().iter().filter(|n| matches!(n.op, Op::Conv { .. }));
            let quantized = convs.filter(|n| matches!(node(n.inputs[0]).op, Op::Quantize { .. }));
            quantized.map(|n| (n.name.clone(), node(node(n.inputs[0]).inputs[0]).name.clone())).collect()
        };
        assert_eq!(places(&graph), places(&zoo), "{id}");
    }
}

#[test]
fn still_channels_give_sound_numbers() {
    let mut model = float("cifar-resnet-20", 16);
    // A batch norm whose channels are all dead, and one with a gamma of 0.
    let mut tensors = model.params.tensors().clone();
    for (layer, beta) in [("group1/block1/preact/bn", -1.0f32), ("group0/block1/conv1/bn", 0.5)] {
        let name = format!("{layer}/{}", Role::BatchNorm.suffix());
        let mut rows = tensors[&name].f32().to_vec();
        let channels = rows.len() / 4;
        rows[..channels].fill(0.0);
        rows[channels..2 * channels].fill(beta);
        tensors.insert(name, lq_infer::internals::graph::Tensor::from_f32(vec![4, channels], rows));
    }
    model.params = lq_infer::internals::graph::Params::new(&model.header.graph, tensors).unwrap();
    let tuning = Some(Tuning { epochs: 1, ..Tuning::USUAL });
    let low = quantized(&model, "2/2", Method { tuning, ..Method::FULL }).packed;
    assert!(difference(&model, &low).is_finite());
}

#[test]
fn activations_that_overflow_are_named_or_harmless() {
    let mut model = float("cifar-resnet-20", 16);
    let name = "group0/block0/conv1/bn/batch_norm";
    let mut tensors = model.params.tensors().clone();
    let rows: Vec<f32> = tensors[name].f32().iter().map(|x| x.signum() * 3e38).collect();
    tensors.insert(name.to_owned(), lq_infer::internals::graph::Tensor::from_f32(vec![4, rows.len() / 4], rows));
    model.params = lq_infer::internals::graph::Params::new(&model.header.graph, tensors).unwrap();
    let pictures = Random::of(&model, 4);
    let outcome = quantize(&model, &pictures, &options("2/2", Method::FULL), &BTreeSet::new(), &|_, _, _| {});
    match outcome {
        Err(error) => assert!(error.to_string().contains("layer 'group0/block0/conv"), "{error}"),
        Ok(quantized) => {
            let tensors = quantized.packed.params.tensors().iter();
            let mut floats = tensors.filter(|(_, t)| t.dtype == lq_infer::internals::graph::Dtype::F32);
            assert!(floats.all(|(_, tensor)| tensor.f32().iter().all(|x| x.is_finite())));
        }
    }
}
