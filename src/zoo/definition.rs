//! What a definition of a network is given, and what it gives.

use crate::graph::preprocess::Preprocess;
use crate::graph::{Encoding, Graph, Ties, Weights};

/// What a definition needs to know about a particular checkpoint.
pub trait Widths {
    /// How the weights of `layer` are stored. Asked for all convolutions but the first.
    fn weights(&self, layer: &str) -> Weights;
    /// Bits of the activation quantizer `layer`, or none if activations stay float.
    fn activation_bits(&self, layer: &str) -> Option<usize>;
    /// How the activation quantizer `layer` makes codes; `usual` is how the network's own code does.
    fn codes(&self, _layer: &str, usual: Codes) -> Codes {
        usual
    }
    /// Level of a float weight that equals a threshold; `usual` as in [`Widths::codes`].
    fn weight_ties(&self, usual: Ties) -> Ties {
        usual
    }
    /// Output channels of the convolution `layer`; `usual` is their number in the paper.
    fn outputs(&self, layer: &str, usual: usize) -> usize;
    /// Classes that the last layer, `layer`, tells apart.
    fn classes(&self, layer: &str, usual: usize) -> usize;
    /// Height and width of the pictures.
    fn input_size(&self, usual: usize) -> usize;
}

/// How an activation quantizer makes codes of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codes {
    /// What the bits of a code mean.
    pub encoding: Encoding,
    /// Which level a number gets that equals a threshold.
    pub ties: Ties,
}

impl Codes {
    /// Those of the original code.
    pub const ORIGINAL: Codes = Codes { encoding: Encoding::ZeroOne, ties: Ties::Below };
}

/// The networks of the paper, with the same bit widths in every layer.
#[derive(Clone, Copy, Debug)]
pub struct Uniform {
    /// How all weights but the first layer's are stored.
    pub weights: Weights,
    /// Bits of all activation quantizers. None leaves activations float.
    pub activation_bits: Option<usize>,
}

impl Uniform {
    /// Weight planes and activation planes.
    pub fn bits(weights: usize, activations: usize) -> Self {
        Uniform { weights: Weights::Planes { bits: weights }, activation_bits: Some(activations) }
    }
}

impl Widths for Uniform {
    fn weights(&self, _: &str) -> Weights {
        self.weights
    }

    fn activation_bits(&self, _: &str) -> Option<usize> {
        self.activation_bits
    }

    fn outputs(&self, _: &str, usual: usize) -> usize {
        usual
    }

    fn classes(&self, _: &str, usual: usize) -> usize {
        usual
    }

    fn input_size(&self, usual: usize) -> usize {
        usual
    }
}

/// A network without its parameters.
pub struct Definition {
    /// The layers.
    pub graph: Graph,
    /// Preprocessing of the original training; a mean image has to be given separately.
    pub preprocess: Preprocess,
    /// Level of a float weight that equals a threshold.
    pub weight_ties: Ties,
    /// The dense layer that was trained on copies of a pixel, if there is one.
    pub copies: Option<Copies>,
}

/// A dense layer over a single pixel that the trained network copies first. It was trained with a weight for each
/// copy; here it has their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copies {
    /// Name of the layer.
    pub layer: &'static str,
    /// Copies of the pixel.
    pub count: usize,
}
