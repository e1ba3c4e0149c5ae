//! Every network of the zoo with few channels and small pictures, from a checkpoint in the original's form to logits: a plain
//! clone has the whole way under test, for networks whose real checkpoints are large.

use crate::common::compare::{Tolerance, compare};
use crate::common::devices::{gpus, run_on};
use crate::common::kernels;
use crate::common::oracle::LevelValues;
use crate::common::problem::fit::calibrated;
use crate::common::problem::{Input, Problem};
use crate::common::rng::Rng;
use crate::common::tensorpack::{Variables, variables, with_plain_batch_norms, write_npz};
use crate::common::torch_names::{Names, renamed};
use crate::common::{encode, run};
use lq_infer::internals::convert::{Checkpoint, ConvertOptions, Unquantized, convert};
use lq_infer::internals::format::Packed;
use lq_infer::internals::graph::preprocess::Normalize;
use lq_infer::internals::graph::{Op, Params, Role, Weights};
use lq_infer::internals::lower::{InputKind, lower};
use lq_infer::internals::zoo::{Definition, NETWORKS, Network, Widths};

/// Images of a comparison.
const IMAGES: usize = 2;
/// What holds where activations are quantized: quantizers swallow rounding. The largest errors seen are 3.4e-6 and 1.0e-6.
const QUANTIZED: Tolerance = Tolerance { levels: LevelValues::Exact, margin: 1e-6, value: 5e-6, logit: 2e-6 };
/// What holds where they are float all the way: in up to 120 layers every batch norm knows but a few positions, and so blows
/// rounding up. The largest errors seen are 1.0e-3 and 1.5e-4, with 50 layers; rounding levels to f32, as the original does,
/// makes a tenth of that.
const FLOAT: Tolerance = Tolerance { value: 2e-3, logit: 3e-4, ..QUANTIZED };

/// A sixteenth of the channels and one more, so that they fill words and groups of four unevenly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Narrow {
    pub bits: Bits,
    pub size: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bits {
    /// Of weights and of activations in all layers; none is float.
    Uniform(Option<usize>, Option<usize>),
    /// Other ones in every layer.
    Varied,
}

impl Bits {
    /// 1 to 3, told from the name.
    fn varied(layer: &str) -> usize {
        1 + layer.bytes().map(usize::from).sum::<usize>() % 3
    }
}

impl Widths for Narrow {
    fn weights(&self, layer: &str) -> Weights {
        let bits = match self.bits {
            Bits::Uniform(weights, _) => weights,
            Bits::Varied => Some(Bits::varied(layer)),
        };
        bits.map_or(Weights::Float, |bits| Weights::Planes { bits })
    }

    fn activation_bits(&self, layer: &str) -> Option<usize> {
        match self.bits {
            Bits::Uniform(_, activations) => activations,
            Bits::Varied => Some(Bits::varied(layer)),
        }
    }

    fn outputs(&self, _: &str, usual: usize) -> usize {
        usual / 16 + 1
    }

    fn classes(&self, _: &str, _: usize) -> usize {
        7
    }

    fn input_size(&self, _: usize) -> usize {
        self.size
    }
}

macro_rules! networks {
    ($($test:ident: $id:literal at $size:literal,)*) => {
        $(mod $test {
            use super::*;

            #[test]
            fn quantized() {
                for bits in [Bits::Uniform(Some(2), Some(2)), Bits::Varied] {
                    check($id, Narrow { bits, size: $size });
                }
            }

            #[test]
            fn weights_only() {
                check($id, Narrow { bits: Bits::Uniform(Some(2), None), size: $size });
            }

            #[test]
            fn float_weights() {
                for bits in [Bits::Uniform(None, None), Bits::Uniform(None, Some(2))] {
                    check($id, Narrow { bits, size: $size });
                }
            }
        })*
    };
}

networks! {
    cifar_resnet: "cifar-resnet-20" at 16,
    vgg_small: "vgg-small" at 16,
    alexnet: "alexnet" at 99,
    vgg_variant: "vgg-variant" at 64,
    googlenet: "googlenet-variant" at 48,
    densenet: "densenet-121" at 64,
    preact: "preact-resnet-18" at 48,
    preact_bottleneck: "preact-resnet-50" at 48,
    type_a: "preact-resnet-type-a-18" at 64,
    type_a_bottleneck: "preact-resnet-type-a-50" at 64,
    torch_cifar: "torch-cifar-resnet-20" at 16,
    torch_cifar_projections: "torch-cifar-resnet-b-20" at 16,
    torch_resnet: "torch-resnet-18" at 48,
    torch_resnet_bottleneck: "torch-resnet-50" at 48,
}

#[test]
fn post_activation_resnets() {
    for id in ["resnet-18", "resnet-50"] {
        for bits in [Bits::Varied, Bits::Uniform(Some(2), None), Bits::Uniform(None, None)] {
            check(id, Narrow { bits, size: 48 });
        }
    }
}

pub(crate) fn network(id: &str) -> &'static Network {
    NETWORKS.iter().find(|n| n.id == id).unwrap()
}

