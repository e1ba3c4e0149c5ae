//! What a checkpoint says of itself.

use super::{Files, converted, name_and_notes, refused, resnet18, torch_file, without_bases};
use crate::common::program::{fails, run, stderr, text as path_text};
use crate::common::tensorpack::{Variables, write_npz};
use crate::common::torch_files::{Object, call, dict, from_memo, ints, memoized, opcodes, text};
use lq_infer::internals::convert::{Checkpoint, ConvertOptions, Unquantized, convert};

const NOTHING: &str = "nothing in it is quantized";

/// Settings as the ports have them.
fn settings(dataset: &str, bits: i64) -> Vec<(&'static str, Object)> {
    vec![
        ("dataset", text(dataset)),
        ("w_bit", Object::Int(bits)),
        ("a_bit", Object::Int(bits)),
        ("lr", Object::Float(0.1)),
    ]
}

/// An object with attributes.
fn object(module: &'static str, name: &'static str, attributes: Vec<(&str, Object)>) -> Object {
    Object::Built(Box::new(call(module, name, vec![])), Box::new(dict(attributes)))
}

/// An object of a class derived from dict: its items come one after the other, not as a state.
fn items(module: &'static str, name: &'static str, items: Vec<(&str, Object)>) -> Object {
    let items: Vec<u8> = items.iter().flat_map(|(key, value)| [opcodes(&text(key)), opcodes(value)].concat()).collect();
    Object::Raw([&opcodes(&Object::Global(module, name))[..], b")\x81(", &items, b"u"].concat())
}

/// A configuration of OmegaConf: nodes with values, which refer back to the whole.
fn omegaconf(settings: Vec<(&str, Object)>) -> Object {
    let node = |value| object("omegaconf.nodes", "AnyNode", vec![("_parent", Object::None), ("_val", value)]);
    let content = dict(settings.into_iter().map(|(key, value)| (key, node(value))).collect());
    let whole = memoized(&call("omegaconf.dictconfig", "DictConfig", vec![]), 0);
    Object::Built(Box::new(whole), Box::new(dict(vec![("_parent", from_memo(0)), ("_content", content)])))
}

/// Every form in which code keeps its settings, with how a message names the width of the weights.
fn forms(dataset: &str, bits: i64) -> Vec<(Vec<(&'static str, Object)>, &'static str)> {
    let own = || settings(dataset, bits);
    let as_text =
        vec![("dataset", text(dataset)), ("w_bit", text(&bits.to_string())), ("a_bit", text(&bits.to_string()))];
    vec![
        (vec![("args", object("argparse", "Namespace", own()))], "args.w_bit"),
        (vec![("args", object("types", "SimpleNamespace", own()))], "args.w_bit"),
        (vec![("args", dict(own()))], "args.w_bit"),
        (vec![("opt", dict(as_text))], "opt.w_bit"),
        (
            vec![("hyper_parameters", items("lightning.fabric.utilities.data", "AttributeDict", own()))],
            "hyper_parameters.w_bit",
        ),
        (vec![("config", items("easydict", "EasyDict", own()))], "config.w_bit"),
        (vec![("cfg", omegaconf(own()))], "cfg.w_bit"),
        (vec![("meta", dict(vec![("config", dict(vec![("model", dict(own()))]))]))], "meta.config.model.w_bit"),
        (
            vec![("hyper_parameters", dict(vec![("args", object("__main__", "Config", own()))]))],
            "hyper_parameters.args.w_bit",
        ),
        (own(), "w_bit"),
        (
            vec![("args", text(&format!("Namespace(lr=0.1, w_bit={bits}, a_bit={bits}, dataset='{dataset}')")))],
            "args.w_bit",
        ),
        (vec![("cfg", text(&format!("data:\n  dataset: {dataset}\nw_bit: {bits}\na_bit: {bits}\n")))], "cfg.w_bit"),
        (
            vec![(
                "cfg",
                dict(vec![
                    ("dataset", dict(vec![("name", text(dataset))])),
                    ("w_bit", dict(vec![("bits", Object::Int(bits))])),
                    ("a_bit", Object::Int(bits)),
                ]),
            )],
            "cfg.w_bit.bits",
        ),
    ]
}

#[test]
fn a_float_network_is_refused_and_converts_if_that_is_meant() {
    let files = Files::new();
    let path = files.write("float.pth", &torch_file(&[("state_dict", &without_bases())], vec![]));
    let parts = [
        NOTHING,
        "`lq-infer quantize`",
        "'layer1.0.conv1.weight_quantizer.basis'",
        "'layer1.0.conv1.basis'",
        "`lq-infer names torch-resnet-18-cifar10`",
        "--allow-float",
    ];
    let output = files.path("m.safetensors");
    fails(&["convert", path_text(&path), "-o", path_text(&output)], 3, &parts);
    let refusal = super::refusal(&path);
    assert!(refusal.find("`lq-infer quantize`") < refusal.find(".basis'"), "advice comes first: {refusal}");
    assert!(!output.exists());
    let done = run(&["convert", path_text(&path), "-o", path_text(&output), "--allow-float"]);
    assert!(done.status.success() && output.exists(), "{}", stderr(&done));
    assert!(stderr(&done).contains("nothing in this network is quantized"), "{}", stderr(&done));
}

#[test]
fn a_float_network_of_the_original_code_or_of_a_graph_is_refused_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut variables = crate::convert::resnet20(2, 2);
    variables.retain(|name, _| !name.ends_with("basis"));
    let path = write_npz(&variables, ":0", folder.path());
    refused(&path, &[NOTHING, "'group0/block0/conv1/weight_quant/basis'", "`lq-infer names cifar-resnet-20`"]);
    let options = ConvertOptions { unquantized: Unquantized::Noted, ..Default::default() };
    let conversion = convert(&Checkpoint::open(&path).unwrap(), &options, &|_, _| {}).unwrap();
    assert_eq!(conversion.packed.header.name, "cifar-resnet-20 32/32");
}

