//! `convert --verify`: logits and codes that the oracle computed stand for those of a training framework.

use crate::common::oracle::{LevelValues, NodeResult};
use crate::common::problem::fit::calibrated;
use crate::common::problem::{Input, Problem};
use crate::common::program::{fails, json_lines, run, stderr, stdout, text};
use crate::common::rng::Rng;
use crate::common::tensorpack::{Variables, variables, write_npz};
use crate::common::writers::{ZipEntry, f32_bytes, npy, zip};
use lq_infer::internals::graph::Params;
use lq_infer::internals::lower::InputKind;
use lq_infer::internals::zoo::{self, Uniform};
use std::path::{Path, PathBuf};

const IMAGES: usize = 4;

/// A checkpoint in a folder with inputs, and what must come of them.
struct Case {
    folder: tempfile::TempDir,
    variables: Variables,
    /// Names of the layers, and the oracle's results.
    layers: Vec<String>,
    truth: Vec<NodeResult>,
}

impl Case {
    fn new() -> Self {
        let definition = zoo::find("cifar-resnet-20").unwrap().build(&Uniform::bits(2, 2)).unwrap();
        let (graph, normalize) = (definition.graph, definition.preprocess.normalize);
        let mut rng = Rng::new(11);
        let count = IMAGES * graph.input_shape().elements();
        let pixels: Vec<u8> = (0..count).map(|_| rng.below(256) as u8).collect();
        let layers = graph.nodes().iter().map(|n| n.name.clone()).collect();
        let (params, kind, input) = (Params::default(), InputKind::Pixels, Input::Pixels(pixels.clone()));
        let mut problem = Problem { seed: 0, graph, params, normalize, kind, input, images: IMAGES };
        problem.params = calibrated(&problem.graph, &problem.real_input(), IMAGES, &mut rng);
        let variables = variables(&problem.graph, &problem.params, &mut rng);
        let truth = problem.evaluate(LevelValues::Exact);
        let case = Case { folder: tempfile::tempdir().unwrap(), variables, layers, truth };
        write_npz(&case.variables, ":0", case.folder.path());
        case.write("inputs.npy", &npy("|u1", false, "(4, 32, 32, 3)", &pixels));
        case.write_expected(&case.logits());
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn logits(&self) -> Vec<f32> {
        self.truth.last().unwrap().values.iter().map(|&v| v as f32).collect()
    }

    fn write_expected(&self, logits: &[f32]) {
        self.write("expected.npy", &npy("<f4", false, "(4, 10)", &f32_bytes(logits)));
    }

    /// Quantizers with their results.
    fn quantizers(&self) -> impl Iterator<Item = (&str, &NodeResult)> {
        let named = self.layers.iter().map(String::as_str).zip(&self.truth);
        named.filter(|(_, result)| result.quantized.is_some())
    }

    /// Writes codes `[n, h, w, c]` after `change` had its way with them.
    fn write_codes(&self, change: impl Fn(&str, &mut Vec<u8>)) -> PathBuf {
        let entry = |(name, result): (&str, &NodeResult)| {
            let mut codes = result.quantized.as_ref().unwrap().codes.clone();
            change(name, &mut codes);
            let [h, w, c] = result.shape;
            ZipEntry::deflated(
                &format!("{name}.npy"),
                &npy("|u1", false, &format!("({}, {h}, {w}, {c})", codes.len() / (h * w * c)), &codes),
            )
        };
        self.write("codes.npz", &zip(&self.quantizers().map(entry).collect::<Vec<_>>(), false))
    }

    /// Writes the levels of the first two images as `[n, c, h, w]`, under names with dots.
    fn write_levels(&self) -> PathBuf {
        let array = |(name, result): (&str, &NodeResult)| {
            let ([h, w, c], n) = (result.shape, result.elements());
            let at = |i: usize| (i / n) * n + i % (h * w) * c + i / (h * w) % c;
            let levels = (0..2 * n).map(|i| result.values[at(i)] as f32).collect();
            (name.replace('/', "."), (vec![2, c, h, w], levels))
        };
        let folder = self.path("levels");
        std::fs::create_dir_all(&folder).unwrap();
        write_npz(&self.quantizers().map(array).collect(), "", &folder)
    }

    /// Arguments of a conversion with verification, and `more`.
    fn arguments(&self, more: &[&str]) -> Vec<String> {
        let path = |name: &str| text(&self.path(name)).to_owned();
        let mut arguments = vec!["convert".to_owned(), path("params.npz"), "-o".to_owned(), path("m.safetensors")];
        arguments.extend(["--verify".to_owned(), path("inputs.npy"), path("expected.npy")]);
        arguments.extend(more.iter().map(|&s| s.to_owned()));
        arguments
    }

    fn run(&self, more: &[&str]) -> std::process::Output {
        let arguments = self.arguments(more);
        run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Runs and expects exit code 5, nothing written, and an error that contains all of `parts`.
    fn disagrees(&self, more: &[&str], parts: &[&str]) {
        let output = self.run(more);
        let error = stderr(&output);
        assert_eq!(output.status.code(), Some(5), "{error}");
        let error = error.lines().last().unwrap().to_owned();
        parts.iter().for_each(|part| assert!(error.contains(part), "'{part}' in {error}"));
        assert!(!self.path("m.safetensors").exists(), "a model that is wrong was written");
    }

    /// Runs and expects exit code 3 and an error that contains all of `parts`.
    fn refused(&self, more: &[&str], parts: &[&str]) {
        let output = self.run(more);
        let error = stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{error}");
        let error = error.lines().last().unwrap().to_owned();
        parts.iter().for_each(|part| assert!(error.contains(part), "'{part}' in {error}"));
    }
}

fn codes(path: &Path) -> [&str; 2] {
    ["--codes", text(path)]
}

#[test]
fn a_right_conversion_is_confirmed_and_written() {
    let case = Case::new();
    let output = case.run(&codes(&case.write_codes(|_, _| {})));
    let shown = stdout(&output);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(shown.contains("compared 4 images: the same most probable class in 4"), "{shown}");
    assert!(shown.contains("beyond 0.001 of the spread: none"), "{shown}");
    let count: usize = case.quantizers().map(|(_, result)| result.values.len()).sum();
    let line = format!("all {count} recorded codes are the same, up to layer 'group2/block2/quant2'");
    assert!(shown.contains(&line), "'{line}' in {shown}");
    assert!(lq_infer::Model::open(case.path("m.safetensors")).is_ok());

    let json = &json_lines(&case.run(&[&codes(&case.write_levels())[..], &["--json"]].concat()))[0]["verification"];
    assert_eq!((&json["holds"], &json["images"], &json["same_class"]), (&true.into(), &4.into(), &4.into()));
    assert!(json["relative"].as_array().unwrap().iter().all(|r| r.as_f64().unwrap() < 1e-5), "{json}");
    let layers = json["codes"].as_array().unwrap();
    assert_eq!(layers.len(), 18);
    assert!(layers.iter().all(|l| l["differing"] == 0));
    assert_eq!(layers[0]["compared"], 2 * 32 * 32 * 16, "levels of two images were given");
}

#[test]
fn other_logits_are_a_failure() {
    let case = Case::new();
    let mut logits = case.logits();
    logits[2 * 10 + 3] += 1.0;
    case.write_expected(&logits);
    case.disagrees(&[], &["1 of 4 images differ by more than 0.001", "--codes", "nothing was written"]);
    let codes_path = case.write_codes(|_, _| {});
    case.disagrees(&codes(&codes_path), &["recorded codes are the same, up to layer 'group2/block2/quant2'"]);
    // The same with room for it.
    for more in [["--tolerance", "1000"], ["--outliers", "0.25"]] {
        assert!(case.run(&more).status.success(), "{more:?}");
    }
    let arguments = case.arguments(&["--json"]);
    let output = run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(5));
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&json["verification"]["holds"], &json["verification"]["worst_image"]), (&false.into(), &2.into()));
    assert_eq!((&json["verification"]["beyond"], &json["output"]), (&serde_json::json!([2]), &serde_json::Value::Null));
}

