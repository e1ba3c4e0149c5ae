//! Names and orders of other code for networks that are known, and code whose networks are not. Two checkpoints are real:
//! `qdelta-resnet20.pt` was trained by github.com/QDelta/LQ-Nets and comes with PyTorch's logits (float32),
//! `aim-resnet18-cifar.pth.tar` is of github.com/aim-uofa/model-quantization, and `aim.json` a graph of what that computes.

use crate::common::rng::Rng;
use crate::common::tensorpack::{Variables, write_npz};
use lq_infer::internals::compare::{Tolerance, compare_logits};
use lq_infer::internals::convert::{Checkpoint, ConvertOptions, CustomNetwork, convert, convert_graph};
use lq_infer::internals::format::Packed;
use lq_infer::internals::format::npy::{self, NpyData};
use lq_infer::internals::graph::{Encoding, Graph, Op, ParamSpec, Role, Ties, Weights};
use lq_infer::internals::zoo::{self, Widths};
use lq_infer::{Batch, DeviceSelector, Engine, Model};
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/layouts").join(name)
}

pub fn packed(variables: &Variables, options: &ConvertOptions) -> Result<Packed, String> {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = Checkpoint::open(&write_npz(variables, "", folder.path())).unwrap();
    convert(&checkpoint, options, &|_, _| {}).map(|c| c.packed).map_err(|e| e.to_string())
}

/// All numbers of a checkpoint that are floats.
pub fn floats(path: &Path) -> Variables {
    let checkpoint = Checkpoint::open(path).unwrap();
    let floats = checkpoint.variables().iter().filter(|(_, variable)| variable.dtype == "float32");
    floats.map(|(name, v)| (name.clone(), (v.shape.clone(), checkpoint.read_f32(name).unwrap()))).collect()
}

/// Encodings and ties of all quantizers, each once.
fn codes(graph: &Graph) -> Vec<(Encoding, Ties)> {
    let mut codes = Vec::new();
    for node in graph.nodes() {
        if let Op::Quantize { encoding, ties, .. } = node.op
            && !codes.contains(&(encoding, ties))
        {
            codes.push((encoding, ties));
        }
    }
    codes
}

pub fn assert_same_parameters(a: &Packed, b: &Packed) {
    assert_eq!(a.params.tensors().keys().collect::<Vec<_>>(), b.params.tensors().keys().collect::<Vec<_>>());
    for (name, tensor) in a.params.tensors() {
        assert!(tensor.bytes() == b.params.tensors()[name].bytes(), "{name}");
    }
}

#[test]
fn a_trained_network_with_one_basis_for_all_channels_gives_the_logits_of_pytorch() {
    let checkpoint = Checkpoint::open(&fixture("qdelta-resnet20.pt")).unwrap();
    let packed = convert(&checkpoint, &ConvertOptions::default(), &|_, _| {}).unwrap().packed;
    assert_eq!(packed.header.name, "torch-cifar-resnet-20 2/2");
    assert_eq!(codes(&packed.header.graph), [(Encoding::PlusMinus, Ties::Below)]);
    let read = |name: &str| npy::read(&std::fs::read(fixture(name)).unwrap()).unwrap();
    let (_, NpyData::U8(pictures)) = read("qdelta-pictures.npy") else { panic!("no pixels") };
    let (shape, NpyData::F32(logits)) = read("qdelta-resnet20-logits.npy") else { panic!("not float32") };
    let expected: Vec<f64> = logits.into_iter().map(f64::from).collect();
    let engine = Engine::builder().device(DeviceSelector::Cpu).build().unwrap();
    let net = engine.prepare(&Model::try_from(packed).unwrap()).unwrap();
    let agreement = compare_logits(&net, &Batch::Pixels(pictures), &expected).unwrap();
    assert_eq!(shape, [8, 10]);
    let worst = agreement.relative().fold(0f64, f64::max);
    assert!(worst < Tolerance::default().relative, "{worst}");
}

/// Other widths in every layer.
struct Varied;

impl Widths for Varied {
    fn weights(&self, layer: &str) -> Weights {
        Weights::Planes { bits: 1 + layer.len() % 3 }
    }

    fn activation_bits(&self, layer: &str) -> Option<usize> {
        Some(1 + layer.len() % 2)
    }

