//! Conversion reads large variables in pieces: its memory does not grow with the checkpoint's.

use crate::alloc::peak_of;
use crate::common::tensorpack::{Variables, shapes, write_bundle, write_npz};
use crate::common::torch_files::{Tensor, archive, dict, pickle};
use crate::common::torch_names::{Names, renamed, write_safetensors};
use crate::common::writers::f32_bytes;
use lq_infer::internals::convert::{Checkpoint, ConvertOptions, CustomNetwork, GRAPH_VERSION, convert_graph};
use lq_infer::internals::graph::preprocess::{ChannelOrder, Filter, Normalize, Preprocess, Resize};
use lq_infer::internals::graph::{Graph, GraphBuilder, Weights};
use lq_infer::internals::session::add_golden;
use lq_infer::internals::tensor::{Shape, Window};
use lq_infer::{DeviceSelector, Engine};
use safetensors::Dtype;
use std::cell::Cell;
use std::path::{Path, PathBuf};

/// The most memory that conversion may take: half the size of the smallest checkpoint below.
const MOST: usize = 8 << 20;

/// A network of which nearly all is one layer, as in VGG-Variant: 33.6 MB in float32, 16.8 MB in half precision.
fn graph() -> Graph {
    let mut b = GraphBuilder::new(Shape { h: 8, w: 8, c: 3 });
    let x = b.conv("first", b.input(), 64, Window::padded(3, 1, 1), Weights::Float);
    let x = b.bn_relu("first", x);
    let x = b.quantize("quant", x, 2);
    let x = b.conv("large", x, 2048, Window::valid(8, 1), Weights::Planes { bits: 2 });
    let x = b.bn_relu("large", x);
    b.dense("last", x, 10, [1, 1]);
    b.finish().unwrap()
}

/// Numbers that are all different from those beside them, and all positive but for weights.
fn variables(graph: &Graph) -> Variables {
    let number = |i: usize| (i.wrapping_mul(0x9e37_79b1) >> 8 & 0xffff) as f32 / 65536.0;
    let fill = |(name, shape): (String, Vec<usize>)| {
        let shift = if name.ends_with("/W") { 0.5 } else { -0.5 };
        let data = (0..shape.iter().product()).map(|i| number(i) - shift).collect();
        (name, (shape, data))
    };
    shapes(graph).into_iter().map(fill).collect()
}

fn network(graph: Graph) -> CustomNetwork {
    let preprocess = Preprocess {
        resize: Resize { shorter_edge: 8, filter: Filter::PillowBilinear, crop: [8, 8], stretch: None },
        channels: ChannelOrder::Rgb,
        normalize: Normalize::Channel { mean: [0.5; 3], std: [0.25; 3] },
    };
    let weight_ties = Default::default();
    CustomNetwork { version: GRAPH_VERSION, name: "large".into(), graph, preprocess, labels: vec![], weight_ties }
}

/// Writes what `torch.save` makes of a model in the memory format `channels_last`, whose convolutions are not in C order.
fn write_torch(variables: &Variables, folder: &Path) -> PathBuf {
    let (mut tensors, mut storages) = (Vec::new(), Vec::new());
    for (name, (shape, data)) in variables {
        let shape: Vec<i64> = shape.iter().map(|&dim| dim as i64).collect();
        let mut tensor = Tensor::contiguous("FloatStorage", name.clone().leak(), &shape);
        if let [_, inputs, height, width] = shape[..] {
            tensor.strides = vec![inputs * height * width, 1, width * inputs, inputs];
        }
        storages.push((name.as_str(), f32_bytes(data)));
        tensors.push((name.as_str(), tensor.object(false)));
    }
    let path = folder.join("model.pt");
    std::fs::write(&path, archive(&pickle(&dict(tensors)), &storages)).unwrap();
    path
}

/// Converts as the program does and saves; tells the most memory at any time.
fn peak(checkpoint: &Path, network: &CustomNetwork, folder: &Path) -> usize {
    let reference = Engine::builder().device(DeviceSelector::CpuReference).build().unwrap();
    let seen = Cell::new((0, 0));
    let progress = |done: usize, total: usize| {
        assert!(done > seen.get().0 && done <= total, "{done} of {total} after {:?}", seen.get());
        seen.set((done, total));
    };
    let (_, peak) = peak_of(|| {
        let packed =
            convert_graph(&Checkpoint::open(checkpoint).unwrap(), network, &ConvertOptions::default(), &progress)
                .unwrap()
                .packed;
        add_golden(packed, &reference).unwrap().save(folder.join("model.safetensors")).unwrap();
    });
    assert_eq!(seen.get().0, seen.get().1, "progress comes to its end");
    peak
}

#[test]
fn conversion_takes_a_fraction_of_the_checkpoints_size() {
    let folder = tempfile::tempdir().unwrap();
    let graph = graph();
    let original = variables(&graph);
    let plain = renamed(&original, &graph, Names::Plain);
    let checkpoints = [
        write_bundle(&original, folder.path()),
        write_npz(&original, ":0", folder.path()),
        write_safetensors(&plain, Dtype::F32, folder.path()),
        write_torch(&plain, folder.path()),
        write_safetensors(&plain, Dtype::BF16, folder.path()),
    ];
    let network = network(graph);
    for checkpoint in checkpoints {
        let peak = peak(&checkpoint, &network, folder.path());
        println!("{}: {peak} bytes", checkpoint.display());
        assert!(peak < MOST, "{}: {peak} bytes", checkpoint.display());
    }
}
