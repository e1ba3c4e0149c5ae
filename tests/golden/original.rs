//! Every configuration of the data: each network of the paper as the original code computed it, from the checkpoint on. All
//! recorded codes must be equal and all logits close, on the CPU; every GPU must give the CPU's bits.

use super::{checkpoint, cpu, shared};
use crate::common::devices::gpus;
use crate::common::npz::{Arrays, f32s, read_npz};
use lq_infer::internals::backend::Control;
use lq_infer::internals::compare::{RecordedCodes, compare_codes};
use lq_infer::internals::convert::{Checkpoint, ConvertOptions, convert};
use lq_infer::internals::format::npy;
use lq_infer::{Batch, Engine, Model, PrepareOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Folders of the data, and the networks in them.
pub const CONFIGURATIONS: [(&str, &str); 15] = [
    ("alexnet-w2a2-A", "alexnet"),
    ("densenet-w2a2-A", "densenet-121"),
    ("googlenet-w2a2-A", "googlenet-variant"),
    ("preact-18-w1a2-A", "preact-resnet-18"),
    ("preact-18-w2a2-A", "preact-resnet-18"),
    ("preact-18-w4a4-A", "preact-resnet-18"),
    ("preact-50-w2a2-A", "preact-resnet-50"),
    ("preact_typeA-18-w2a2-A", "preact-resnet-type-a-18"),
    ("resnet-18-w2a32-A", "resnet-18"),
    ("vgg-small-w1a2-A", "vgg-small"),
    ("vgg-small-w1a32-A", "vgg-small"),
    ("vgg-small-w2a2-A", "vgg-small"),
    ("vgg-small-w2a32-A", "vgg-small"),
    ("vgg-small-w3a3-A", "vgg-small"),
    ("vgg-w2a2-A", "vgg-variant"),
];

pub fn no_configuration_is_left_out() {
    let golden = shared().join("golden");
    let folders = std::fs::read_dir(&golden).unwrap().map(|entry| entry.unwrap().path());
    for folder in folders.filter(|f| f.join("meta.json").exists()) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        assert!(CONFIGURATIONS.iter().any(|(folder, _)| *folder == name), "{name} is not compared");
    }
}

pub fn reproduce(config: &str, network: &str) {
    let golden = shared().join("golden");
    let case = Case::open(&golden, config);
    assert_eq!(case.model.header().network, network);
    let logits = case.check_logits();
    let codes = case.check_codes();
    let gpus = case.check_gpus(&logits[0]);
    println!("{config}: {codes} codes equal, {gpus} GPUs agree");
}

/// A configuration with its converted checkpoint.
struct Case<'a> {
    golden: &'a Path,
    config: &'a str,
    model: Model,
    /// Its pictures, or the tensor that entered the first layer.
    batch: Batch,
    /// Whether activations are quantized.
    quantized: bool,
}