    fn outputs(&self, _: &str, usual: usize) -> usize {
        usual / 4 + 1
    }

    fn classes(&self, _: &str, _: usize) -> usize {
        7
    }

    fn input_size(&self, usual: usize) -> usize {
        usual
    }
}

/// Names, shapes and numbers.
type Named = Vec<(String, (Vec<usize>, Vec<f32>))>;

/// How a source names and orders a parameter.
type Naming = fn(&ParamSpec, inputs: usize, rng: &mut Rng) -> Named;

/// Numbers for every parameter of a network, under the names of a source. Equal seeds give equal numbers.
fn named(graph: &Graph, naming: Naming) -> Variables {
    let facts = graph.facts().unwrap();
    let mut rng = Rng::new(5);
    let inputs = |layer: &str| {
        let node = graph.nodes().iter().find(|n| n.name == layer).unwrap();
        facts[node.inputs[0]].shape.c
    };
    graph.parameters().unwrap().iter().flat_map(|spec| naming(spec, inputs(&spec.layer), &mut rng)).collect()
}

/// Shape and numbers of weights `[out, in, kh, kw]`, `[out, in]` of the last layer, and of a batch norm's rows.
fn torch_weights(spec: &ParamSpec, inputs: usize, rng: &mut Rng) -> (Vec<usize>, Vec<f32>) {
    let s = &spec.shape;
    let shape = if ["linear", "final_fc"].contains(&spec.layer.as_str()) {
        vec![s[0], inputs]
    } else {
        vec![s[0], inputs, s[1], s[2]]
    };
    let count = shape.iter().product();
    (shape, (0..count).map(|_| rng.uniform(-1.0, 1.0) as f32).collect())
}

fn batch_norm(spec: &ParamSpec, rng: &mut Rng) -> Named {
    let channels = spec.shape[1];
    let row = |name: &&str| {
        let numbers = (0..channels).map(|_| rng.uniform(0.1, 1.0) as f32).collect();
        (format!("{}.{name}", spec.layer), (vec![channels], numbers))
    };
    ["weight", "bias", "running_mean", "running_var"].iter().map(row).collect()
}

fn shared_basis(spec: &ParamSpec) -> Vec<f32> {
    (0..spec.shape[0]).map(|bit| 0.1 * (1 + bit) as f32 + 0.01 * spec.layer.len() as f32).collect()
}

fn qdelta(spec: &ParamSpec, inputs: usize, rng: &mut Rng) -> Named {
    let layer = &spec.layer;
    match spec.role {
        Role::Weight => vec![(format!("{layer}.weight"), torch_weights(spec, inputs, rng))],
        Role::Planes => vec![(format!("{layer}.conv.weight"), torch_weights(spec, inputs, rng))],
        Role::WeightBasis | Role::ActivationBasis => {
            vec![(format!("{layer}.basis"), (vec![spec.shape[0]], shared_basis(spec)))]
        }
        Role::Bias => vec![(format!("{layer}.bias"), (spec.shape.clone(), vec![0.5; spec.shape[0]]))],
        Role::BatchNorm => batch_norm(spec, rng),
    }
}

fn plain(spec: &ParamSpec, inputs: usize, rng: &mut Rng) -> Named {
    let layer = &spec.layer;
    match spec.role {
        Role::Planes => vec![(format!("{layer}.weight"), torch_weights(spec, inputs, rng))],
        Role::WeightBasis => {
            let bases = shared_basis(spec).repeat(spec.shape[1]);
            vec![(format!("{layer}.basis"), (vec![spec.shape[1], spec.shape[0]], bases))]
        }
        _ => qdelta(spec, inputs, rng),
    }
}

#[test]
fn one_basis_for_all_channels_is_a_basis_for_each() {
    for id in ["torch-cifar-resnet-20", "torch-cifar-resnet-32", "torch-cifar-resnet-110", "torch-cifar-resnet-b-20"] {
        let graph = zoo::find(id).unwrap().build(&Varied).unwrap().graph;
        let from = |naming: Naming| packed(&named(&graph, naming), &ConvertOptions::default()).unwrap();
        let (own, plain) = (from(qdelta), from(plain));
        assert_eq!((own.header.network.as_str(), &own.header.graph), (id, &graph));
        assert_eq!((plain.header.network.as_str(), &plain.header.graph), (id, &graph));
        assert_same_parameters(&own, &plain);
    }
}