#[test]
fn settings_in_any_form_that_say_quantized_are_quoted() {
    let files = Files::new();
    let float = without_bases();
    for (settings, name) in forms("cifar10", 2) {
        let path = files.write("lost.pth", &torch_file(&[("state_dict", &float)], settings));
        refused(&path, &[NOTHING, &format!("{name} = 2 says that weights are quantized"), "save the bases"]);
    }
    for (settings, _) in forms("cifar10", 32) {
        let path = files.write("float.pth", &torch_file(&[("state_dict", &float)], settings));
        let error = super::refusal(&path);
        assert!(error.contains(NOTHING) && !error.contains("says that weights"), "{error}");
    }
}

#[test]
fn one_kind_of_lost_quantizers_is_refused() {
    let files = Files::new();
    let mut variables = resnet18();
    variables.retain(|name, _| !name.contains("activation_quantizer"));
    let args = |bits| vec![("args", object("argparse", "Namespace", settings("cifar10", bits)))];
    let path = files.write("lost.pth", &torch_file(&[("state_dict", &variables)], args(2)));
    refused(&path, &["args.a_bit = 2 says that activations are quantized", "no basis", "--allow-float"]);
    let path = files.write("weights-only.pth", &torch_file(&[("state_dict", &variables)], vec![]));
    assert_eq!(name_and_notes(&path).0, "torch-resnet-18-cifar10 2/32");
    // Bases that are there count for more than what the settings say of their bits.
    let path = files.write("other.pth", &torch_file(&[("state_dict", &resnet18())], args(3)));
    let (name, notes) = name_and_notes(&path);
    assert_eq!(name, "torch-resnet-18-cifar10 2/2");
    assert!(notes.contains("args.w_bit = 3, but its bases of weights have 2 bits"), "{notes}");
}

/// A ResNet-18 with as many outputs.
fn with_outputs(outputs: usize) -> Variables {
    let mut variables = resnet18();
    let (shape, weights) = variables["fc.weight"].clone();
    let weights = weights.iter().cycle().take(outputs * shape[1]).copied().collect();
    variables.insert("fc.weight".into(), (vec![outputs, shape[1]], weights));
    variables.insert("fc.bias".into(), (vec![outputs], vec![0.0; outputs]));
    variables
}

#[test]
fn the_data_set_is_believed_before_outputs_are_counted() {
    let files = Files::new();
    let taken = |dataset: &str, outputs, size| {
        for (settings, _) in forms(dataset, 2) {
            let path = files.write("a.pth", &torch_file(&[("state_dict", &with_outputs(outputs))], settings));
            let conversion = converted(&path).unwrap();
            assert_eq!(conversion.packed.header.graph.input_shape().h, size, "{dataset}, {outputs} outputs");
            assert_eq!(conversion.alternatives, [""; 0]);
            assert!(conversion.notes.iter().any(|note| note.contains(dataset)), "{:?}", conversion.notes);
        }
    };
    taken("cifar10", 1000, 32);
    taken("imagenet", 10, 224);
    taken("CIFAR-100", 100, 32);
    // Without a word, a thousand classes are ImageNet's; ten are CIFAR-10's or not.
    for (outputs, id, others) in [(1000, "torch-resnet-18", 0), (10, "torch-resnet-18-cifar10", 1)] {
        let path = files.write("b.pth", &torch_file(&[("state_dict", &with_outputs(outputs))], vec![]));
        let conversion = converted(&path).unwrap();
        assert_eq!((&*conversion.packed.header.network, conversion.alternatives.len()), (id, others));
    }
    // The same network on pictures whose labels are not known here gets none.
    let path = files.write("a.pth", &torch_file(&[("state_dict", &resnet18())], vec![("dataset", text("svhn"))]));
    let conversion = converted(&path).unwrap();
    assert_eq!((conversion.packed.header.labels, conversion.alternatives.len()), (vec![], 1));
    assert!(conversion.notes.iter().any(|note| note.contains("dataset = 'svhn'")), "{:?}", conversion.notes);
}