#[test]
fn the_first_layer_whose_codes_differ_is_named() {
    let case = Case::new();
    case.write_expected(&case.logits().iter().map(|v| v + 1.0).collect::<Vec<_>>());
    // At image 1, y 3, x 5, channel 7 of 32 x 32 x 16, and all over a later layer.
    let place = ((32 + 3) * 32 + 5) * 16 + 7;
    let altered = case.write_codes(|name, codes| match name {
        "group0/block2/quant2" => codes[place] ^= 1,
        "group1/block0/quant1" => codes.iter_mut().for_each(|code| *code ^= 1),
        _ => {}
    });
    let parts = [
        "the first layer whose codes differ is 'group0/block2/quant2': 1 of 65536 (so few may come from rounding at a threshold)",
        "at image 1, y 3, x 5, channel 7",
    ];
    case.disagrees(&codes(&altered), &parts);
    let altered = case.write_codes(|name, codes| {
        if name == "group1/block0/quant1" {
            codes.iter_mut().for_each(|code| *code ^= 1);
        }
    });
    let parts = ["is 'group1/block0/quant1': 65536 of 65536 (the mistake is there or just before)"];
    case.disagrees(&codes(&altered), &parts);
}

#[test]
fn a_checkpoint_of_other_weights_is_traced_to_its_layer() {
    let mut case = Case::new();
    let recorded = case.write_codes(|_, _| {});
    let mean = &mut case.variables.get_mut("group1/block1/conv1/bn/mean/EMA").unwrap().1;
    mean.iter_mut().for_each(|m| *m += 10.0);
    write_npz(&case.variables, ":0", case.folder.path());
    let parts = ["4 of 4 images differ", "the first layer whose codes differ is 'group1/block1/quant2'"];
    case.disagrees(&codes(&recorded), &parts);
}