#[test]
fn codes_of_zero_and_one_in_the_layers_of_torchvision() {
    let variables = floats(&fixture("aim-resnet18-cifar.pth.tar"));
    let own = packed(&variables, &ConvertOptions::default()).unwrap();
    assert_eq!(own.header.name, "torch-resnet-18-cifar10 2/2");
    assert_eq!(codes(&own.header.graph), [(Encoding::ZeroOne, Ties::Below)]);
    // The same numbers under plain names. Some weights are 0, which is a threshold; they belong to the level below it.
    let below = |data: &[f32]| data.iter().map(|&w| if w == 0.0 { -1e-9 } else { w }).collect::<Vec<f32>>();
    let rename = |(name, (shape, data)): (&String, &(Vec<usize>, Vec<f32>))| {
        let (layer, plain) = match name.strip_suffix(".basis") {
            None => {
                return (
                    name.clone(),
                    (
                        shape.clone(),
                        if shape.len() == 4 && name != "conv1.weight" { below(data) } else { data.clone() },
                    ),
                );
            }
            Some(layer) => (layer, layer.strip_suffix(".quant_weight")),
        };
        match plain {
            None => (
                format!("{}.activation_quantizer.basis", layer.strip_suffix(".quant_activation").unwrap()),
                (vec![shape[0]], data.clone()),
            ),
            Some(conv) => {
                let (bits, outputs) = (shape[0], shape[1]);
                let basis = (0..outputs).flat_map(|out| (0..bits).map(move |bit| data[bit * outputs + out]));
                (format!("{conv}.basis"), (vec![outputs, bits], basis.collect()))
            }
        }
    };
    let zero_one = ConvertOptions { encoding: Some(Encoding::ZeroOne), ..Default::default() };
    let plain = packed(&variables.iter().map(rename).collect(), &zero_one).unwrap();
    assert_same_parameters(&own, &plain);
}

#[test]
fn tables_of_other_code_are_ignored_and_tell_the_encoding() {
    let mut variables = floats(&fixture("aim-resnet18-cifar.pth.tar"));
    let quantizers: Vec<String> =
        variables.keys().filter_map(|name| Some(name.strip_suffix("basis")?.to_owned())).collect();
    let tables = |variables: &mut Variables, low: f32| {
        for quantizer in &quantizers {
            let codes = [low, low, 1.0, low, low, 1.0, 1.0, 1.0];
            for (table, shape, data) in [
                ("codec_vector", vec![4, 2], codes.to_vec()),
                ("codec_index", vec![4], vec![0.0, 1.0, 2.0, 3.0]),
                ("thrs_multiplier", vec![3, 4], vec![0.5; 12]),
                ("auxil", vec![2, 1], vec![0.0; 2]),
                ("iteration", vec![1], vec![7.0]),
                ("level_num", vec![1], vec![4.0]),
            ] {
                variables.insert(format!("{quantizer}{table}"), (shape, data));
            }
        }
    };
    for (low, encoding) in [(0.0, Encoding::ZeroOne), (-1.0, Encoding::PlusMinus), (0.5, Encoding::ZeroOne)] {
        tables(&mut variables, low);
        let packed = packed(&variables, &ConvertOptions::default()).unwrap();
        assert_eq!(codes(&packed.header.graph), [(encoding, Ties::Below)], "{low}");
    }
}

#[test]
fn only_shortcuts_may_be_float_among_quantized_layers() {
    let all = floats(&fixture("aim-resnet18-cifar.pth.tar"));
    let mut variables = all.clone();
    variables.retain(|name, _| !name.contains(".downsample.0.quant_"));
    let packed_ = packed(&variables, &ConvertOptions::default()).unwrap();
    let stored = |layer: &str| match packed_.header.graph.nodes().iter().find(|n| n.name == layer).unwrap().op {
        Op::Conv { weights, .. } => weights,
        ref other => panic!("{other}"),
    };
    assert_eq!(stored("layer2.0.downsample.0"), Weights::Float);
    assert_eq!(stored("layer2.0.conv1"), Weights::Planes { bits: 2 });
    for missing in ["layer2.0.conv1.quant_weight.basis", "layer3.1.conv2.quant_activation.basis"] {
        let mut variables = all.clone();
        variables.remove(missing).unwrap();
        let error = packed(&variables, &ConvertOptions::default()).unwrap_err();
        assert!(error.contains(&format!("closest is torch-resnet-18: missing variables '{missing}'")), "{error}");
    }
}