impl<'a> Case<'a> {
    fn open(golden: &'a Path, config: &'a str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let meta: serde_json::Value =
            serde_json::from_slice(&std::fs::read(golden.join(config).join("meta.json")).unwrap()).unwrap();
        let inputs: Vec<&str> = meta["inputs"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
        let batch = batch(golden, &inputs);
        let mean_image = matches!(batch, Batch::Tensor(_)).then(|| golden.join("inputs/cifar_per_pixel_mean.npy"));
        let options = ConvertOptions { mean_image, ..Default::default() };
        let checkpoint = Checkpoint::open(&checkpoint(golden, config, folder.path())).unwrap();
        let packed = convert(&checkpoint, &options, &|_, _| {}).unwrap().packed;
        let model = Model::try_from(packed).unwrap();
        Case { golden, config, model, batch, quantized: meta["qa"] != 32 }
    }

    fn logits(&self, engine: &Engine, batch: &Batch, max_batch: usize) -> Vec<Vec<f32>> {
        let net = engine.prepare_with(&self.model, PrepareOptions { max_batch, ..PrepareOptions::default() }).unwrap();
        net.logits(batch, &Control::default()).unwrap()
    }

    /// Compares the logits of all four images on the CPU.
    fn check_logits(&self) -> Vec<Vec<f32>> {
        // What the data's margins leave; float activations differ a little more between any two implementations.
        let tolerance = if self.quantized { 2e-5 } else { 1e-4 };
        let found = self.logits(&cpu(), &self.batch, 4);
        let arrays = read_npz(&self.golden.join(self.config).join("logits.npz"));
        let expected = f32s(&arrays, "logits");
        assert_eq!(found.concat().len(), expected.len());
        let worst = found.concat().iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        println!("{}: largest logit difference {worst:e}", self.config);
        assert!(worst <= tolerance, "{}: a logit differs by {worst:e}", self.config);
        found
    }

    /// Compares all recorded codes of image 0; their number.
    fn check_codes(&self) -> usize {
        let mut count = 0;
        for (file, prefix) in [("probes.npz", "codes/"), ("codes_all_image0.npz", "")] {
            let path = self.golden.join(self.config).join(file);
            let arrays = if path.exists() { read_npz(&path) } else { Default::default() };
            let codes = arrays.into_iter().filter_map(|(name, a)| Some((name.strip_prefix(prefix)?.to_owned(), a)));
            let codes: Arrays = codes.collect();
            if codes.is_empty() {
                continue;
            }
            let arrays = codes.len();
            let layers = compare_codes(&self.model, &self.batch, &RecordedCodes::new(file, codes)).unwrap();
            assert_eq!(layers.len(), arrays);
            let wrong = layers.iter().find(|layer| layer.differing > 0);
            assert_eq!(wrong, None, "{}", self.config);
            count += layers.iter().map(|layer| layer.compared).sum::<usize>();
        }
        assert!(count > 100_000 || !self.quantized, "{}: only {count} codes were compared", self.config);
        count
    }

    /// Compares the logits of image 0 on all GPUs with the CPU's, bit by bit; the number of GPUs.
    fn check_gpus(&self, expected: &[f32]) -> usize {
        let numbers = self.model.header().graph.input_shape().elements();
        let first = match &self.batch {
            Batch::Tensor(x) => Batch::Tensor(x[..numbers].to_vec()),
            Batch::Pixels(rgb) => Batch::Pixels(rgb[..numbers].to_vec()),
        };
        let gpus = gpus();
        for gpu in &gpus {
            let engine = Engine::from_backend(Arc::new(gpu.like_hardware()));
            let found = self.logits(&engine, &first, 1);
            let (name, api) = (&gpu.info().name, &gpu.info().api);
            assert!(found == [expected], "{}: {name} ({api}) computes other bits", self.config);
        }
        gpus.len()
    }
}

/// PNGs, or the tensor that entered the original graph.
fn batch(golden: &Path, inputs: &[&str]) -> Batch {
    let paths = inputs.iter().map(|input| golden.join(input));
    if let [tensor] = inputs {
        let (_, x) = npy::read_f32(&std::fs::read(golden.join(tensor)).unwrap()).unwrap();
        // The original graph divides by 128 before the first layer.
        return Batch::Tensor(x.iter().map(|x| x / 128.0).collect());
    }
    let pixels = |path: PathBuf| lq_infer::internals::image::decode(&std::fs::read(&path).unwrap(), &path).unwrap().rgb;
    Batch::Pixels(paths.flat_map(pixels).collect())
}

pub fn pictures_minus_the_mean_image_are_the_tensor() {
    let golden = shared().join("golden");
    let case = Case::open(&golden, "vgg-small-w2a2-A");
    let files: Vec<String> = (0..4).map(|i| format!("inputs/cifar_{i}.png")).collect();
    let pictures = batch(&golden, &files.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(case.logits(&cpu(), &pictures, 4), case.logits(&cpu(), &case.batch, 4));
}
