//! Gradients of whole networks against differences in float64.

use super::init;
use super::network::Network;
use super::parameter::{Kept, Part};
use super::steps::loss::Targets;
use crate::float::InstructionSet;
use crate::graph::{ConvOptions, Graph, GraphBuilder, Op, Ties, Weights};
use crate::random::Rng;
use crate::tensor::{Shape, Window};

const TARGETS: Targets = Targets { smoothing: 0.1, teacher: 0.0 };
/// Steps of differences.
const STEP: f64 = 1e-5;

fn float(bias: bool, groups: usize) -> ConvOptions {
    ConvOptions { weights: Weights::Float, bias, groups }
}

/// A residual network with every kind of layer: strides, dilation, groups, depthwise convolutions, both pools, channels that are
/// no multiples of 16.
fn everything() -> Graph {
    let mut b = GraphBuilder::new(Shape { h: 9, w: 8, c: 3 });
    let x = b.conv_with("stem", b.input(), 6, Window::padded(3, 1, 1), float(true, 1));
    let x = b.bn_relu("stem", x);
    let pooled = b.max_pool("max", x, Window::padded(3, 2, 1));
    let a = b.conv_with("grouped", pooled, 8, Window::padded(3, 2, 1), float(false, 2));
    let a = b.bn_relu("grouped", a);
    let a = b.conv_with("depthwise", a, 8, Window::padded(3, 1, 2).dilated(2), float(false, 8));
    let a = b.batch_norm("depthwise", a);
    let s = b.avg_pool("average", pooled, Window::valid(2, 2));
    let s = b.conv_with("shrink", s, 5, Window::same(3, 1, [2, 2]), float(true, 1));
    let s = b.push("edge", Op::AvgPool { window: Window::valid(1, 1) }, &[s]);
    let wide =
        b.conv_with("strided", pooled, 19, Window { stride: [3, 2], ..Window::padded(3, 2, 1) }, float(false, 1));
    let wide = b.relu("wide/relu", wide);
    let wide = b.global_avg_pool("wide/mean", wide);
    let a = b.global_avg_pool("branch", a);
    let s = b.global_avg_pool("short", s);
    let s = b.pad_channels_around("pad", s, 1, 8);
    let sum = b.add("sum", a, s);
    let sum = b.relu("sum/relu", sum);
    let all = b.concat("all", &[sum, wide]);
    b.dense("last", all, 4, [1, 1]);
    b.finish().unwrap()
}

fn network(graph: &Graph, pictures: usize, seed: u64) -> Network<f64> {
    let mut network = Network::new(graph, Ties::Below, pictures, true).unwrap();
    init::random(&mut network, graph, seed);
    let mut rng = Rng::new(seed + 1);
    network.kept(&mut |_, part, kept| {
        if let (Part::Gamma | Part::Beta | Part::Bias, Kept::Parameter(parameter)) = (part, kept) {
            parameter.values.iter_mut().for_each(|v| *v += rng.uniform(-0.3, 0.3));
        }
    });
    network
}

fn fill(network: &mut Network<f64>, pictures: usize) {
    let mut rng = Rng::new(77);
    network.input(pictures).iter_mut().for_each(|x| *x = rng.uniform(-1.5, 1.5));
}

/// The mean loss after all pictures are put in again.
fn mean_loss(network: &mut Network<f64>, labels: &[usize]) -> f64 {
    fill(network, labels.len());
    network.learn(labels, &[], TARGETS).loss / labels.len() as f64
}

/// Changes number `at` of parameter `which`.
fn nudge(network: &mut Network<f64>, which: usize, at: usize, by: f64) {
    let mut count = 0;
    network.kept(&mut |_, _, kept| {
        if let Kept::Parameter(parameter) = kept {
            if count == which {
                parameter.values[at] += by;
            }
            count += 1;
        }
    });
}