#[test]
fn quant_info_in_every_form_is_another_scheme() {
    let files = Files::new();
    let layer = || dict(vec![("scale", Object::Float(0.1)), ("bias", Object::Float(0.0))]);
    let by_number = |layers: Vec<Object>| Object::Dict((0..).map(Object::Int).zip(layers).collect());
    let forms = [
        ("quant_info", Object::List(vec![layer(), layer()])),
        ("quant_info", by_number(vec![layer(), layer()])),
        ("quant_info", dict(vec![("conv1", layer())])),
        ("quant_info", dict(vec![("weights", by_number(vec![layer()])), ("activations", Object::Tuple(vec![]))])),
        ("quant_info", dict(vec![("scale", Object::List(vec![])), ("bias", Object::List(vec![]))])),
        ("quant_info", object("quant", "Info", vec![("scale", Object::Float(0.1)), ("bias", Object::Float(0.0))])),
        ("model", dict(vec![("quant_info", Object::List(vec![layer()]))])),
    ];
    for (key, info) in forms {
        let path = files.write("scales.pth", &torch_file(&[("state_dict", &without_bases())], vec![(key, info)]));
        refused(&path, &["'quant_info' has a scale and a bias for each layer", "expected an LQ-Net", "basis"]);
    }
    // A form that is not known says at least that there was something.
    let unknown = dict(vec![("conv1", ints(&[1, 2]))]);
    let path =
        files.write("other.pth", &torch_file(&[("state_dict", &without_bases())], vec![("quant_info", unknown)]));
    refused(&path, &[NOTHING, "'quant_info' holds quantizers in a form that is not known"]);
    let path = files.write("none.pth", &torch_file(&[("state_dict", &resnet18())], vec![("quant_info", Object::None)]));
    assert_eq!(name_and_notes(&path).0, "torch-resnet-18-cifar10 2/2");
}

#[test]
fn weights_saved_after_quantization_are_told() {
    let files = Files::new();
    let mut variables = without_bases();
    for (name, (_, weights)) in &mut variables {
        if name.contains("conv") {
            weights.iter_mut().for_each(|w| *w = [-0.3f32, -0.1, 0.1, 0.3][((*w * 1e4).abs() as usize) % 4]);
        }
    }
    let path = files.write("levels.pth", &torch_file(&[("state_dict", &variables)], vec![]));
    refused(&path, &[NOTHING, "at most 4 values in each channel", "saved after quantization"]);
    let options = ConvertOptions { unquantized: Unquantized::Noted, ..Default::default() };
    let report = convert(&Checkpoint::open(&path).unwrap(), &options, &|_, _| {}).unwrap().report;
    let warnings: Vec<String> = report.warnings().iter().map(ToString::to_string).collect();
    assert!(warnings.iter().any(|w| w.contains("'layer1.0.conv1' (at most 4 values")), "{warnings:?}");
}

#[test]
fn objects_that_share_a_large_state_do_not_cost_its_size_each() {
    let files = Files::new();
    let large = Object::Dict((0..20_000).map(|i| (text(&format!("s{i}")), Object::Int(i))).collect());
    let first = memoized(&large, 0);
    let shares = |_| Object::Built(Box::new(call("mine", "Thing", vec![])), Box::new(from_memo(0)));
    let all = Object::List(std::iter::once(first).chain((0..4000).map(shares)).collect());
    let holder = dict(vec![("all", all.clone()), ("quant_info", all)]);
    let path = files.write("shared.pth", &torch_file(&[("state_dict", &resnet18())], vec![("args", holder)]));
    let start = std::time::Instant::now();
    assert!(Checkpoint::open(&path).is_ok());
    assert!(start.elapsed().as_secs() < 60, "80 million entries were looked at");
}
