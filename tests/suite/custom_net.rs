//! Networks of one's own: `examples/custom_net`, trained and exported by a real PyTorch (`tests/torch/make_custom_net.py`),
//! which has branches, a concatenation, a residual, grouped, dilated and depthwise convolutions, local and global pooling
//! and other widths in every layer.

use crate::common::tensorpack::{Variables, write_npz};
use crate::common::torch_names::write_safetensors;
use lq_infer::internals::convert::{Checkpoint, ConvertOptions, CustomNetwork, convert_graph, plain_variables};
use lq_infer::internals::format::Packed;
use lq_infer::internals::format::npy::{self, NpyData};
use lq_infer::internals::graph::{ConvOptions, Graph, GraphBuilder, NodeId, Ties, Weights};
use lq_infer::internals::tensor::{Shape, Window};
use lq_infer::{Batch, DeviceSelector, Engine, Error, ErrorKind, Model, Result};
use safetensors::Dtype;
use std::path::{Path, PathBuf};

/// Largest difference of a logit to PyTorch's, of the largest logit. No number lies near a threshold.
const TOLERANCE: f64 = 1e-6;
/// First and last layer are float in one.
const NAMES: [&str; 2] = ["float-ends", "quantized-ends"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/custom_net").join(name)
}

fn array(name: &str) -> NpyData {
    npy::read(&std::fs::read(fixture(name)).unwrap()).unwrap().1
}

fn network(name: &str) -> CustomNetwork {
    CustomNetwork::read(&fixture(&format!("{name}.json"))).unwrap()
}

/// The state dict of PyTorch.
fn variables(name: &str) -> Variables {
    let checkpoint = Checkpoint::open(&fixture(&format!("{name}.pt"))).unwrap();
    let floats = checkpoint.variables().iter().filter(|(_, variable)| variable.dtype == "float32");
    floats.map(|(name, v)| (name.clone(), (v.shape.clone(), checkpoint.read_f32(name).unwrap()))).collect()
}

fn convert(weights: &Path, network: &CustomNetwork) -> Result<Packed> {
    convert_graph(&Checkpoint::open(weights)?, network, &ConvertOptions::default(), &|_, _| {}).map(|c| c.packed)
}

fn convert_variables(variables: &Variables, network: &CustomNetwork) -> Result<Packed> {
    let folder = tempfile::tempdir().unwrap();
    convert(&write_npz(variables, "", folder.path()), network)
}

#[test]
fn logits_are_those_of_pytorch() {
    let engine = Engine::builder().device(DeviceSelector::Cpu).build().unwrap();
    for name in NAMES {
        let packed = convert(&fixture(&format!("{name}.pt")), &network(name)).unwrap();
        let net = engine.prepare(&Model::try_from(packed).unwrap()).unwrap();
        let (NpyData::U8(pixels), NpyData::F64(expected)) =
            (array(&format!("{name}-pictures.npy")), array(&format!("{name}-logits.npy")))
        else {
            panic!("arrays of {name} are of other types")
        };
        let found = net.logits(&Batch::Pixels(pixels), &Default::default()).unwrap().concat();
        assert_eq!(found.len(), expected.len());
        let largest = expected.iter().fold(0f64, |m, e| m.max(e.abs()));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((f64::from(*found) - expected).abs() < TOLERANCE * largest, "{name}: {found} is not {expected}");
        }
    }
}

#[test]
fn every_kind_of_checkpoint_gives_the_same_parameters() {
    let folder = tempfile::tempdir().unwrap();
    for name in NAMES {
        let (network, variables) = (network(name), variables(name));
        let files = [
            fixture(&format!("{name}.pt")),
            write_npz(&variables, "", folder.path()),
            write_safetensors(&variables, Dtype::F32, folder.path()),
        ];
        let [first, others @ ..] = files.map(|file| convert(&file, &network).unwrap());
        assert_eq!((first.header.network.as_str(), &first.header.graph), ("custom", &network.graph));
        for other in others {
            for (name, tensor) in first.params.tensors() {
                assert!(other.params.tensors()[name].bytes() == tensor.bytes(), "{name}");
            }
        }
    }
}

/// The network of `examples/custom_net/net.py`.
struct Built {
    b: GraphBuilder,
    quantized_ends: bool,
}

