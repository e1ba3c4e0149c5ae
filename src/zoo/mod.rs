//! Network definitions of the paper. One definition serves recognition, binding and shapes: it is written with the layer
//! names of the original code, and asks for each layer's bit widths while it is built.

mod cifar_resnet;
mod vgg_small;

use crate::graph::Graph;
use crate::graph::preprocess::{ChannelOrder, Filter, Normalize, Preprocess, Resize};

/// What a definition needs to know about a particular checkpoint.
pub trait Widths {
    /// Number of classes.
    fn classes(&self) -> usize;
    /// Bits of the weights of `layer`.
    fn weight_bits(&self, layer: &str) -> usize;
    /// Bits of the activation quantizer `layer`.
    fn activation_bits(&self, layer: &str) -> usize;
}

/// The same widths in every layer.
#[derive(Clone, Copy, Debug)]
pub struct Uniform {
    pub classes: usize,
    pub weight_bits: usize,
    pub activation_bits: usize,
}

impl Widths for Uniform {
    fn classes(&self) -> usize {
        self.classes
    }

    fn weight_bits(&self, _: &str) -> usize {
        self.weight_bits
    }

    fn activation_bits(&self, _: &str) -> usize {
        self.activation_bits
    }
}

/// A network ready to be given parameters.
pub struct Definition {
    pub graph: Graph,
    /// Preprocessing of the original training; a mean image has to be given separately.
    pub preprocess: Preprocess,
}

/// An entry of the zoo.
pub struct Network {
    /// Stable id, as in `--arch`.
    pub id: &'static str,
    /// The layer that gives the logits; its width is the number of classes.
    pub classifier: &'static str,
    /// Labels of the data set it is usually trained on.
    pub labels: &'static [&'static str],
    build: fn(&dyn Widths) -> Result<Definition, String>,
}

impl Network {
    /// The network at the given widths.
    pub fn build(&self, widths: &dyn Widths) -> Result<Definition, String> {
        (self.build)(widths)
    }
}

/// All networks.
pub const NETWORKS: &[Network] = &[
    Network { id: "cifar-resnet-20", classifier: "linear", labels: CIFAR10, build: |w| cifar_resnet::build(w, 20) },
    Network { id: "cifar-resnet-32", classifier: "linear", labels: CIFAR10, build: |w| cifar_resnet::build(w, 32) },
    Network { id: "cifar-resnet-44", classifier: "linear", labels: CIFAR10, build: |w| cifar_resnet::build(w, 44) },
    Network { id: "cifar-resnet-56", classifier: "linear", labels: CIFAR10, build: |w| cifar_resnet::build(w, 56) },
    Network { id: "cifar-resnet-110", classifier: "linear", labels: CIFAR10, build: |w| cifar_resnet::build(w, 110) },
    Network { id: "vgg-small", classifier: "linear", labels: CIFAR10, build: vgg_small::build },
];

/// Classes of CIFAR-10 in the order of its label bytes (Krizhevsky 2009).
const CIFAR10: &[&str] = &["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Pictures of 32x32 for CIFAR networks; others are resized with Pillow's bicubic filter, as torchvision does.
fn cifar(normalize: Normalize) -> Preprocess {
    Preprocess {
        resize: Resize { shorter_edge: 32, filter: Filter::PillowBicubic, crop: [32, 32] },
        channels: ChannelOrder::Rgb,
        normalize,
    }
}
