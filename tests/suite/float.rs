//! The float32 baseline of benchmarks against the oracle with the quantizers left out.

use crate::common::devices::gpus;
use crate::common::kernels;
use crate::common::oracle::{self, LevelValues};
use crate::common::problem::{Input, Problem};
use crate::common::rng::Rng;
use lq_infer::internals::backend::Control;
use lq_infer::internals::backend::gpu::FloatNet;
use lq_infer::internals::backend::reference::float;
use lq_infer::internals::bench::random_model;
use lq_infer::internals::graph::{Graph, Params, Weights};
use lq_infer::internals::zoo::{NETWORKS, Widths};

/// How far a logit may be off, relative to the largest.
const TOLERANCE: f64 = 1e-4;
const IMAGES: usize = 2;

/// Random networks; each costs about a second of compiling shaders on a software rasteriser.
const RANDOM_NETWORKS: u64 = 24;

/// A network, its input and the oracle's logits.
struct Case {
    name: String,
    graph: Graph,
    params: Params,
    images: usize,
    input: Vec<f32>,
    expected: Vec<f64>,
}

impl Case {
    fn new(name: String, graph: Graph, params: Params, images: usize, input: Vec<f32>) -> Self {
        let plain = graph.without_quantizers().unwrap();
        let real: Vec<f64> = input.iter().map(|&x| f64::from(x)).collect();
        let results = oracle::evaluate(&plain, &params, &real, images, LevelValues::Float32);
        let expected = results.last().unwrap().values.clone();
        Case { name, graph, params, images, input, expected }
    }

    fn check(&self, found: &[f32], device: &str) {
        assert_eq!(found.len(), self.expected.len(), "{}, {device}", self.name);
        let largest = self.expected.iter().fold(0.0f64, |most, x| most.max(x.abs()));
        let far = found.iter().zip(&self.expected).map(|(&x, y)| (f64::from(x) - y).abs());
        let worst = far.fold(0.0f64, |most, x| if x.is_finite() { most.max(x) } else { f64::INFINITY });
        assert!(worst <= TOLERANCE * largest, "{}, {device}: {worst} of {largest}\n{}", self.name, self.graph);
    }

    /// Checks the plain loops and every GPU; `weights` bounds the bytes of a buffer of weights.
    fn check_all(&self, weights: Option<u64>) {
        let plain = self.graph.without_quantizers().unwrap();
        let images = self.input.chunks_exact(self.input.len() / self.images);
        let logits = images.flat_map(|image| float::run(&plain, &self.params, image).unwrap());
        self.check(&logits.collect::<Vec<_>>(), "plain loops");
        for gpu in gpus() {
            let net = match weights {
                None => FloatNet::new(&gpu, &self.graph, &self.params, self.images),
                Some(bytes) => FloatNet::with_weights(&gpu, &self.graph, &self.params, self.images, bytes),
            };
            let net = net.unwrap_or_else(|e| panic!("{}: {e}", self.name));
            let logits = net.run(&self.input, &Control::default()).unwrap();
            self.check(&logits, &gpu.info().name);
            assert_eq!(net.run(&self.input, &Control::default()).unwrap(), logits);
        }
    }
}

fn random(seed: u64) -> Option<Case> {
    let problem = Problem::random(seed);
    problem.graph.without_quantizers().ok()?;
    let input = match &problem.input {
        Input::Tensor(x) => x.clone(),
        Input::Pixels(_) => problem.real_input().iter().map(|&x| x as f32).collect(),
    };
    Some(Case::new(format!("random({seed})"), problem.graph, problem.params, problem.images, input))
}

#[test]
fn random_networks_agree_with_the_oracle() {
    (0..RANDOM_NETWORKS).filter_map(random).for_each(|case| case.check_all(None));
}

#[test]
fn weights_may_be_split_among_buffers() {
    let case = of_zoo("alexnet", 99);
    case.check_all(Some(16 << 10));
    let gpus = gpus();
    let Some(gpu) = gpus.first() else { return };
    let error = FloatNet::with_weights(gpu, &case.graph, &case.params, 1, 256).unwrap_err().to_string();
    assert!(error.contains("needs a weight buffer of at least"), "{error}");
}

#[test]
fn groups_and_joined_channels_agree_with_the_oracle() {
    for kernels::Problem { name, graph, seed, .. } in kernels::all() {
        if graph.without_quantizers().is_err() {
            continue;
        }
        let params = kernels::params(&graph, seed);
        let input = noise(&graph, IMAGES);
        Case::new(name, graph, params, IMAGES, input).check_all(None);
    }
}

/// Few channels, not in whole vectors.
struct Narrow(usize);

impl Widths for Narrow {
    fn weights(&self, _: &str) -> Weights {
        Weights::Planes { bits: 2 }
    }

    fn activation_bits(&self, _: &str) -> Option<usize> {
        Some(2)
    }

    fn outputs(&self, _: &str, usual: usize) -> usize {
        usual / 16 + 1
    }

    fn classes(&self, _: &str, _: usize) -> usize {
        7
    }

    fn input_size(&self, _: usize) -> usize {
        self.0
    }
}

fn noise(graph: &Graph, images: usize) -> Vec<f32> {
    let mut rng = Rng::new(7);
    (0..images * graph.input_shape().elements()).map(|_| rng.uniform(-1.0, 1.0) as f32).collect()
}

fn of_zoo(id: &str, size: usize) -> Case {
    let model = random_model(id, &Narrow(size), 3).unwrap();
    let (graph, params) = (model.header().graph.clone(), model.packed().params.clone());
    let input = noise(&graph, IMAGES);
    Case::new(id.to_owned(), graph, params, IMAGES, input)
}

#[test]
fn networks_of_the_zoo_agree_with_the_oracle() {
    let sizes = [
        ("cifar-resnet-20", 16),
        ("vgg-small", 16),
        ("alexnet", 99),
        ("vgg-variant", 64),
        ("googlenet-variant", 48),
        ("densenet-121", 64),
        ("preact-resnet-18", 48),
        ("preact-resnet-type-a-50", 64),
        ("torch-resnet-50", 48),
        ("resnet-18", 48),
    ];
    sizes.into_iter().for_each(|(id, size)| of_zoo(id, size).check_all(None));
    assert!(sizes.iter().all(|(id, _)| NETWORKS.iter().any(|n| n.id == *id)));
}

#[test]
fn wrong_input_is_an_error() {
    let case = of_zoo("cifar-resnet-20", 16);
    for gpu in gpus() {
        let net = FloatNet::new(&gpu, &case.graph, &case.params, 1).unwrap();
        let error = net.run(&case.input[1..], &Control::default()).unwrap_err().to_string();
        assert!(error.contains("1 images need 768 numbers"), "{error}");
    }
}
