//! Networks with float weights: what they compute elsewhere, and that they come back as they were.

use crate::common::kernels;
use crate::common::oracle::{self, LevelValues};
use crate::common::problem::Problem;
use crate::common::program::{fails, run, stderr, stdout, text};
use crate::common::rng::Rng;
use lq_infer::internals::convert::{Checkpoint, ConvertOptions, CustomNetwork, convert, convert_graph, export_float};
use lq_infer::internals::format::Packed;
use lq_infer::internals::graph::preprocess::{ChannelOrder, Normalize};
use lq_infer::internals::graph::{Graph, Node, Op, Params, Role, Tensor, Weights};
use lq_infer::internals::zoo::{self, NETWORKS, Uniform};
use lq_infer::{Batch, DeviceSelector, Engine, Model};
use safetensors::SafeTensors;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/resnet20-cifar10-w2a2.safetensors");

/// The bundled model's file with another network in it.
fn packed(graph: &Graph, params: &Params, normalize: Normalize) -> Packed {
    let mut packed = Model::bundled().unwrap().packed().clone();
    packed.header.graph = graph.clone();
    packed.header.preprocess.normalize = normalize;
    packed.header.preprocess.resize.crop = [graph.input_shape().h, graph.input_shape().w];
    packed.header.preprocess.resize.shorter_edge = graph.input_shape().h.max(graph.input_shape().w);
    packed.header.labels.clear();
    packed.header.golden.clear();
    packed.params = params.clone();
    packed
}

fn exported(packed: &Packed, folder: &Path) -> PathBuf {
    let path = folder.join("float.safetensors");
    export_float(packed, &path).unwrap();
    path
}

fn converted_back(path: &Path) -> Packed {
    let network = CustomNetwork::read(path).unwrap();
    convert_graph(&Checkpoint::open(path).unwrap(), &network, &ConvertOptions::default(), &|_, _| {}).unwrap().packed
}

/// Exports, converts back and exports again: the two files must be equal.
fn round_trip(packed: &Packed, what: &str) -> Packed {
    let folder = tempfile::tempdir().unwrap();
    let path = exported(packed, folder.path());
    let first = std::fs::read(&path).unwrap();
    let mut back = converted_back(&path);
    assert_eq!(back.header.graph, packed.header.graph, "{what}");
    assert_eq!(back.header.preprocess, packed.header.preprocess, "{what}");
    // Names get widths added; those of other networks keep what they had.
    back.header.name = packed.header.name.clone();
    assert!(std::fs::read(exported(&back, folder.path())).unwrap() == first, "{what} comes back as another network");
    back
}

#[test]
fn random_networks_come_back() {
    for seed in 0..24 {
        let Problem { graph, params, normalize, .. } = Problem::random(seed);
        // These problems are fed after the mean is subtracted, and have no picture of it.
        let fed_tensors = matches!(normalize, Normalize::MeanImage { .. });
        let normalize = if fed_tensors { Normalize::TensorOnly { range: 2.0 } } else { normalize };
        round_trip(&packed(&graph, &params, normalize), &format!("Problem::random({seed})"));
    }
}

#[test]
fn networks_of_the_zoo_come_back() {
    for (seed, network) in
        NETWORKS.iter().enumerate().filter(|(_, n)| n.id.contains("18") || n.id.contains("vgg-small"))
    {
        let definition = network.build(&Uniform::bits(2, 3)).unwrap();
        let params = kernels::params(&definition.graph, seed as u64);
        let mut packed = packed(&definition.graph, &params, definition.preprocess.normalize.clone());
        packed.header.preprocess = definition.preprocess;
        round_trip(&packed, network.id);
    }
}

#[test]
fn the_bundled_model_comes_back_bit_by_bit_with_and_without_its_graph() {
    let model = Model::bundled().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = exported(model.packed(), folder.path());
    let recognised = convert(&Checkpoint::open(&path).unwrap(), &ConvertOptions::default(), &|_, _| {}).unwrap().packed;
    assert_eq!(recognised.header.network, "cifar-resnet-20");
    for back in [recognised, converted_back(&path)] {
        assert_eq!(back.header.name, model.header().name);
        assert_eq!(
            (&back.header.labels, &back.header.preprocess),
            (&model.header().labels, &model.header().preprocess)
        );
        for (name, tensor) in model.packed().params.tensors() {
            assert!(back.params.tensors()[name].bytes() == tensor.bytes(), "{name} differs");
        }
    }
}

