//! The network definitions: they ask for the variables that the original code has, and have the sizes that are published.

use crate::common::tensorpack::shapes;
use lq_infer::internals::graph::{Graph, Op, Weights};
use lq_infer::internals::tensor::Shape;
use lq_infer::internals::zoo::{NETWORKS, Uniform};
use sha2::{Digest, Sha256};

/// Float weights or activations.
const FLOAT: Option<usize> = None;

fn uniform(weights: Option<usize>, activation_bits: Option<usize>) -> Uniform {
    Uniform { weights: weights.map_or(Weights::Float, |bits| Weights::Planes { bits }), activation_bits }
}

fn graph(id: &str, weights: Option<usize>, activations: Option<usize>) -> Graph {
    let network = NETWORKS.iter().find(|n| n.id == id).unwrap_or_else(|| panic!("no network {id}"));
    network.build(&uniform(weights, activations)).unwrap_or_else(|e| panic!("{id}: {e}")).graph
}

/// How many nodes are of a kind.
fn count(graph: &Graph, kind: impl Fn(&Op) -> bool) -> usize {
    graph.nodes().iter().filter(|n| kind(&n.op)).count()
}

/// A network, its bits of weights and activations, and of the inference graph that the original code built of it: the number of
/// variables, and the start of the SHA-256 over lines "name [shape]" in order of the names.
type Original = (&'static str, Option<usize>, Option<usize>, usize, &'static str);

const ORIGINALS: [Original; 11] = [
    ("alexnet", Some(2), Some(2), 47, "0bc2b84f456b7d51"),
    ("densenet-121", Some(2), Some(2), 829, "0ebfba213fd3ad70"),
    ("googlenet-variant", Some(2), Some(2), 326, "c2852ff48ccf1f1f"),
    ("preact-resnet-18", Some(1), Some(2), 169, "987f7c9a6e28b8c4"),
    ("preact-resnet-18", Some(4), Some(4), 169, "bcf9ed3bdf4a6648"),
    ("preact-resnet-50", Some(2), Some(2), 431, "ee74ebc30a2096fc"),
    ("preact-resnet-type-a-18", Some(2), Some(2), 151, "d83eb941fc6902d8"),
    ("resnet-18", Some(2), FLOAT, 121, "b3a2fc96823a36a6"),
    ("vgg-small", Some(3), Some(3), 42, "956e6b1da12923ff"),
    ("vgg-small", Some(1), FLOAT, 37, "4e2937d0112d874a"),
    ("vgg-variant", Some(2), Some(2), 82, "42798ae2cbc85218"),
];

#[test]
fn variables_are_those_of_the_original_code() {
    for (id, weights, activations, number, digest) in ORIGINALS {
        let shapes = shapes(&graph(id, weights, activations));
        let lines: String = shapes.iter().map(|(name, shape)| format!("{name} {shape:?}\n")).collect();
        let found: String = Sha256::digest(&lines).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((shapes.len(), found.as_str()), (number, digest), "{id}:\n{lines}");
    }
}

#[test]
fn every_network_builds_at_every_width() {
    for network in NETWORKS {
        let sizes = (network.id.contains("cifar") || network.id == "vgg-small", network.id == "alexnet");
        let (size, classes) = match sizes {
            (true, _) => (32, 10),
            (false, alexnet) => (if alexnet { 227 } else { 224 }, 1000),
        };
        assert_eq!(network.labels().count(), classes, "{}", network.id);
        for (weights, activations) in
            [(Some(1), Some(1)), (Some(8), Some(8)), (Some(2), FLOAT), (FLOAT, Some(3)), (FLOAT, FLOAT)]
        {
            let graph = graph(network.id, weights, activations);
            let planes = count(&graph, |op| matches!(op, Op::Conv { weights: Weights::Planes { .. }, .. }));
            let quantizers = count(&graph, |op| matches!(op, Op::Quantize { .. }));
            let convs = count(&graph, |op| matches!(op, Op::Conv { .. }));
            // All but the first and the last, or the last three of torchvision's VGGs.
            let float = if network.id.starts_with("torch-vgg") { 4 } else { 2 };
            assert_eq!(planes, if weights.is_some() { convs - float } else { 0 }, "{}", network.id);
            let quantizes = activations.is_some() && !network.id.starts_with("resnet");
            assert_eq!(quantizers > 0, quantizes, "{}", network.id);
            assert_eq!(graph.input_shape(), Shape { h: size, w: size, c: 3 }, "{}", network.id);
            assert_eq!(
                graph.facts().unwrap().last().unwrap().shape,
                Shape { h: 1, w: 1, c: classes },
                "{}",
                network.id
            );
        }
    }
}