#[test]
fn recordings_that_do_not_fit_are_refused() {
    let case = Case::new();
    let array = |name: &str, descr: &str, shape: &str, data: &[u8]| {
        let entry = ZipEntry::deflated(&format!("{name}.npy"), &npy(descr, false, shape, data));
        case.write("odd.npz", &zip(&[entry], false))
    };
    let first = "group0/block0/quant1";
    let image = vec![1u8; 32 * 32 * 16];
    let refused = |path: PathBuf, parts: &[&str]| case.refused(&codes(&path), &[&["odd.npz"][..], parts].concat());
    refused(array("conv0", "|u1", "(32, 32, 16)", &image), &["'conv0' is of no quantizer", first]);
    refused(array(first, "|u1", "(16, 32, 31)", &image[..16 * 32 * 31]), &["shape [16, 32, 31]", "[n, 32, 32, 16]"]);
    refused(array(first, "|u1", "(5, 32, 32, 16)", &image.repeat(5)), &["has 5 images", "1 to the 4"]);
    refused(array(first, "|u1", "(32, 32, 16)", &vec![4; image.len()]), &["holds code 4, expected 0 to 3"]);
    let thousands = f32_bytes(&vec![1000.0; image.len()]);
    refused(array(first, "<f4", "(32, 32, 16)", &thousands), &["holds 1000, which is no level", "these are 0, "]);
    refused(case.write("odd.npz", &zip(&[], false)), &["empty zip archive"]);
    let expected = case.write("expected.npy", &npy("<f4", false, "(4, 9)", &f32_bytes(&[0.0; 36])));
    case.refused(&[], &[text(&expected), "has shape [4, 9], expected [4, 10]"]);
    case.write("expected.npy", &npy("<i4", false, "(4, 10)", &[0; 160]));
    case.refused(&[], &["holds integers"]);
}

#[test]
fn options_of_verification_need_it() {
    fails(&["convert", "x", "-o", "y", "--codes", "z"], 2, &["--verify"]);
    fails(&["convert", "x", "-o", "y", "--tolerance", "1"], 2, &["--verify"]);
    fails(&["convert", "x", "--verify", "a", "b", "--tolerance=-1"], 2, &["from 0 up"]);
    fails(&["convert", "x"], 2, &["--output"]);
}

#[test]
fn arrays_in_memory_are_checked_as_well() {
    use lq_infer::internals::format::npy::NpyData;
    let model = lq_infer::Model::bundled().unwrap();
    let arrays = [("group0/block0/quant1".to_owned(), (vec![32, 32, 16], NpyData::U8(vec![0; 5])))];
    let recorded = lq_infer::internals::compare::RecordedCodes::new("five codes", arrays.into());
    let batch = lq_infer::Batch::Pixels(vec![0; 3 * 32 * 32]);
    let error = lq_infer::internals::compare::compare_codes(&model, &batch, &recorded).unwrap_err().to_string();
    assert!(error.contains("five codes") && error.contains("has 5 elements, expected 16384"), "{error}");
}