#[test]
fn mean_images_come_back() {
    let definition = zoo::find("vgg-small").unwrap().build(&Uniform::bits(1, 2)).unwrap();
    let params = kernels::params(&definition.graph, 5);
    let mut packed = packed(&definition.graph, &params, Normalize::MeanImage { divide: 128.0 });
    let mut rng = Rng::new(5);
    let mean: Vec<f32> = (0..32 * 32 * 3).map(|_| rng.below(256) as f32).collect();
    for order in [ChannelOrder::Rgb, ChannelOrder::Bgr] {
        packed.header.preprocess.channels = order;
        packed.mean_image = Some(Tensor::from_f32(vec![32, 32, 3], mean.clone()));
        let back = round_trip(&packed, "a network with a mean image");
        assert_eq!(back.mean_image.unwrap().f32(), mean, "{order:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(exported(&packed, folder.path())).unwrap();
    let stored = SafeTensors::deserialize(&bytes).unwrap();
    let first: Vec<f32> = stored.tensor("preprocess.mean_image").unwrap().data()[..12]
        .chunks(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    assert_eq!(first, [mean[2], mean[1], mean[0]], "RGB, whatever the network wants");
}

/// The exported tensors, by name.
fn tensors(path: &Path) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let floats = |data: &[u8]| data.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    file.iter().map(|(name, view)| (name.to_owned(), (view.shape().to_vec(), floats(view.data())))).collect()
}

/// Weights in PyTorch's order, of a convolution or a matrix over C, H, W, as `[out, kh, kw, in]`.
fn channels_last(weights: &[f32], [outputs, kh, kw, inputs]: [usize; 4]) -> Vec<f32> {
    let at = |o: usize, tap: usize, c: usize| (o * inputs + c) * kh * kw + tap;
    let taps = (0..outputs).flat_map(|o| (0..kh * kw).map(move |tap| (o, tap)));
    taps.flat_map(|(o, tap)| (0..inputs).map(move |c| (o, tap, c))).map(|(o, tap, c)| weights[at(o, tap, c)]).collect()
}

/// The network that a person would rebuild: all weights are the exported floats.
fn rebuilt(graph: &Graph, params: &Params, exported: &BTreeMap<String, (Vec<usize>, Vec<f32>)>) -> (Graph, Params) {
    let facts = graph.facts().unwrap();
    let mut floats = params.tensors().clone();
    let nodes = graph.nodes().iter().map(|node| {
        let mut node: Node = node.clone();
        if let Op::Conv { outputs, window, weights, groups, .. } = &mut node.op {
            let shape = [*outputs, window.kernel[0], window.kernel[1], facts[node.inputs[0]].shape.c / *groups];
            let weight = &exported[&format!("{}.weight", node.name.replace('/', "."))].1;
            *weights = Weights::Float;
            floats.retain(|name, _| ![("planes"), ("basis")].iter().any(|s| *name == format!("{}/{s}", node.name)));
            let tensor = Tensor::from_f32(shape.to_vec(), channels_last(weight, shape));
            floats.insert(format!("{}/{}", node.name, Role::Weight.suffix()), tensor);
        }
        node
    });
    let graph = Graph::new(nodes.collect()).unwrap();
    let params = Params::new(&graph, floats).unwrap();
    (graph, params)
}

#[test]
fn the_floats_compute_what_the_model_computes() {
    let model = Model::bundled().unwrap();
    let (graph, params) = (&model.header().graph, &model.packed().params);
    let folder = tempfile::tempdir().unwrap();
    let exported = tensors(&exported(model.packed(), folder.path()));
    let (float_graph, float_params) = rebuilt(graph, params, &exported);
    let mut rng = Rng::new(2);
    let x: Vec<f32> = (0..2 * graph.input_shape().elements()).map(|_| rng.uniform(-1.0, 1.0) as f32).collect();
    let input: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
    let expected = oracle::evaluate(&float_graph, &float_params, &input, 2, LevelValues::Exact);
    let engine = Engine::builder().device(DeviceSelector::Cpu).build().unwrap();
    let found = engine.prepare(&model).unwrap().logits(&Batch::Tensor(x), &Default::default()).unwrap().concat();
    let expected = &expected.last().unwrap().values;
    let worst = found.iter().zip(expected).map(|(&f, e)| (f64::from(f) - e).abs()).fold(0.0, f64::max);
    assert!(worst < 1e-4, "logits differ by {worst:e}: {found:?} {expected:?}");
}

#[test]
fn quantizers_are_given_as_levels_and_thresholds() {
    let folder = tempfile::tempdir().unwrap();
    let exported = tensors(&exported(Model::bundled().unwrap().packed(), folder.path()));
    let floats = |name: &str| &exported[&format!("group0.block0.quant1.{name}")];
    let (basis, levels, thresholds) = (floats("basis"), floats("levels"), floats("thresholds"));
    assert_eq!((&basis.0[..], &levels.0[..], &thresholds.0[..]), (&[2][..], &[4][..], &[3][..]));
    let [a, b] = basis.1[..] else { panic!("{basis:?}") };
    assert_eq!(levels.1, [0.0, a, b, a + b]);
    assert_eq!(thresholds.1, [0.5 * a, 0.5 * a + 0.5 * b, 0.5 * b + 0.5 * (a + b)]);
    let shape = |name: &str| exported[name].0.clone();
    assert_eq!(shape("group0.block0.conv1.weight"), [16, 16, 3, 3]);
    assert_eq!(shape("group0.block0.conv1.basis"), [16, 2]);
    assert_eq!((shape("linear.weight"), shape("conv0.bn.running_var")), (vec![10, 64], vec![16]));
}

#[test]
fn the_program_exports_packed_models_and_conversions() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (float, again, packed) = (path("a.safetensors"), path("b.safetensors"), path("c.safetensors"));
    let output = run(&["export", "-o", text(&float)]);
    assert!(output.status.success() && stdout(&output).contains("float weights, 1.1"), "{}", stderr(&output));
    let arguments = ["convert", text(&float), "--graph", text(&float), "-o", text(&packed), "--float", text(&again)];
    let output = run(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(std::fs::read(&float).unwrap() == std::fs::read(&again).unwrap(), "the exported network changed");
    assert_eq!(Model::open(&packed).unwrap().header().golden, Model::bundled().unwrap().header().golden);
    let output = run(&["convert", text(&float), "--float", text(&again)]);
    assert!(output.status.success(), "without -o: {}", stderr(&output));

    fails(&["export", MODEL, "-o", text(folder.path())], 2, &["is a directory"]);
    fails(&["export", text(&packed), "-o", text(&packed)], 2, &["would replace the model"]);
    fails(&["convert", text(&float), "--float", text(&float)], 2, &["would replace the checkpoint"]);
    fails(&["convert", text(&float), "-o", text(&packed), "--float", text(&packed)], 2, &["packed model's file"]);
    fails(&["convert", text(&float), "--graph", MODEL, "-o", text(&again)], 3, &["holds no graph", "lq-infer export"]);
}
