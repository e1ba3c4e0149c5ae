//! Layers that residual networks lack: grouped, dilated and depthwise convolutions, dense layers in between, inputs of both
//! signs.

use super::{Random, difference, options};
use crate::common::rng::Rng;
use lq_infer::internals::format::{Header, Packed, Provenance, VERSION};
use lq_infer::internals::graph::preprocess::{ChannelOrder, Filter, Normalize, Preprocess, Resize};
use lq_infer::internals::graph::{ConvOptions, Encoding, GraphBuilder, Op, Params, Tensor, Weights};
use lq_infer::internals::quantize::{Method, Tuning, quantize};
use lq_infer::internals::tensor::{Shape, Window};
use std::collections::BTreeSet;

fn float() -> Packed {
    let mut b = GraphBuilder::new(Shape { h: 9, w: 8, c: 3 });
    let window = Window::padded(3, 1, 1);
    let grouped = |groups, bias| ConvOptions { groups, bias, ..ConvOptions::default() };
    let x = b.conv("first", b.input(), 8, window, Weights::Float);
    let x = b.relu("relu1", x);
    let x = b.conv_with("grouped", x, 12, Window::padded(3, 2, 1), grouped(4, true));
    // Read by a convolution without a ReLU in between.
    let x = b.conv_with("dilated", x, 12, Window::padded(3, 1, 2).dilated(2), grouped(1, false));
    let x = b.batch_norm_with("norm", x, 1e-5);
    let x = b.relu("relu2", x);
    let y = b.depthwise_conv("depthwise", x, window);
    let x = b.concat("concat", &[x, y]);
    let x = b.relu("relu3", x);
    let shape = b.shape(x);
    let x = b.dense("middle", x, 20, [shape.h, shape.w]);
    let x = b.relu("relu4", x);
    b.dense("last", x, 5, [1, 1]);
    let graph = b.finish().unwrap();
    let mut rng = Rng::new(8);
    let tensor = |spec: &lq_infer::internals::graph::ParamSpec| {
        let count: usize = spec.shape.iter().product();
        let deviation = (2.0 / spec.shape[1..].iter().product::<usize>().max(1) as f64).sqrt();
        let numbers = (0..count).map(|_| (deviation * rng.normal()) as f32);
        let numbers = if spec.name() == "norm/batch_norm" {
            numbers.enumerate().map(|(i, x)| if i / 12 == 0 || i / 12 == 3 { 1.0 + x.abs() } else { x }).collect()
        } else {
            numbers.collect()
        };
        (spec.name(), Tensor::from_f32(spec.shape.clone(), numbers))
    };
    let params = Params::new(&graph, graph.parameters().unwrap().iter().map(tensor).collect()).unwrap();
    let nowhere = Provenance { kind: "".into(), file: "".into(), sha256: "".into(), converter: "".into() };
    let header = Header {
        version: VERSION,
        name: "own".into(),
        network: "custom".into(),
        graph,
        preprocess: Preprocess {
            resize: Resize { shorter_edge: 9, filter: Filter::PillowBilinear, crop: [9, 8], stretch: None },
            channels: ChannelOrder::Rgb,
            normalize: Normalize::TensorOnly { range: 2.0 },
        },
        labels: Vec::new(),
        source: nowhere,
        golden: Vec::new(),
    };
    Packed { header, params, mean_image: None }
}

#[test]
fn every_kind_of_layer_is_quantized() {
    let model = float();
    let run = |bits: &str, ends: bool, tuning| {
        let options = lq_infer::internals::quantize::QuantizeOptions {
            ends,
            mirror: true,
            ..options(bits, Method { tuning, ..Method::FULL })
        };
        quantize(&model, &Random::of(&model, 24), &options, &BTreeSet::new(), &|_, _, _| {}).unwrap()
    };
    let tuning = Some(Tuning { epochs: 2, ..Tuning::USUAL });
    for (bits, ends, tuning, most) in [
        ("8/8", false, None, 0.01),
        ("8/8", true, None, 0.01),
        ("8/8", true, tuning, 0.02),
        ("4/4", false, tuning, 0.2),
        ("8/32", true, None, 0.01),
        ("32/8", false, None, 0.01),
        ("8/8,grouped=8/32,middle=32/32", false, None, 0.01),
    ] {
        let low = run(bits, ends, tuning).packed;
        let off = difference(&model, &low);
        println!("{bits} {ends} {tuning:?}: {off}");
        assert!(off < most, "{bits}: {off}");
    }
    let graph = run("4/4", false, None).packed.header.graph;
    let encoding = |name: &str| {
        let node = graph.nodes().iter().find(|node| node.name == name).unwrap();
        let Op::Quantize { encoding, .. } = graph.nodes()[node.inputs[0]].op else { panic!("{name}") };
        encoding
    };
    assert_eq!(encoding("dilated"), Encoding::PlusMinus, "its input has both signs");
    assert_eq!(["grouped", "depthwise", "middle"].map(encoding), [Encoding::ZeroOne; 3]);
}