/// The names that conversion looks for under `aim.json`.
fn aim(spec: &ParamSpec, inputs: usize, rng: &mut Rng) -> Named {
    let quantizer = spec.layer.replace(".activation_quantizer", ".quant_activation");
    match spec.role {
        Role::Weight | Role::Planes => vec![(format!("{}.weight", spec.layer), torch_weights(spec, inputs, rng))],
        Role::WeightBasis => {
            let basis = (0..spec.shape[0] * spec.shape[1]).map(|_| rng.uniform(0.1, 1.0) as f32).collect();
            vec![(format!("{}.quant_weight.basis", spec.layer), (spec.shape.clone(), basis))]
        }
        Role::ActivationBasis => vec![(format!("{quantizer}.basis"), (vec![spec.shape[0], 1], shared_basis(spec)))],
        _ => qdelta(spec, inputs, rng),
    }
}

#[test]
fn a_graph_may_be_given_for_the_names_of_any_source() {
    let network = CustomNetwork::read(&fixture("aim.json")).unwrap();
    let variables = named(&network.graph, aim);
    let folder = tempfile::tempdir().unwrap();
    let wrapped = variables.iter().map(|(name, variable)| (format!("model.{name}"), variable.clone())).collect();
    let open = |variables| Checkpoint::open(&write_npz(variables, "", folder.path())).unwrap();
    let conversion = convert_graph(&open(&variables), &network, &ConvertOptions::default(), &|_, _| {}).unwrap();
    assert_eq!(conversion.packed.header.graph, network.graph);
    assert_eq!(conversion.notes, Vec::<String>::new());
    let under = convert_graph(&open(&wrapped), &network, &ConvertOptions::default(), &|_, _| {}).unwrap();
    assert_eq!(under.notes, ["the network was found under 'model.'"]);
    assert_same_parameters(&under.packed, &conversion.packed);
    // And without it, the same network with float shortcuts.
    let found = packed(&variables, &ConvertOptions::default()).unwrap();
    assert_eq!(found.header.network, "torch-resnet-18");
    assert_same_parameters(&found, &conversion.packed);
    let encoding = ConvertOptions { encoding: Some(Encoding::PlusMinus), ..Default::default() };
    let error = convert_graph(&open(&variables), &network, &encoding, &|_, _| {}).unwrap_err();
    assert!(error.to_string().contains("a graph says itself which encoding"), "{error}");
}

/// Names of a network that was built anew: what it computes is not told by them.
fn rebuilt() -> Variables {
    let conv = |outputs: usize, inputs: usize, kernel: usize| {
        let shape = vec![outputs, inputs, kernel, kernel];
        let count: usize = shape.iter().product();
        (shape, (0..count).map(|i| (i % 7) as f32 / 7.0 - 0.4).collect::<Vec<f32>>())
    };
    let mut all = Variables::new();
    all.insert("conv0.weight".into(), conv(8, 3, 7));
    let norm = |all: &mut Variables, name: &str, channels: usize| {
        for (part, value) in [("weight", 1.0), ("bias", 0.1), ("running_mean", 0.2), ("running_var", 0.7)] {
            all.insert(format!("{name}.{part}"), (vec![channels], vec![value; channels]));
        }
    };
    norm(&mut all, "bn0", 8);
    for (layer, inputs) in [("conv1", 8), ("conv2", 8)] {
        let name = format!("groups.0.0.{layer}");
        all.insert(format!("{name}.conv.weight"), conv(8, inputs, 3));
        all.insert(format!("{name}.weight_quant.basis"), (vec![1, 8], vec![0.3; 8]));
        all.insert(format!("{name}.weight_quant.level_codes"), (vec![2, 1], vec![-1.0, 1.0]));
        all.insert(format!("{name}.weight_quant.thrs_multiplier"), (vec![1, 2], vec![0.5; 2]));
        norm(&mut all, &format!("groups.0.0.bn{}", &layer[4..]), 8);
    }
    all.insert("groups.0.0.quant1.basis".into(), (vec![2, 1], vec![0.4, 0.9]));
    all.insert("groups.0.0.quant1.level_codes".into(), (vec![4, 2], vec![0.0; 8]));
    all.insert("linear.weight".into(), (vec![10, 8], vec![0.2; 80]));
    all.insert("linear.bias".into(), (vec![10], vec![0.0; 10]));
    all
}

