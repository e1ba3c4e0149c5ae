//! Which tensors of a file are taken: one of several state dicts, all but bookkeeping, and none that are no plain arrays.

use super::{Files, converted, name_and_notes, refusal, refused, resnet18, torch_file};
use crate::common::program::{fails, text as path_text};
use crate::common::tensorpack::Variables;
use crate::common::torch_files::{Object, Tensor, call, dict, ints, text};
use lq_infer::internals::convert::{Checkpoint, ConvertOptions, convert};

/// The same network with other numbers.
fn averaged() -> Variables {
    let mut variables = resnet18();
    variables.get_mut("fc.bias").unwrap().1.fill(0.25);
    variables
}

/// The biases of the last layer, which tell the two apart.
fn biases(checkpoint: &Checkpoint) -> f32 {
    checkpoint.read_f32("fc.bias").unwrap()[0]
}

#[test]
fn several_state_dicts_are_told_and_chosen_among() {
    let files = Files::new();
    let (own, ema) = (resnet18(), averaged());
    let path = files.write("both.pth.tar", &torch_file(&[("state_dict", &own), ("state_dict_ema", &ema)], vec![]));
    let (name, notes) = name_and_notes(&path);
    assert_eq!(name, "torch-resnet-18-cifar10 2/2");
    let parts = ["'state_dict' (", "is taken", "'state_dict_ema' (", " tensors, ", " numbers)", "--key"];
    parts.iter().for_each(|part| assert!(notes.contains(part), "{notes}"));
    assert_ne!(biases(&Checkpoint::open(&path).unwrap()), 0.25);
    let chosen = Checkpoint::open_state_dict(&path, "state_dict_ema").unwrap();
    assert_eq!(biases(&chosen), 0.25);
    let notes = convert(&chosen, &ConvertOptions::default(), &|_, _| {}).unwrap().notes;
    assert_eq!(notes, [""; 0], "a choice that was made needs no note");
    fails(
        &["convert", path_text(&path), "--key", "ema", "-o", path_text(&files.path("m"))],
        3,
        &["no state dict 'ema'", "it holds 'state_dict' (", "'state_dict_ema' ("],
    );
    // Where no key is the usual one, nothing is guessed.
    let path = files.write("two.pth", &torch_file(&[("student", &own), ("teacher", &ema)], vec![]));
    refused_at_opening(&path, &["several state dicts: 'student' (", "'teacher' (", "--key"]);
    assert_eq!(biases(&Checkpoint::open_state_dict(&path, "teacher").unwrap()), 0.25);
}

#[track_caller]
fn refused_at_opening(path: &std::path::Path, parts: &[&str]) {
    let error = Checkpoint::open(path).unwrap_err().to_string();
    parts.iter().for_each(|part| assert!(error.contains(part), "expected '{part}' in '{error}'"));
}

#[test]
fn state_dicts_in_dicts_are_found_and_small_dicts_are_not_taken_for_them() {
    let files = Files::new();
    let tensor = Tensor::contiguous("FloatStorage", "0", &[8, 3, 7, 7]).object(false);
    let states = dict(vec![("torch", tensor.clone()), ("cuda", tensor.clone())]);
    let path = files.write("random.pth", &torch_file(&[("net", &resnet18())], vec![("rng_states", states)]));
    assert_eq!(name_and_notes(&path), ("torch-resnet-18-cifar10 2/2".into(), String::new()));
    let inner = dict(vec![("conv1.weight", tensor)]);
    let ema = dict(vec![("decay", Object::Float(0.99)), ("shadow", inner)]);
    let path = files.write("nested.pth", &torch_file(&[("unused", &Variables::new())], vec![("ema", ema)]));
    // The only state dict lies deeper; its storage is missing here, which is said of that tensor.
    refused_at_opening(&path, &["variable \"conv1.weight\": storage \"0\" is missing"]);
    let path = files.write("deep.pth", &torch_file(&[("net", &resnet18())], vec![]));
    let error = Checkpoint::open_state_dict(&path, "ema.shadow").unwrap_err().to_string();
    assert!(error.contains("no state dict 'ema.shadow'; it holds 'net' ("), "{error}");
}

#[test]
fn files_without_keys_say_so() {
    let files = Files::new();
    let path = files.write("x.npz", &crate::common::writers::zip(&[], false));
    assert!(Checkpoint::open_state_dict(&path, "ema").is_err());
    let plain = super::fixture("torch_layouts/resnet34-cifar.safetensors");
    let error = Checkpoint::open_state_dict(&plain, "ema").unwrap_err().to_string();
    assert!(error.contains("holds one state dict and no key \"ema\""), "{error}");
}

