//! What a conversion says of each layer, and what it warns of: every warning is provoked.

use crate::common::kernels;
use crate::common::problem::fit::calibrated;
use crate::common::program::{json_lines, run, stderr, stdout, text};
use crate::common::rng::Rng;
use crate::common::tensorpack::{Variables, variables, write_npz};
use lq_infer::internals::convert::report::{ConversionReport, LayerKind, Problem, QuantizedWeights};
use lq_infer::internals::convert::{Checkpoint, ConvertOptions, convert};
use lq_infer::internals::graph::Graph;
use lq_infer::internals::zoo::{self, Uniform};

fn graph() -> Graph {
    zoo::find("cifar-resnet-20").unwrap().build(&Uniform::bits(2, 2)).unwrap().graph
}

/// A checkpoint that looks trained, without the corner cases that other tests want.
fn trained() -> Variables {
    let (graph, mut rng) = (graph(), Rng::new(3));
    let input: Vec<f64> = (0..graph.input_shape().elements()).map(|_| rng.uniform(-2.0, 2.0)).collect();
    let params = calibrated(&graph, &input, 1, &mut rng);
    let mut variables = variables(&graph, &params, &mut rng);
    for (name, (_, data)) in &mut variables {
        match name.rsplit_once('/') {
            Some((_, "gamma")) => data.iter_mut().for_each(|g| *g = g.abs().max(0.1)),
            Some((layer, "basis")) if layer.ends_with("/ActivationQuantization") => *data = vec![0.4, 1.0],
            _ => {}
        }
    }
    variables
}

fn report(variables: &Variables) -> ConversionReport {
    let folder = tempfile::tempdir().unwrap();
    let path = write_npz(variables, ":0", folder.path());
    convert(&Checkpoint::open(&path).unwrap(), &ConvertOptions::default(), &|_, _| {}).unwrap().report
}

/// The warnings after one variable was changed, as text.
fn warnings(name: &str, change: impl Fn(&mut [f32])) -> Vec<(Problem, String)> {
    let mut variables = trained();
    change(&mut variables.get_mut(name).unwrap_or_else(|| panic!("no variable {name}")).1);
    report(&variables).warnings().iter().map(|w| (w.problem, w.to_string())).collect()
}

fn quantized<'a>(report: &'a ConversionReport, layer: &str) -> &'a QuantizedWeights {
    match &report.layers.iter().find(|l| l.layer == layer).unwrap().kind {
        LayerKind::Conv { quantized: Some(quantized), .. } => quantized,
        other => panic!("{layer}: {other:?}"),
    }
}

#[test]
fn nothing_is_wrong_with_a_trained_network() {
    let report = report(&trained());
    assert_eq!(report.warnings(), []);
    for layer in &report.layers {
        let LayerKind::Conv { quantized: Some(q), shape, .. } = &layer.kind else { continue };
        assert_eq!(q.level_counts.iter().sum::<u64>() as usize, shape.iter().product::<usize>(), "{}", layer.layer);
        assert!(q.relative_error > 0.01 && q.relative_error < 0.9, "{}: {}", layer.layer, q.relative_error);
    }
}

#[test]
fn every_layer_with_parameters_is_reported_with_its_bytes() {
    let (graph, report) = (graph(), report(&trained()));
    let mut named: Vec<String> = graph.parameters().unwrap().into_iter().map(|spec| spec.layer).collect();
    named.dedup();
    assert_eq!(report.layers.iter().map(|l| l.layer.clone()).collect::<Vec<_>>(), named);
    let parts = |layer: &str| {
        let layer = report.layers.iter().find(|l| l.layer == layer).unwrap();
        (layer.float_bytes, layer.packed_bytes)
    };
    // 3x3x16 codes of two planes to a word each, and two bases of 64 channels; a bias; a basis of 2; four rows of 64.
    assert_eq!(parts("group0/block0/conv1"), (4 * 9 * 16 * 16, 4 * (16 * 9 * 2 + 2 * 16)));
    assert_eq!(parts("linear"), (4 * 650, 4 * 650));
    assert_eq!((parts("group0/block0/quant1"), parts("group2/bnlast/bn")), ((0, 8), (1024, 1024)));
    let params = graph.parameters().unwrap().iter().map(|s| 4 * s.shape.iter().product::<usize>()).sum::<usize>();
    assert_eq!(report.totals().packed_bytes, params);
}