impl Built {
    fn graph(quantized_ends: bool) -> Graph {
        let b = GraphBuilder::new(Shape { h: 32, w: 32, c: 3 });
        let mut net = Built { b, quantized_ends };
        let ends = if quantized_ends { Weights::Planes { bits: 4 } } else { Weights::Float };
        let x = net.b.conv("stem", net.b.input(), 16, Window::padded(3, 1, 1), ends);
        let x = net.bn_relu("stem_bn", x);
        let near = net.b.quantize("near_quant", x, 2);
        let near = net.b.conv("near", near, 8, Window::valid(1, 1), Weights::Planes { bits: 3 });
        let far = net.b.quantize("far_quant", x, 3);
        let far = net.b.conv("far", far, 8, Window::padded(3, 1, 2).dilated(2), Weights::Planes { bits: 1 });
        let x = net.b.concat("joined", &[near, far]);
        let x = net.bn_relu("joined_bn", x);
        let x = net.b.depthwise_conv("depthwise", x, Window::padded(3, 2, 1));
        let x = net.bn_relu("depthwise_bn", x);
        net.rest(x, ends)
    }

    fn rest(mut self, x: NodeId, ends: Weights) -> Graph {
        let grouped = ConvOptions { weights: Weights::Planes { bits: 2 }, groups: 4, ..ConvOptions::default() };
        let y = self.b.quantize("block_quant", x, 2);
        let y = self.b.conv_with("block", y, 16, Window::padded(3, 1, 1), grouped);
        let y = self.b.batch_norm_with("block_bn", y, 1e-5);
        let x = self.b.add("sum", x, y);
        let x = self.b.relu("sum_relu", x);
        let x = self.b.max_pool("pool", x, Window::valid(2, 2));
        let x = self.b.global_avg_pool("mean", x);
        let x = if self.quantized_ends { self.b.quantize("head_quant", x, 4) } else { x };
        let head = ConvOptions { weights: ends, bias: true, ..ConvOptions::default() };
        self.b.conv_with("head", x, 6, Window::valid(1, 1), head);
        self.b.finish().unwrap()
    }

    fn bn_relu(&mut self, name: &str, x: NodeId) -> NodeId {
        let x = self.b.batch_norm_with(name, x, 1e-5);
        self.b.relu(&format!("{name}_relu"), x)
    }
}

#[test]
fn the_builder_and_a_graph_file_say_the_same() {
    for (name, quantized_ends) in NAMES.into_iter().zip([false, true]) {
        let network = network(name);
        assert_eq!(Built::graph(quantized_ends).to_string(), network.graph.to_string());
        let text = serde_json::to_string(&network).unwrap();
        assert_eq!(CustomNetwork::parse(&text).unwrap(), network);
    }
}

#[test]
fn the_variables_are_listed_as_they_are_needed() {
    for name in NAMES {
        let variables = variables(name);
        let listed = plain_variables(&network(name).definition()).unwrap();
        assert_eq!(listed.len(), variables.len());
        for needed in listed {
            assert!(needed.shapes.contains(&variables[&needed.variable].0), "{}", needed.variable);
        }
    }
}

#[test]
fn batch_norms_may_lack_scale_and_shift() {
    let mut variables = variables("float-ends");
    variables.remove("stem_bn.bias");
    let error = convert_variables(&variables, &network("float-ends")).unwrap_err();
    assert!(error.to_string().contains("missing variables 'stem_bn.bias' [16]"), "one without the other: {error}");
    variables.remove("stem_bn.weight");
    let packed = convert_variables(&variables, &network("float-ends")).unwrap();
    let rows = packed.params.tensors()["stem_bn/batch_norm"].f32();
    assert_eq!((&rows[..16], &rows[16..32]), (&[1.0; 16][..], &[0.0; 16][..]));
}

#[test]
fn ties_of_weights_go_where_the_graph_says() {
    let mut variables = variables("float-ends");
    variables.get_mut("far.weight").unwrap().1.fill(0.0);
    let mut network = network("float-ends");
    for (ties, plane) in [(Ties::Below, 0), (Ties::Above, 0xffff)] {
        network.weight_ties = ties;
        let packed = convert_variables(&variables, &network).unwrap();
        // One bit for each of the 16 input channels: 1-bit weights have their threshold at 0.
        assert!(packed.params.tensors()["far/planes"].u32().iter().all(|&w| w == plane), "{ties:?}");
    }
}

/// The error of a checkpoint, which must be about the checkpoint and name its file.
fn refused(change: impl Fn(&mut Variables)) -> String {
    let mut variables = variables("quantized-ends");
    change(&mut variables);
    let error = convert_variables(&variables, &network("quantized-ends")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadCheckpoint, "{error}");
    assert!(error.to_string().contains("params.npz"), "{error}");
    error.to_string()
}

fn says(text: &str, part: &str) {
    assert!(text.contains(part), "'{part}' in {text}");
}