/// Trained numbers of the float network: weights, biases, and gamma and beta of batch norms.
fn trained(graph: &Graph) -> usize {
    let trained = |name: &str| ["/W", "/b", "/gamma", "/beta"].iter().any(|suffix| name.ends_with(suffix));
    shapes(graph).iter().filter(|(name, _)| trained(name)).map(|(_, shape)| shape.iter().product::<usize>()).sum()
}

#[test]
fn sizes_are_the_published_ones() {
    // As torchvision lists them, whose ResNets have the same layers as the original ones.
    for (id, size) in [
        ("resnet-18", 11_689_512),
        ("resnet-34", 21_797_672),
        ("resnet-50", 25_557_032),
        ("resnet-101", 44_549_160),
        ("resnet-152", 60_192_808),
    ] {
        assert_eq!(trained(&graph(id, FLOAT, FLOAT)), size, "{id}");
        assert_eq!(trained(&graph(&format!("torch-{id}"), FLOAT, FLOAT)), size, "torch-{id}");
    }
    for (id, size) in [
        ("torch-vgg-11", 132_863_336),
        ("torch-vgg-11-bn", 132_868_840),
        ("torch-vgg-13", 133_047_848),
        ("torch-vgg-13-bn", 133_053_736),
        ("torch-vgg-16", 138_357_544),
        ("torch-vgg-16-bn", 138_365_992),
        ("torch-vgg-19", 143_667_240),
        ("torch-vgg-19-bn", 143_678_248),
    ] {
        assert_eq!(trained(&graph(id, FLOAT, FLOAT)), size, "{id}");
    }
}

#[test]
fn names_count_the_layers() {
    let counted = NETWORKS.iter().filter_map(|n| Some((n.id, n.id.rsplit_once('-')?.1.parse::<usize>().ok()?)));
    let mut networks = 0;
    for (id, depth) in counted {
        let graph = graph(id, FLOAT, FLOAT);
        let layers = graph.nodes().iter().filter(|n| matches!(n.op, Op::Conv { .. }));
        let shortcuts = ["/convshortcut", ".downsample.0", ".id_mapping.0"];
        assert_eq!(layers.filter(|n| !shortcuts.iter().any(|s| n.name.ends_with(s))).count(), depth, "{id}");
        networks += 1;
    }
    assert_eq!(networks, 40);
}

/// Numbers of all weights, and of those of 1x1 shortcuts.
fn weights(id: &str) -> (usize, usize) {
    let shapes = shapes(&graph(id, FLOAT, FLOAT));
    let sum = |suffix: &str| {
        shapes.iter().filter(|(name, _)| name.ends_with(suffix)).map(|(_, shape)| shape.iter().product::<usize>()).sum()
    };
    (sum("/W"), sum("/convshortcut/W"))
}

#[test]
fn kinds_of_resnets_differ_in_their_shortcuts_only() {
    for depth in [18, 34, 50, 101, 152] {
        let (all, shortcuts) = weights(&format!("resnet-{depth}"));
        assert!(shortcuts > 0);
        assert_eq!(weights(&format!("preact-resnet-{depth}")), (all, shortcuts), "depth {depth}");
        assert_eq!(weights(&format!("preact-resnet-type-a-{depth}")), (all - shortcuts, 0), "depth {depth}");
    }
}