#[test]
fn shares_and_error_are_those_of_the_weights() {
    // Levels -3, -1, 1 and 3 in every channel; a quarter of the weights 1.5 away from the level 1, as 2 - 0.5 would be.
    let mut variables = trained();
    let basis = variables.get_mut("group0/block0/conv1/weight_quant/basis").unwrap();
    let outputs = basis.0[1];
    basis.1 = [vec![1.0; outputs], vec![2.0; outputs]].concat();
    let pattern = [-4.0, -1.0, 1.0, 1.5];
    let weights = &mut variables.get_mut("group0/block0/conv1/W").unwrap().1;
    weights.iter_mut().enumerate().for_each(|(i, w)| *w = pattern[i / outputs % 4]);
    let report = report(&variables);
    let found = quantized(&report, "group0/block0/conv1");
    assert_eq!(found.level_shares(), [0.25, 0.25, 0.5, 0.0]);
    let expected = (1.25f64 / (16.0 + 1.0 + 1.0 + 2.25)).sqrt();
    assert!((found.relative_error - expected).abs() < 1e-12, "{}, expected {expected}", found.relative_error);
}

#[test]
fn unused_levels_and_constant_channels() {
    let tiny = |w: &mut [f32]| w.iter_mut().for_each(|w| *w = 1e-6f32.copysign(*w));
    let dead = warnings("group1/block0/conv2/W", tiny);
    assert_eq!(dead, [(Problem::DeadLevels, "levels that no weight has: 'group1/block0/conv2' (2 of 4)".into())]);
    let channel = |w: &mut [f32]| w.iter_mut().skip(5).step_by(32).for_each(|w| *w = 1.0);
    let constant = warnings("group1/block0/conv2/W", channel);
    let text = "output channels whose weights are all the same: 'group1/block0/conv2' (1 of 32)";
    assert_eq!(constant, [(Problem::ConstantChannels, text.into())]);
    let no_basis = warnings("group1/block0/conv2/weight_quant/basis", |v| (v[3], v[32 + 3]) = (0.0, 0.0));
    assert!(no_basis.iter().any(|(_, t)| t == text), "{no_basis:?}");
    let first = warnings("conv0/W", |w| w.iter_mut().skip(2).step_by(16).for_each(|w| *w = 0.0));
    let text = "output channels whose weights are all the same: 'conv0' (1 of 16)";
    assert_eq!(first, [(Problem::ConstantChannels, text.into())]);
}

#[test]
fn batch_norms_that_silence_channels() {
    let zero = warnings("group1/bnlast/bn/gamma", |g| (g[0], g[7]) = (0.0, 0.0));
    let text = "channels that a gain of 0 makes constant: 'group1/bnlast/bn' (2 of 32)";
    assert_eq!(zero, [(Problem::ZeroGains, text.into())]);
    let still = warnings("group1/bnlast/bn/variance/EMA", |v| (v[1], v[2]) = (1e-12, 1.1e-8));
    let text = "channels that hardly varied in training (variance next to 0): 'group1/bnlast/bn' (1 of 32)";
    assert_eq!(still, [(Problem::StillChannels, text.into())]);
}

#[test]
fn bases_that_were_never_learned() {
    // The original's formulas: 0.6745 sqrt(2 / n) / 2^(bits - 1) with n = 9 * 64, and 0.6745 * 2 / (2^bits - 1).
    let first = 0.6745 * (2.0f64 / 576.0).sqrt() / 2.0;
    let initial = |v: &mut [f32]| {
        v[..64].fill(first as f32);
        v[64..].fill(2.0 * first as f32);
    };
    let weights = warnings("group2/block1/conv1/weight_quant/basis", initial);
    let text = "weight bases that look untrained: still at their initial values: 'group2/block1/conv1' (64 of 64)";
    assert!(weights.contains(&(Problem::InitialWeightBases, text.into())), "{weights:?}");
    let basis = |v: &mut [f32]| v.copy_from_slice(&[(0.6745 * 2.0 / 3.0) as f32, (0.6745 * 4.0 / 3.0) as f32]);
    let activations = warnings("group0/block1/quant2/ActivationQuantization/basis", basis);
    let text =
        "activation bases that look untrained: still at their initial values: 'group0/block1/quant2' (0.4497 0.8993)";
    assert_eq!(activations, [(Problem::InitialActivationBases, text.into())]);
}