#[test]
fn unknown_networks_are_described_with_a_way_to_convert_them() {
    let error = packed(&rebuilt(), &ConvertOptions::default()).unwrap_err();
    for part in [
        "it holds no known network, and none that is like one: 25 variables",
        "--graph (models/README.md)",
        "('groups.0.0.conv1.weight_quant.basis' [1, 8])",
        "a layer is called 'groups.0.0.conv1' there and reads 'groups.0.0.conv1.conv.weight'",
        "and a quantizer 'groups.0.0.quant1'",
    ] {
        assert!(error.contains(part), "'{part}' in {error}");
    }
    assert!(!error.contains("closest"), "{error}");
}

#[test]
fn the_way_leads_to_a_model() {
    let layer = |name: &str, kind: &str, input: &str| {
        format!(r#"{{"name": "{name}", "op": {{"kind": {kind}}}, "inputs": ["{input}"]}}"#)
    };
    let conv = |outputs: usize, size: usize, stride: usize, weights: &str, bias: bool| {
        let pad = size / 2;
        format!(
            r#""conv", "outputs": {outputs}, "window": {{"kernel": [{size}, {size}], "stride": [{stride}, {stride}],
               "before": [{pad}, {pad}], "after": [{pad}, {pad}]}}, "weights": {weights}, "bias": {bias}"#
        )
    };
    let (float, planes) = (r#"{"stored": "float"}"#, r#"{"stored": "planes", "bits": 1}"#);
    let norm = r#""batch-norm", "epsilon": 1e-5"#;
    let pool = r#""avg-pool", "window": {"kernel": [4, 4], "stride": [1, 1], "before": [0, 0], "after": [0, 0]}"#;
    let layers = [
        r#"{"name": "input", "op": {"kind": "input", "shape": {"h": 8, "w": 8, "c": 3}}, "inputs": []}"#.to_owned(),
        layer("conv0", &conv(8, 7, 2, float, false), "input"),
        layer("bn0", norm, "conv0"),
        layer("relu0", "\"relu\"", "bn0"),
        layer("groups.0.0.conv1", &conv(8, 3, 1, planes, false), "relu0"),
        layer("groups.0.0.bn1", norm, "groups.0.0.conv1"),
        layer("relu1", "\"relu\"", "groups.0.0.bn1"),
        layer("groups.0.0.quant1", r#""quantize", "bits": 2"#, "relu1"),
        layer("groups.0.0.conv2", &conv(8, 3, 1, planes, false), "groups.0.0.quant1"),
        layer("groups.0.0.bn2", norm, "groups.0.0.conv2"),
        layer("gap", pool, "groups.0.0.bn2"),
        layer("linear", &conv(10, 1, 1, float, true), "gap"),
    ];
    let text = format!(
        r#"{{"version": 1, "name": "rebuilt", "graph": [{}], "preprocess": {{"resize": {{"shorter_edge": 8,
            "filter": "pillow-bilinear", "crop": [8, 8]}}, "channels": "rgb",
            "normalize": {{"kind": "channel", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}}}}}"#,
        layers.join(", ")
    );
    let network = CustomNetwork::parse(&text).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = Checkpoint::open(&write_npz(&rebuilt(), "", folder.path())).unwrap();
    let packed = convert_graph(&checkpoint, &network, &ConvertOptions::default(), &|_, _| {}).unwrap().packed;
    assert_eq!(packed.header.name, "rebuilt 1/2");
    assert_eq!(packed.params.get("groups.0.0.quant1", Role::ActivationBasis).unwrap().f32(), [0.4, 0.9]);
}