/// Converts the checkpoint of a network with parameters that look trained, and compares with the oracle and all GPUs.
fn check(id: &str, widths: Narrow) {
    let name = format!("{id} {widths:?}");
    let mut rng = Rng::new(widths.size as u64);
    let problem = problem(network(id).build(&widths).unwrap(), &mut rng);
    let packed = converted(&variables(&problem.graph, &problem.params, &mut rng), widths.size).unwrap();
    assert_eq!(packed.header.network, id, "{name}");
    assert_eq!(packed.header.graph, problem.graph, "{name}");
    let normalize = &packed.header.preprocess.normalize;
    let program = lower(&packed.header.graph, &packed.params, normalize, problem.kind).unwrap();
    let quantizers = problem.graph.nodes().iter().filter(|n| matches!(n.op, Op::Quantize { .. })).count();
    let tolerance = if quantizers > 0 { QUANTIZED } else { FLOAT };
    let report = compare(&problem, &program, &tolerance).unwrap_or_else(|e| panic!("{name}: {e}"));
    println!("{name}: {report:?}");
    assert_eq!(report.compared, IMAGES, "{name}: an activation lies on a threshold; choose another seed");
    assert_eq!(report.codes > 0, quantizers > 0, "{name}");
    let words = encode(&problem, &program);
    let reference = run(&program, &words, IMAGES, false);
    for gpu in gpus() {
        assert_eq!(run_on(&gpu, &program, &words, IMAGES), reference, "{name}");
    }
}

pub(crate) fn problem(definition: Definition, rng: &mut Rng) -> Problem {
    let Definition { graph, preprocess, .. } = definition;
    let count = IMAGES * graph.input_shape().elements();
    let (input, kind) = match preprocess.normalize {
        Normalize::TensorOnly { range } => {
            let x = (0..count).map(|_| rng.uniform(-range, range) as f32).collect();
            (Input::Tensor(x), InputKind::Tensor)
        }
        _ => (Input::Pixels((0..count).map(|_| rng.below(256) as u8).collect()), InputKind::Pixels),
    };
    let normalize = preprocess.normalize;
    let mut problem = Problem { seed: 0, graph, params: Params::default(), normalize, kind, input, images: IMAGES };
    let params = calibrated(&problem.graph, &problem.real_input(), IMAGES, rng);
    problem.params = with_plain_batch_norms(&problem.graph, &params);
    problem
}

pub(crate) fn converted(variables: &Variables, size: usize) -> lq_infer::Result<Packed> {
    let folder = tempfile::tempdir().unwrap();
    let path = write_npz(variables, ":0", folder.path());
    let options = ConvertOptions { input_size: Some(size), unquantized: Unquantized::Noted, ..Default::default() };
    convert(&Checkpoint::open(&path)?, &options, &|_, _| {}).map(|c| c.packed)
}

/// Networks of the paper, and those of the PyTorch ports for ImageNet, whose twins for CIFAR-10 have the same variables.
fn told_apart() -> impl Iterator<Item = (&'static Network, bool)> {
    let networks = NETWORKS.iter().map(|n| (n, n.id.starts_with("torch-")));
    networks.filter(|(network, port)| !(*port && network.id.ends_with("-cifar10")))
}

#[test]
fn every_network_is_told_from_all_others_and_bound() {
    for (seed, (network, port)) in told_apart().enumerate() {
        for bits in [Bits::Varied, Bits::Uniform(Some(1), None), Bits::Uniform(None, None)] {
            let widths = Narrow { bits, size: if port { 224 } else { 128 } };
            let graph = network.build(&widths).unwrap().graph;
            let params = with_plain_batch_norms(&graph, &kernels::params(&graph, seed as u64));
            let original = variables(&graph, &params, &mut Rng::new(1));
            let native = if port { renamed(&original, &graph, Names::Port) } else { original.clone() };
            for variables in [native, renamed(&original, &graph, Names::Plain)] {
                let packed = converted(&variables, widths.size).unwrap();
                assert_eq!(packed.header.network, network.id, "{bits:?}");
                assert_eq!(packed.header.graph, graph, "{} {bits:?}", network.id);
                for (name, tensor) in params.tensors() {
                    assert!(packed.params.tensors()[name].bytes() == tensor.bytes(), "{} {bits:?}: {name}", network.id);
                }
            }
        }
    }
}

#[test]
fn plain_batch_norms_have_statistics_for_all_channels_or_for_each() {
    let widths = Narrow { bits: Bits::Varied, size: 99 };
    let graph = network("alexnet").build(&widths).unwrap().graph;
    let mut variables = variables(&graph, &kernels::params(&graph, 1), &mut Rng::new(1));
    let rows = |variables: &Variables| {
        let packed = converted(variables, widths.size).map_err(|e| e.to_string())?;
        Ok::<_, String>(packed.params.get("fc6/bn", Role::BatchNorm).unwrap().f32().to_vec())
    };
    let of = |variables: &Variables, name: &str| variables[&format!("fc6/bn/{name}")].1[0];
    let expected = [1.0, 0.0, of(&variables, "mean/EMA"), of(&variables, "variance/EMA")].map(|v| vec![v; 257]);
    assert_eq!(rows(&variables), Ok(expected.concat()));

    let means: Vec<f32> = (0..257).map(|c| c as f32 / 64.0).collect();
    variables.insert("fc6/bn/mean/EMA".into(), (vec![257], means.clone()));
    assert_eq!(rows(&variables).unwrap()[2 * 257..3 * 257], means);
    variables.insert("fc6/bn/mean/EMA".into(), (vec![256], means[..256].to_vec()));
    let problem = rows(&variables).unwrap_err();
    assert!(problem.contains("'fc6/bn/mean/EMA' is [256], expected [257] or [1]"), "{problem}");
}