#[test]
fn strange_activation_levels() {
    let name = "group0/block1/quant2/ActivationQuantization/basis";
    let equal = warnings(name, |v| v.copy_from_slice(&[0.5, 0.5]));
    let text = "activation levels equal to another: 'group0/block1/quant2' (1 of 4)";
    assert_eq!(equal, [(Problem::EqualLevels, text.into())]);
    let negative = warnings(name, |v| v.copy_from_slice(&[-0.25, 0.5]));
    let text = "activation bases with negative elements: 'group0/block1/quant2' (-0.2500 0.5000)";
    assert_eq!(negative, [(Problem::NegativeBases, text.into())]);
    assert_eq!(warnings(name, |v| v.copy_from_slice(&[0.7, 0.3])), [], "order does not matter");
}

#[test]
fn a_problem_of_many_layers_is_one_line() {
    let mut variables = trained();
    let gammas = variables.iter_mut().filter(|(name, _)| name.ends_with("/gamma"));
    gammas.for_each(|(_, (_, gamma))| gamma[0] = 0.0);
    let warnings = report(&variables).warnings();
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert_eq!(warning.layers.len(), 28);
    let line = warning.to_string();
    assert!(line.contains("'conv0/bn' (1 of 16), ") && line.ends_with(" and 24 more layers"), "{line}");
}

#[test]
fn the_program_prints_a_table_or_json() {
    let folder = tempfile::tempdir().unwrap();
    let mut variables = trained();
    variables.get_mut("group1/bnlast/bn/gamma").unwrap().1[0] = 0.0;
    let path = write_npz(&variables, ":0", folder.path());
    let out = folder.path().join("m.safetensors");
    let shown = run(&["convert", text(&path), "-o", text(&out)]);
    let (table, error) = (stdout(&shown), stderr(&shown));
    assert_eq!(error, "warning: channels that a gain of 0 makes constant: 'group1/bnlast/bn' (1 of 32)\n");
    let line = |start: &str| table.lines().find(|l| l.starts_with(start)).unwrap_or_else(|| panic!("{start}: {table}"));
    assert_eq!(line("layer").split_whitespace().count(), 7);
    let conv = line("group1/block0/conv2 ");
    assert!(conv.contains("3x3x32->32") && conv.contains(" 2/2 ") && conv.contains('%'), "{conv}");
    assert!(line("group1/block0/quant2 ").contains(" -/2 "), "{table}");
    assert!(line("28 batch norms").ends_with("kB") && line("in all (").contains("times smaller"), "{table}");
    assert!(table.lines().all(|l| l.chars().count() <= 100), "{table}");

    let json = &json_lines(&run(&["convert", text(&path), "-o", text(&out), "--json"]))[0];
    let layer = json["layers"].as_array().unwrap().iter().find(|l| l["layer"] == "group1/block0/conv2").unwrap();
    assert_eq!((&layer["kind"], &layer["shape"]), (&"conv".into(), &serde_json::json!([32, 3, 3, 32])));
    assert_eq!(layer["quantized"]["level_counts"].as_array().unwrap().len(), 4);
    assert_eq!(json["warnings"][0]["problem"], "zero-gains");
    assert_eq!((&json["output"], &json["float"]), (&text(&out).into(), &serde_json::Value::Null));
    assert!(json["totals"]["float_bytes"].as_u64() > json["totals"]["packed_bytes"].as_u64());
}

#[test]
fn what_concatenations_read_has_all_its_widths() {
    let widths = Uniform::bits(3, 2);
    let graph = zoo::find("densenet-121").unwrap().build(&widths).unwrap().graph;
    let params = kernels::params(&graph, 1);
    let folder = tempfile::tempdir().unwrap();
    let path = write_npz(&variables(&graph, &params, &mut Rng::new(1)), "", folder.path());
    let report = convert(&Checkpoint::open(&path).unwrap(), &ConvertOptions::default(), &|_, _| {}).unwrap().report;
    let found = report.layers.iter().find(|l| l.layer == "block0/dense_layer.1/conv1x1").unwrap();
    let LayerKind::Conv { weight_bits, activation_bits, .. } = &found.kind else { panic!("{found:?}") };
    assert_eq!((*weight_bits, activation_bits.as_slice()), (3, &[2, 32][..]));
}