#[test]
fn gradients_of_a_network_with_every_layer_are_slopes() {
    let (graph, labels) = (everything(), [0, 3, 1, 2, 2]);
    let mut network = network(&graph, labels.len(), 5);
    mean_loss(&mut network, &labels);
    let mut gradients: Vec<(String, Vec<f64>)> = Vec::new();
    network.kept(&mut |layer, part, kept| {
        if let Kept::Parameter(parameter) = kept {
            gradients.push((format!("{layer} {part:?}"), parameter.gradient.clone()));
        }
    });
    let largest = gradients.iter().flat_map(|(_, g)| g).fold(0f64, |most, g| most.max(g.abs()));
    let (mut checked, mut kinks) = (0, 0);
    for (which, (name, gradient)) in gradients.iter().enumerate() {
        for at in (0..gradient.len()).step_by(gradient.len().div_ceil(40)) {
            let mut slope = |step: f64| {
                nudge(&mut network, which, at, step);
                let above = mean_loss(&mut network, &labels);
                nudge(&mut network, which, at, -2.0 * step);
                let below = mean_loss(&mut network, &labels);
                nudge(&mut network, which, at, step);
                (above - below) / (2.0 * step)
            };
            let (first, second) = (slope(STEP), slope(STEP / 4.0));
            // Where a ReLU or a maximum switches between the two, there is no slope.
            let scale = first.abs().max(largest * 1e-3);
            if (first - second).abs() > 3e-6 * scale {
                kinks += 1;
                continue;
            }
            checked += 1;
            let off = (second - gradient[at]).abs();
            assert!(off < 1e-5 * scale, "{name} [{at}]: {} instead of {second}", gradient[at]);
        }
    }
    assert!(checked > 250 && kinks * 20 < checked, "{checked} slopes, {kinks} kinks");
}

/// float32 with every instruction set against float64, and the same bits from those that round alike.
#[test]
fn all_instruction_sets_have_the_gradients_of_float64() {
    let (graph, labels) = (everything(), [0, 3, 1, 2, 2]);
    let mut double = network(&graph, labels.len(), 5);
    let values = |network: &mut Network<f64>| {
        let mut all = Vec::new();
        network.kept(&mut |_, _, kept| {
            if let Kept::Parameter(parameter) = kept {
                all.push(parameter.values.clone());
            }
        });
        all
    };
    let start = values(&mut double);
    mean_loss(&mut double, &labels);
    let mut expected = Vec::new();
    double.kept(&mut |_, _, kept| {
        if let Kept::Parameter(parameter) = kept {
            expected.extend(parameter.gradient.clone());
        }
    });
    let mut first: Option<Vec<f32>> = None;
    for set in InstructionSet::all() {
        let mut single = Network::<f32>::new(&graph, Ties::Below, labels.len(), true).unwrap();
        single.use_set(set);
        let mut values = start.iter();
        single.kept(&mut |_, _, kept| {
            if let Kept::Parameter(parameter) = kept {
                parameter.values = values.next().unwrap().iter().map(|&v| v as f32).collect();
            }
        });
        let mut rng = Rng::new(77);
        single.input(labels.len()).iter_mut().for_each(|x| *x = rng.uniform(-1.5, 1.5) as f32);
        single.learn(&labels, &[], TARGETS);
        let mut found = Vec::new();
        single.kept(&mut |_, _, kept| {
            if let Kept::Parameter(parameter) = kept {
                found.extend(parameter.gradient.clone());
            }
        });
        let largest = expected.iter().fold(0f64, |most, g| most.max(g.abs()));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((f64::from(*found) - expected).abs() < 2e-5 * largest, "{} {found} {expected}", set.name());
        }
        let fused = !matches!(set, InstructionSet::Portable) || cfg!(target_arch = "aarch64");
        assert!(!fused || *first.get_or_insert_with(|| found.clone()) == found, "{} has other bits", set.name());
    }
}