#[test]
fn what_is_missing_unused_or_misshapen_is_named() {
    says(&refused(|v| drop(v.remove("block.weight"))), "missing variables 'block.weight' [16, 4, 3, 3]");
    says(&refused(|v| drop(v.remove("far_quant.basis"))), "missing variables 'far_quant.basis' [3] or [1, 3]");
    says(&refused(|v| drop(v.remove("head.basis"))), "missing variables 'head.basis' [6, 4]");
    says(&refused(|v| drop(v.remove("head.bias"))), "missing variables 'head.bias' [6]");
    let extra = refused(|v| drop(v.insert("near.bias".into(), (vec![8], vec![0.0; 8]))));
    says(&extra, "unused variables 'near.bias'");
    let transposed = refused(|v| v.get_mut("near.basis").unwrap().0 = vec![3, 8]);
    says(&transposed, "wrong shapes: 'near.basis' is [3, 8], expected [8, 3]");
    let flat = refused(|v| v.get_mut("depthwise.weight").unwrap().0 = vec![1, 16, 3, 3]);
    says(&flat, "'depthwise.weight' is [1, 16, 3, 3], expected [16, 1, 3, 3]");
    says(&refused(|v| v.get_mut("far.weight").unwrap().1[5] = f32::INFINITY), "'far.weight' has inf at 5");
    let negative = refused(|v| v.get_mut("block_bn.running_var").unwrap().1[2] = -1.0);
    says(&negative, "layer 'block_bn': variance of channel 2 is -1");
}

/// The error of a graph file with one change.
fn graph_refused(from: &str, to: &str) -> String {
    let text = std::fs::read_to_string(fixture("float-ends.json")).unwrap();
    assert!(text.contains(from), "the graph has no {from}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.json");
    std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    let error = CustomNetwork::read(&path).unwrap_err();
    assert!(matches!(error, Error::BadModel { .. }), "{error}");
    says(&error.to_string(), "net.json");
    error.to_string()
}

#[test]
fn graph_files_that_make_no_network_are_refused() {
    says(&graph_refused("\"version\":1", "\"version\":2"), "version 2, this program reads version 1");
    says(&graph_refused("\"version\":1,", ""), "missing field `version`");
    says(&graph_refused("\"name\":\"custom-net\"", "\"title\":\"custom-net\""), "unknown field `title`");
    says(&graph_refused("\"kind\":\"add\"", "\"kind\":\"multiply\""), "unknown variant `multiply`");
    says(&graph_refused("\"dilation\":[2,2]", "\"rate\":[2,2]"), "unknown field `rate`");
    says(
        &graph_refused("\"inputs\":[\"near\",", "\"inputs\":[\"sum\","),
        "'joined' reads 'sum', which does not precede it",
    );
    says(&graph_refused("\"name\":\"head\"", "\"name\":\"stem\""), "two layers are named 'stem'");
    says(&graph_refused("\"groups\":4", "\"groups\":3"), "layer 'block'");
    says(&graph_refused("\"kind\":\"quantize\",\"bits\":3", "\"kind\":\"quantize\",\"bits\":9"), "layer 'far_quant'");
    says(&graph_refused("\"before\":[2,2]", "\"before\":[1,2]"), "layer 'joined'");
    says(&graph_refused("\"stride\":[2,2]", "\"stride\":[0,2]"), "layer 'depthwise'");
    let mean_image = "\"kind\":\"mean-image\",\"divide\":1.0";
    let channel = "\"kind\":\"channel\",\"mean\":[0.5,0.5,0.5],\"std\":[0.25,0.25,0.25]";
    says(&graph_refused(channel, mean_image), "a mean image is given at conversion");
    says(&graph_refused("\"crop\":[32,32]", "\"crop\":[32,30]"), "cropped to 32x30x3, but the network takes 32x32x3");
    says(&graph_refused("\"version\":1", "\"labels\":[\"a\",\"b\"],\"version\":1"), "2 labels for 6 classes");
}

#[test]
fn a_graph_takes_no_network_of_the_zoo() {
    for options in [
        ConvertOptions { arch: Some("vgg-small".into()), ..Default::default() },
        ConvertOptions { input_size: Some(64), ..Default::default() },
    ] {
        let error = convert_graph(
            &Checkpoint::open(&fixture("float-ends.pt")).unwrap(),
            &network("float-ends"),
            &options,
            &|_, _| {},
        )
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
    }
}

#[test]
fn the_documented_graph_file_is_one() {
    let text = include_str!("../../models/README.md");
    let example = text.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let network = CustomNetwork::parse(example).unwrap();
    assert_eq!((network.name.as_str(), network.graph.classes()), ("tiny", 2));
}
