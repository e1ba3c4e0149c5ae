//! Networks that a wrapper saved: under a prefix, beside other networks, with the normalization of pictures.

use super::layouts::{assert_same_parameters, floats, packed};
use crate::common::program::{run, stderr, text};
use crate::common::tensorpack::{Variables, write_npz};
use lq_infer::internals::convert::report::Problem;
use lq_infer::internals::convert::{Checkpoint, Conversion, ConvertOptions, Unquantized, convert};
use lq_infer::internals::graph::preprocess::Normalize;
use lq_infer::internals::graph::{Encoding, Op};
use std::path::Path;

const ID: &str = "torch-resnet-18-cifar10";

/// A ResNet-18 of the ports.
fn resnet18() -> Variables {
    floats(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/torch_layouts/resnet18-cifar.pth"))
}

fn under(prefix: &str, variables: &Variables) -> Variables {
    variables.iter().map(|(name, variable)| (format!("{prefix}{name}"), variable.clone())).collect()
}

fn conversion(variables: &Variables, options: &ConvertOptions) -> Result<Conversion, String> {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = Checkpoint::open(&write_npz(variables, "", folder.path())).unwrap();
    convert(&checkpoint, options, &|_, _| {}).map_err(|e| e.to_string())
}

fn at(prefix: &str) -> ConvertOptions {
    ConvertOptions { prefix: Some(prefix.into()), ..Default::default() }
}

#[test]
fn a_network_is_found_under_the_prefix_of_any_wrapper() {
    let network = resnet18();
    let plain = packed(&network, &ConvertOptions::default()).unwrap();
    let scalar = || (vec![1], vec![3.0]);
    for (prefix, beside) in [
        ("model.", None),
        ("module.", Some("ema.decay")),
        ("1.", Some("0.weight")),
        ("_orig_mod.", Some("scale")),
        ("model.module._orig_mod.", Some("model.temperature")),
        ("net.backbone.", Some("net.head.weight")),
        ("a/b/", None),
    ] {
        let mut variables = under(prefix, &network);
        variables.extend(beside.map(|name| (name.to_owned(), scalar())));
        let found = conversion(&variables, &ConvertOptions::default()).unwrap_or_else(|e| panic!("{prefix}: {e}"));
        assert_eq!(found.packed.header.network, ID, "{prefix}");
        assert_same_parameters(&found.packed, &plain);
        let note = match beside {
            None => format!("the network was found under '{prefix}'"),
            Some(name) => {
                format!("the network was found under '{prefix}'; 1 other variables were left out, such as '{name}'")
            }
        };
        assert_eq!(found.notes, [note]);
    }
    assert_eq!(conversion(&network, &ConvertOptions::default()).unwrap().notes, Vec::<String>::new());
}

#[test]
fn of_several_networks_the_user_chooses() {
    let network = resnet18();
    let float: Variables = network.clone().into_iter().filter(|(name, _)| !name.contains("quantizer")).collect();
    let mut both = under("student.", &network);
    both.extend(under("teacher.", &float));
    let error = conversion(&both, &ConvertOptions::default()).unwrap_err();
    for part in ["2 networks", "torch-resnet-18-cifar10 2/2 under 'student.'", "32/32 under 'teacher.'", "--prefix"] {
        assert!(error.contains(part), "'{part}' in {error}");
    }
    for (prefix, widths) in [("student", "2/2"), ("student.", "2/2"), ("teacher.", "32/32")] {
        let options = ConvertOptions { unquantized: Unquantized::Noted, ..at(prefix) };
        let chosen = conversion(&both, &options).unwrap().packed;
        assert_eq!(chosen.header.name, format!("{ID} {widths}"));
    }
    let error = conversion(&both, &at("net")).unwrap_err();
    assert!(
        error.contains("none of its variables starts with 'net'; they start with 'student.', 'teacher.'"),
        "{error}"
    );
    // A network that is the whole checkpoint is no part of it.
    assert_eq!(conversion(&network, &at("")).unwrap().packed.header.network, ID);
}

#[test]
fn what_is_wrong_under_a_prefix_is_named() {
    let mut variables = under("model.", &resnet18());
    variables.remove("model.fc.bias").unwrap();
    let error = conversion(&variables, &ConvertOptions::default()).unwrap_err();
    assert!(error.contains("closest is torch-resnet-18 under 'model.': missing variables 'fc.bias' [10]"), "{error}");
}

#[test]
fn a_normalization_beside_the_network_is_its_preprocessing() {
    let (mean, std) = ([0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]);
    let floats = |numbers: [f64; 3], scale: f64| numbers.map(|v| (v * scale) as f32).to_vec();
    for (prefix, names, shape, scale) in [
        ("1.", ["0.mean", "0.std"], vec![1, 3, 1, 1], 1.0),
        ("model.", ["normalize.mean", "normalize.std"], vec![3], 1.0),
        ("net.", ["pixel_mean", "pixel_std"], vec![3, 1, 1], 255.0),
        ("", ["mean", "std"], vec![3], 1.0),
    ] {
        let mut variables = under(prefix, &resnet18());
        variables.insert(names[0].into(), (shape.clone(), floats(mean, scale)));
        variables.insert(names[1].into(), (shape, floats(std, scale)));
        let found = conversion(&variables, &ConvertOptions::default()).unwrap();
        let Normalize::Channel { mean: m, std: s } = found.packed.header.preprocess.normalize else { panic!() };
        let close = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-7);
        assert!(close(m, mean) && close(s, std), "{prefix}: {m:?} {s:?}");
        if scale == 1.0 {
            assert_eq!((m, s), (mean, std), "the numbers as they were written");
        }
        let note = format!("pictures are normalized with '{}' and '{}', as the checkpoint says", names[0], names[1]);
        assert_eq!(found.notes[0], note);
    }
}

