//! Test problems: small random networks with parameters that look trained and a batch of inputs, all made from one
//! seed.

pub mod fit;
mod net;
mod source;

use super::oracle::{self, LevelValues, NodeResult};
use super::rng::Rng;
use fit::calibrated;
use lq_infer::internals::graph::preprocess::Normalize;
use lq_infer::internals::graph::{Graph, Params};
use lq_infer::internals::lower::InputKind;
use net::Net;
use source::Source;

/// A network, its parameters and a batch of inputs.
#[derive(Clone, Debug)]
pub struct Problem {
    pub seed: u64,
    pub graph: Graph,
    pub params: Params,
    pub normalize: Normalize,
    /// What the network is lowered for.
    pub kind: InputKind,
    pub input: Input,
    pub images: usize,
}

/// The input, `[image, h, w, c]`.
#[derive(Clone, Debug)]
pub enum Input {
    /// 8-bit pixels, whose mean and standard deviation are folded into the first layer.
    Pixels(Vec<u8>),
    /// The first layer's tensor.
    Tensor(Vec<f32>),
}

impl Problem {
    /// The problem of `seed`. Every 16 consecutive seeds go through all weights and activations of 1 to 4 bits; in
    /// every fifth such round, each layer has a random width of up to 8 bits instead.
    pub fn random(seed: u64) -> Self {
        let bits = if seed / 16 % 5 == 4 { None } else { Some([1 + seed as usize % 4, 1 + seed as usize / 4 % 4]) };
        Self::of_bits(seed, bits)
    }

    /// The problem of `seed` with all widths: every 64 consecutive seeds go through all weights and activations of 1 to 8
    /// bits.
    pub fn wide(seed: u64) -> Self {
        // Neighbouring seeds differ in both widths, so that a few of them cover each.
        let [w, a] = [seed % 8, (seed + seed / 8) % 8].map(|bits| 1 + bits as usize);
        Self::of_bits(seed, Some([w, a]))
    }

    /// Weights and activations of these widths; `None` for a random choice in each layer.
    fn of_bits(seed: u64, bits: Option<[usize; 2]>) -> Self {
        let mut rng = Rng::new(seed);
        let images = rng.between(2, 4);
        let source = Source::random(&mut rng);
        let shape = source.shape(&mut rng);
        let graph = Net::new(&mut rng, shape, bits).network(source);
        let (input, normalize, kind) = source.fill(&mut rng, shape, images);
        let real = real_input(&input, &normalize);
        let params = calibrated(&graph, &real, images, &mut rng);
        Problem { seed, graph, params, normalize, kind, input, images }
    }

    /// What the first layer receives.
    pub fn real_input(&self) -> Vec<f64> {
        real_input(&self.input, &self.normalize)
    }

    /// The oracle's result of every node.
    pub fn evaluate(&self, levels: LevelValues) -> Vec<NodeResult> {
        oracle::evaluate(&self.graph, &self.params, &self.real_input(), self.images, levels)
    }

    /// Everything needed to understand and to reproduce this problem.
    pub fn describe(&self) -> String {
        format!(
            "Problem::random({}): {} images as {:?}, {:?}\n{}",
            self.seed, self.images, self.kind, self.normalize, self.graph
        )
    }
}

fn real_input(input: &Input, normalize: &Normalize) -> Vec<f64> {
    match (input, normalize) {
        (Input::Tensor(x), _) => x.iter().map(|&v| f64::from(v)).collect(),
        (Input::Pixels(p), Normalize::Channel { mean, std }) => {
            p.iter().enumerate().map(|(i, &p)| (f64::from(p) / 255.0 - mean[i % 3]) / std[i % 3]).collect()
        }
        _ => panic!("only a per-channel mean is folded into the first layer"),
    }
}