#[test]
fn memory_does_not_grow_with_what_is_kept_for_nothing() {
    let widths = crate::zoo::Uniform::bits(2, 2);
    let graph = crate::zoo::find("cifar-resnet-20").unwrap().build(&widths).unwrap().graph;
    let network = Network::<f32>::new(&graph, Ties::Below, 8, true).unwrap();
    // Per picture: 1.4 MB of tensors that the way back reads, and the gradients of three at a time.
    let each = network.bytes() / 8;
    assert!(each < 1_800_000, "{each} bytes for each picture");
}

/// What `tests/torch/training_step.py` wrote.
#[derive(serde::Deserialize)]
struct Fixture {
    loss: f64,
    bases: std::collections::BTreeMap<String, Vec<f64>>,
    gradients: std::collections::BTreeMap<String, Vec<f64>>,
}

/// One step of ResNet-20 at 2/2, from weights and pictures that PyTorch was given as well.
#[test]
fn a_step_of_resnet20_is_that_of_pytorch() {
    const PICTURES: usize = 16;
    let text = include_str!("../../tests/fixtures/training_step.json");
    let fixture: Fixture = serde_json::from_str(text).unwrap();
    let widths = crate::zoo::Uniform::bits(2, 2);
    let graph = crate::zoo::find("cifar-resnet-20").unwrap().build(&widths).unwrap().graph;
    let mut network = Network::<f64>::new(&graph, Ties::Below, PICTURES, true).unwrap();
    let outputs = |layer: &str| match graph.nodes().iter().find(|node| node.name == layer).map(|node| &node.op) {
        Some(Op::Conv { outputs, .. }) => *outputs,
        _ => 1,
    };
    let mut seed = 0;
    network.kept(&mut |layer, part, kept| {
        let Kept::Parameter(parameter) = kept else { return };
        seed += 1;
        if part == Part::Weight {
            let scale = (6.0 / (parameter.values.len() / outputs(layer)) as f64).sqrt();
            let mut rng = Rng::new(seed);
            parameter.values.iter_mut().for_each(|w| *w = f64::from((scale * rng.uniform(-1.0, 1.0)) as f32));
        }
    });
    let mut rng = Rng::new(1000);
    network.input(PICTURES).iter_mut().for_each(|x| *x = f64::from((1.5 * rng.uniform(-1.0, 1.0)) as f32));
    let labels: Vec<usize> = (0..PICTURES).map(|picture| 7 * picture % 10).collect();
    let worth = network.learn(&labels, &[], Targets { smoothing: 0.0, teacher: 0.0 });
    let loss = worth.loss / PICTURES as f64;
    assert!((loss - fixture.loss).abs() < 1e-7, "{loss} {}", fixture.loss);
    let (mut gradients, mut bases) = (0, 0);
    let close = |name: &str, found: &[f64], expected: &[f64], limit: f64| {
        let off: f64 = found.iter().zip(expected).map(|(a, b)| (a - b).powi(2)).sum();
        let size: f64 = expected.iter().map(|b| b * b).sum();
        // Gradients of what the next batch norm takes away are 0, but for rounding.
        assert!(
            off.sqrt() < limit * size.sqrt() + 1e-12 && found.len() == expected.len(),
            "{name}: {found:?} {expected:?}"
        );
    };
    network.kept(&mut |layer, part, kept| match kept {
        Kept::Parameter(parameter) => {
            let name = format!("{layer} {part:?}");
            let every = parameter.gradient.len().div_ceil(24);
            let found: Vec<f64> = parameter.gradient.iter().step_by(every).copied().collect();
            close(&name, &found, &fixture.gradients[&name], 1e-5);
            gradients += 1;
        }
        Kept::Basis(basis) => {
            let expected = &fixture.bases[layer];
            let found: Vec<f64> = basis.iter().take(expected.len()).map(|&v| f64::from(v)).collect();
            close(layer, &found, expected, 1e-4);
            bases += 1;
        }
        Kept::Statistic(_) => {}
    });
    assert_eq!((gradients, bases), (fixture.gradients.len(), fixture.bases.len()));
}