#[test]
fn a_normalization_that_is_not_clear_is_left_out_and_told() {
    let mut variables = under("1.", &resnet18());
    let mut add = |name: &str, value: f32| variables.insert(name.into(), (vec![3], vec![value; 3]));
    add("0.mean", -4.0);
    add("0.std", 0.2);
    let found = conversion(&variables, &ConvertOptions::default()).unwrap();
    let usual = Normalize::Channel { mean: [0.5; 3], std: [0.5; 3] };
    assert_eq!(found.packed.header.preprocess.normalize, usual);
    assert!(found.notes[0].starts_with("the normalization '0.mean' and '0.std' was left out: its numbers"));
    let mut add = |name: &str, value: f32| variables.insert(name.into(), (vec![3], vec![value; 3]));
    add("0.mean", 0.4);
    add("2.mean", 0.3);
    add("2.std", 0.2);
    let found = conversion(&variables, &ConvertOptions::default()).unwrap();
    assert_eq!(found.packed.header.preprocess.normalize, usual);
    assert!(found.notes.iter().take(2).all(|note| note.ends_with("it is one of 2")), "{:?}", found.notes);
}

/// The ports' network under plain names, which do not tell the encoding.
fn plain_names() -> Variables {
    let tables = ["level_multiplier", "thrs_multiplier", "level_codes_channelwise", "eps"];
    let kept = resnet18().into_iter().filter(|(name, _)| !tables.iter().any(|table| name.ends_with(table)));
    kept.map(|(name, (shape, data))| {
        let activations = name.contains(".activation_quantizer.");
        let name = name.replace(".weight_quantizer.basis", ".basis");
        (name, (if activations { vec![shape[1]] } else { shape }, data))
    })
    .collect()
}

#[test]
fn levels_that_a_relu_never_reaches_are_a_warning_unless_they_are_meant() {
    let warnings = |variables: &Variables, encoding: Option<Encoding>| -> Vec<(Problem, String)> {
        let options = ConvertOptions { encoding, ..Default::default() };
        let report = conversion(variables, &options).unwrap().report;
        let all = report.warnings().into_iter().map(|w| (w.problem, w.to_string()));
        all.filter(|(problem, _)| *problem == Problem::UnreachableLevels).collect()
    };
    assert_eq!(warnings(&resnet18(), None), [], "the ports compute so");
    let plain = plain_names();
    let told = warnings(&plain, None);
    let [(_, line)] = told.as_slice() else { panic!("{told:?}") };
    for part in ["--encoding zero-one", "'layer1.0.conv1.activation_quantizer' (2 of 4)"] {
        assert!(line.contains(part), "'{part}' in {line}");
    }
    assert_eq!(warnings(&plain, Some(Encoding::PlusMinus)), []);
    assert_eq!(warnings(&plain, Some(Encoding::ZeroOne)), []);
    let options = ConvertOptions { encoding: Some(Encoding::ZeroOne), ..Default::default() };
    let graph = conversion(&plain, &options).unwrap().packed.header.graph;
    let zero_one = |op: &Op| !matches!(op, Op::Quantize { encoding: Encoding::PlusMinus, .. });
    assert!(graph.nodes().iter().all(|node| zero_one(&node.op)));
}

#[test]
fn the_program_has_options_for_both() {
    let folder = tempfile::tempdir().unwrap();
    let mut both = under("a.", &plain_names());
    both.extend(under("b.", &plain_names()));
    let (path, out) = (write_npz(&both, "", folder.path()), folder.path().join("m.safetensors"));
    let refused = run(&["convert", text(&path), "-o", text(&out)]);
    assert_eq!(refused.status.code(), Some(3), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("--prefix a."), "{}", stderr(&refused));
    let done = run(&["convert", text(&path), "-o", text(&out), "--prefix", "b", "--encoding", "zero-one"]);
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let said = stderr(&done);
    assert!(said.contains("note: the network was found under 'b.'; ") && !said.contains("--encoding"), "{said}");
}
