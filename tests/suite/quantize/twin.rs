//! The method against an independent implementation of it in PyTorch (`tests/torch/twin.py`), which found other numbers for the
//! same network and pictures if this fails. `tests/torch/make_twin_fixture.py` made the files and says how.

use super::options;
use lq_infer::internals::convert::{Checkpoint, ConvertOptions, CustomNetwork, Unquantized, convert_graph};
use lq_infer::internals::format::npy::{self, NpyData};
use lq_infer::internals::graph::Params;
use lq_infer::internals::quantize::{Method, Pictures, QuantizeOptions, quantize};
use lq_infer::{Batch, Model, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Largest difference of an element of a basis, of itself.
const BASES: f64 = 1e-4;
/// Largest difference of any other number, of the largest one of its kind in its layer. The last layer reads means whose
/// variances are small beside their squares, and products are summed in float32 before these are subtracted.
const OTHERS: f64 = 1e-3;

/// A tensor as nested lists.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Nested {
    Number(f64),
    List(Vec<Nested>),
}

impl Nested {
    fn flat(&self) -> Vec<f64> {
        match self {
            Nested::Number(x) => vec![*x],
            Nested::List(all) => all.iter().flat_map(Nested::flat).collect(),
        }
    }
}

/// The pictures of the fixture.
struct Photos {
    model: Model,
    pixels: Vec<u8>,
}

impl Pictures for Photos {
    fn count(&self) -> usize {
        self.pixels.len() / self.model.packed().header.graph.input_shape().elements()
    }

    fn tensor(&self, index: usize) -> Result<Vec<f32>> {
        let length = self.pixels.len() / self.count();
        Batch::Pixels(self.pixels[index * length..][..length].to_vec()).real(&self.model)
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/quantize_twin").join(name)
}

fn photos() -> Photos {
    let network = CustomNetwork::read(&fixture("float.json")).unwrap();
    let checkpoint = Checkpoint::open(&fixture("float.pt")).unwrap();
    let options = ConvertOptions { unquantized: Unquantized::Expected, ..ConvertOptions::default() };
    let packed = convert_graph(&checkpoint, &network, &options, &|_, _| {}).unwrap().packed;
    let NpyData::U8(pixels) = npy::read(&std::fs::read(fixture("pictures.npy")).unwrap()).unwrap().1 else {
        panic!("the pictures are no bytes")
    };
    Photos { model: Model::try_from(packed).unwrap(), pixels }
}

/// What differs between the parameters and what the twin found, one line for each tensor.
fn differences(params: &Params, found: &BTreeMap<String, Nested>) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, expected) in found {
        let Some(tensor) = params.tensors().get(name) else {
            lines.push(format!("{name} is missing"));
            continue;
        };
        let (own, expected) = (tensor.f32(), expected.flat());
        assert_eq!(own.len(), expected.len(), "{name}");
        let largest = expected.iter().fold(0f64, |most, x| most.max(x.abs()));
        let share = |(&own, &expected): (&f32, &f64)| {
            let of = if name.ends_with("basis") { expected.abs() } else { largest };
            (f64::from(own) - expected).abs() / of
        };
        let (at, worst) = own
            .iter()
            .zip(&expected)
            .map(share)
            .enumerate()
            .fold((0, 0.0), |most, (at, off)| if off > most.1 || off.is_nan() { (at, off) } else { most });
        let allowed = if name.ends_with("basis") { BASES } else { OTHERS };
        if worst.is_nan() || worst > allowed {
            lines.push(format!("{name}: number {at} is {}, the twin has {} ({worst:.1e})", own[at], expected[at]));
        }
    }
    lines
}

#[test]
fn a_twin_in_pytorch_finds_the_same_bases() {
    let photos = photos();
    let found = std::fs::read_to_string(fixture("found.json")).unwrap();
    let found: BTreeMap<String, BTreeMap<String, Nested>> = serde_json::from_str(&found).unwrap();
    assert!(found.len() > 3);
    for (case, found) in &found {
        let (method, bits) = case.split_once(' ').unwrap();
        let method = if method == "full" { Method::FULL } else { Method::FAST };
        let options = QuantizeOptions { mirror: true, ..options(bits, method) };
        let quantized =
            quantize(photos.model.packed(), &photos, &options, &BTreeSet::new(), &|_, _, _| {}).unwrap().packed;
        let bases = quantized.params.tensors().keys().filter(|name| name.ends_with("basis"));
        bases.for_each(|name| assert!(found.contains_key(name), "{case}: the twin has no {name}"));
        let off = differences(&quantized.params, found);
        assert!(off.is_empty(), "{case}:\n{}", off.join("\n"));
    }
}