#[test]
fn bookkeeping_of_training_is_ignored_and_told() {
    let files = Files::new();
    let mut variables = resnet18();
    for layer in ["", "conv1.", "layer1.0.conv1.", "layer1.0.conv1.activation_quantizer."] {
        variables.insert(format!("{layer}total_ops"), (vec![1], vec![0.0]));
        variables.insert(format!("{layer}total_params"), (vec![1], vec![0.0]));
    }
    let path = files.write("thop.pt", &torch_file(&[("state_dict", &variables)], vec![]));
    let (name, notes) = name_and_notes(&path);
    assert_eq!(name, "torch-resnet-18-cifar10 2/2");
    assert!(notes.contains("ignored as bookkeeping of training: 4 'total_ops', 4 'total_params'"), "{notes}");
    // A count beside the modules of a wrapper does not hide the wrapper's prefix.
    let mut averaged: Variables = resnet18().into_iter().map(|(name, v)| (format!("module.{name}"), v)).collect();
    averaged.insert("n_averaged".into(), (vec![], vec![3.0]));
    let path = files.write("swa.pt", &torch_file(&[("model", &averaged)], vec![]));
    assert_eq!(converted(&path).unwrap().packed.header.name, "torch-resnet-18-cifar10 2/2");
    // What only has such a name, but is an array, is still an unknown variable.
    variables.insert("fc.total_ops".into(), (vec![4], vec![0.0; 4]));
    let path = files.write("odd.pt", &torch_file(&[("state_dict", &variables)], vec![]));
    refused(&path, &["unused variables 'fc.total_ops'"]);
}

#[test]
fn tensors_that_are_no_plain_arrays_are_named() {
    let files = Files::new();
    let storage = |class| {
        Object::Persistent(vec![
            text("storage"),
            Object::Global("torch", class),
            text("9"),
            text("cpu"),
            Object::Int(6),
        ])
    };
    let hooks = || call("collections", "OrderedDict", vec![]);
    let tensor = || Tensor::contiguous("FloatStorage", "0", &[4]).object(false);
    let scheme = Object::Tuple(vec![Object::Global("torch", "per_tensor_affine"), Object::Float(0.1), Object::Int(0)]);
    let place =
        [storage("QInt8Storage"), Object::Int(0), ints(&[2, 3]), ints(&[3, 1]), scheme, Object::Bool(false), hooks()];
    let layout = call("torch.serialization", "_get_layout", vec![text("torch.sparse_coo")]);
    let parts = Object::Tuple(vec![tensor(), tensor(), call("torch", "Size", vec![ints(&[2, 3])])]);
    let utils = |name, arguments| call("torch._utils", name, arguments);
    let meta = vec![Object::Global("torch", "float32"), ints(&[2, 3]), ints(&[3, 1]), Object::Bool(false)];
    let on_meta = Object::Persistent(vec![
        text("storage"),
        Object::Global("torch", "FloatStorage"),
        text("9"),
        text("meta"),
        Object::Int(6),
    ]);
    let stored_on_meta = vec![on_meta, Object::Int(0), ints(&[2, 3]), ints(&[3, 1]), Object::Bool(false), hooks()];
    let parameter = |tensor| utils("_rebuild_parameter", vec![tensor, Object::Bool(true), hooks()]);
    let class = Object::Global("torchao.dtypes", "AffineQuantizedTensor");
    let mut plain = Variables::new();
    plain.insert("a".into(), (vec![4], vec![0.0; 4]));
    for (odd, expected) in [
        (utils("_rebuild_qtensor", place.to_vec()), "PyTorch's own quantization (qint8)"),
        (utils("_rebuild_sparse_tensor", vec![layout, parts]), "a sparse tensor; save tensor.to_dense()"),
        (utils("_rebuild_meta_tensor_no_storage", meta.clone()), "on the meta device, which has a shape but no data"),
        (parameter(utils("_rebuild_meta_tensor_no_storage", meta)), "on the meta device"),
        (utils("_rebuild_tensor_v2", stored_on_meta), "on the meta device"),
        (utils("_rebuild_wrapper_subclass", vec![class]), "the class \"torchao.dtypes.AffineQuantizedTensor\""),
        (utils("_rebuild_device_tensor_from_numpy", vec![]), "_rebuild_device_tensor_from_numpy"),
        (call("torch.nn.parameter", "UninitializedParameter", vec![Object::Bool(true)]), "never given a shape"),
    ] {
        let tensors = dict(vec![("conv1.weight", tensor()), ("fc.weight", odd)]);
        let path = files.write("odd.pt", &torch_file(&[("rest", &plain)], vec![("state_dict", tensors)]));
        let error = refusal(&path);
        assert!(error.contains("variable \"fc.weight\": ") && error.contains(expected), "'{expected}' in '{error}'");
    }
    let packed = dict(vec![("fc.scale", tensor()), ("fc._packed_params._packed_params", Object::Tuple(vec![]))]);
    let path = files.write("packed.pt", &torch_file(&[("rest", &plain)], vec![("state_dict", packed)]));
    refused(&path, &["\"fc._packed_params._packed_params\" is of PyTorch's own quantization"]);
    // A tensor of a class of its own is read if a plain one is inside.
    let own = vec![Object::Global("torch._utils", "_rebuild_tensor_v2"), Object::Global("mine", "Weight")];
    let id = Tensor::contiguous("FloatStorage", "0", &[1]);
    let Object::Call(_, arguments) = id.object(false) else { panic!("no call") };
    let wrapped =
        call("torch._tensor", "_rebuild_from_type_v2", [own, vec![Object::Tuple(arguments), dict(vec![])]].concat());
    let mut one = Variables::new();
    one.insert("a".into(), (vec![1], vec![7.0]));
    let path = files.write("own.pt", &torch_file(&[("rest", &one)], vec![("state_dict", dict(vec![("x", wrapped)]))]));
    assert_eq!(Checkpoint::open(&path).unwrap().read_f32("x").unwrap(), [7.0]);
}
