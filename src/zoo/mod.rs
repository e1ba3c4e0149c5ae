//! Network definitions: those of the paper, with the layer names of the original code, and those of the PyTorch ports, with
//! torchvision's. One definition serves recognition, binding and shapes: it asks for each layer's widths while it is built.

mod alexnet;
mod densenet;
mod googlenet_variant;
mod net;
mod preact_resnet;
mod residual;
mod resnet;
mod torch_port;
mod torch_resnet;
mod torch_vgg;
mod vgg_small;
mod vgg_variant;

use crate::graph::preprocess::{ChannelOrder, Filter, Normalize, Preprocess, Resize};
use crate::graph::{Graph, Ties, Weights};
use preact_resnet::Shortcuts::{Projection, TypeA};
use residual::{IMAGENET_18, IMAGENET_34, IMAGENET_50, IMAGENET_101, IMAGENET_152};
use torch_port::Pictures::{Cifar10, ImageNet};
use torch_vgg::{Norm, VGG_11, VGG_13, VGG_16, VGG_19};

/// What a definition needs to know about a particular checkpoint.
pub trait Widths {
    /// How the weights of `layer` are stored. Asked for all convolutions but the first.
    fn weights(&self, layer: &str) -> Weights;
    /// Bits of the activation quantizer `layer`, or none if activations stay float.
    fn activation_bits(&self, layer: &str) -> Option<usize>;
    /// Output channels of the convolution `layer`, which has `usual` ones in the paper.
    fn outputs(&self, layer: &str, usual: usize) -> usize;
    /// Classes that the last layer `layer` tells apart.
    fn classes(&self, layer: &str, usual: usize) -> usize;
    /// Height and width of the pictures.
    fn input_size(&self, usual: usize) -> usize;
}

/// The networks of the paper, with the same bit widths in every layer.
#[derive(Clone, Copy, Debug)]
pub struct Uniform {
    pub weights: Weights,
    /// None leaves activations float.
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

/// A network ready to be given parameters.
pub struct Definition {
    pub graph: Graph,
    /// Preprocessing of the original training; a mean image has to be given separately.
    pub preprocess: Preprocess,
    /// Level of a float weight that equals a threshold.
    pub weight_ties: Ties,
    /// The dense layer that reads copies, if there is one.
    pub copies: Option<Copies>,
}

/// A dense layer over a single pixel, of which the trained network makes copies first. It was trained with a weight for each
/// copy, and here has their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copies {
    pub layer: &'static str,
    pub count: usize,
}

type Build = fn(&dyn Widths) -> Result<Definition, String>;

/// An entry of the zoo.
pub struct Network {
    /// Stable id, as in `--arch`.
    pub id: &'static str,
    /// Labels of the data set it is usually trained on, one per line.
    labels: &'static str,
    build: Build,
}

impl Network {
    const fn cifar10(id: &'static str, build: Build) -> Self {
        Network { id, labels: CIFAR10, build }
    }

    const fn imagenet(id: &'static str, build: Build) -> Self {
        Network { id, labels: IMAGENET, build }
    }

    /// The network at the given widths.
    pub fn build(&self, widths: &dyn Widths) -> Result<Definition, String> {
        (self.build)(widths)
    }

    /// Labels of the data set it is usually trained on, in order of the classes.
    pub fn labels(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.labels.lines()
    }
}

/// All networks.
pub const NETWORKS: &[Network] = &[
    Network::cifar10("cifar-resnet-20", |w| preact_resnet::build_cifar(w, &[3; 3])),
    Network::cifar10("cifar-resnet-32", |w| preact_resnet::build_cifar(w, &[5; 3])),
    Network::cifar10("cifar-resnet-44", |w| preact_resnet::build_cifar(w, &[7; 3])),
    Network::cifar10("cifar-resnet-56", |w| preact_resnet::build_cifar(w, &[9; 3])),
    Network::cifar10("cifar-resnet-110", |w| preact_resnet::build_cifar(w, &[18; 3])),
    Network::cifar10("vgg-small", vgg_small::build),
    Network::imagenet("alexnet", alexnet::build),
    Network::imagenet("vgg-variant", vgg_variant::build),
    Network::imagenet("googlenet-variant", googlenet_variant::build),
    Network::imagenet("densenet-121", densenet::build),
    Network::imagenet("preact-resnet-18", |w| preact_resnet::build(w, IMAGENET_18, Projection)),
    Network::imagenet("preact-resnet-34", |w| preact_resnet::build(w, IMAGENET_34, Projection)),
    Network::imagenet("preact-resnet-50", |w| preact_resnet::build(w, IMAGENET_50, Projection)),
    Network::imagenet("preact-resnet-101", |w| preact_resnet::build(w, IMAGENET_101, Projection)),
    Network::imagenet("preact-resnet-152", |w| preact_resnet::build(w, IMAGENET_152, Projection)),
    Network::imagenet("preact-resnet-type-a-18", |w| preact_resnet::build(w, IMAGENET_18, TypeA)),
    Network::imagenet("preact-resnet-type-a-34", |w| preact_resnet::build(w, IMAGENET_34, TypeA)),
    Network::imagenet("preact-resnet-type-a-50", |w| preact_resnet::build(w, IMAGENET_50, TypeA)),
    Network::imagenet("preact-resnet-type-a-101", |w| preact_resnet::build(w, IMAGENET_101, TypeA)),
    Network::imagenet("preact-resnet-type-a-152", |w| preact_resnet::build(w, IMAGENET_152, TypeA)),
    Network::imagenet("resnet-18", |w| resnet::build(w, IMAGENET_18)),
    Network::imagenet("resnet-34", |w| resnet::build(w, IMAGENET_34)),
    Network::imagenet("resnet-50", |w| resnet::build(w, IMAGENET_50)),
    Network::imagenet("resnet-101", |w| resnet::build(w, IMAGENET_101)),
    Network::imagenet("resnet-152", |w| resnet::build(w, IMAGENET_152)),
    Network::imagenet("torch-resnet-18", |w| torch_resnet::build(w, IMAGENET_18, ImageNet)),
    Network::imagenet("torch-resnet-34", |w| torch_resnet::build(w, IMAGENET_34, ImageNet)),
    Network::imagenet("torch-resnet-50", |w| torch_resnet::build(w, IMAGENET_50, ImageNet)),
    Network::imagenet("torch-resnet-101", |w| torch_resnet::build(w, IMAGENET_101, ImageNet)),
    Network::imagenet("torch-resnet-152", |w| torch_resnet::build(w, IMAGENET_152, ImageNet)),
    Network::imagenet("torch-vgg-11", |w| torch_vgg::build(w, VGG_11, Norm::None, ImageNet)),
    Network::imagenet("torch-vgg-11-bn", |w| torch_vgg::build(w, VGG_11, Norm::Batch, ImageNet)),
    Network::imagenet("torch-vgg-13", |w| torch_vgg::build(w, VGG_13, Norm::None, ImageNet)),
    Network::imagenet("torch-vgg-13-bn", |w| torch_vgg::build(w, VGG_13, Norm::Batch, ImageNet)),
    Network::imagenet("torch-vgg-16", |w| torch_vgg::build(w, VGG_16, Norm::None, ImageNet)),
    Network::imagenet("torch-vgg-16-bn", |w| torch_vgg::build(w, VGG_16, Norm::Batch, ImageNet)),
    Network::imagenet("torch-vgg-19", |w| torch_vgg::build(w, VGG_19, Norm::None, ImageNet)),
    Network::imagenet("torch-vgg-19-bn", |w| torch_vgg::build(w, VGG_19, Norm::Batch, ImageNet)),
    Network::cifar10("torch-resnet-18-cifar10", |w| torch_resnet::build(w, IMAGENET_18, Cifar10)),
    Network::cifar10("torch-resnet-34-cifar10", |w| torch_resnet::build(w, IMAGENET_34, Cifar10)),
    Network::cifar10("torch-resnet-50-cifar10", |w| torch_resnet::build(w, IMAGENET_50, Cifar10)),
    Network::cifar10("torch-resnet-101-cifar10", |w| torch_resnet::build(w, IMAGENET_101, Cifar10)),
    Network::cifar10("torch-resnet-152-cifar10", |w| torch_resnet::build(w, IMAGENET_152, Cifar10)),
    Network::cifar10("torch-vgg-11-cifar10", |w| torch_vgg::build(w, VGG_11, Norm::None, Cifar10)),
    Network::cifar10("torch-vgg-11-bn-cifar10", |w| torch_vgg::build(w, VGG_11, Norm::Batch, Cifar10)),
    Network::cifar10("torch-vgg-13-cifar10", |w| torch_vgg::build(w, VGG_13, Norm::None, Cifar10)),
    Network::cifar10("torch-vgg-13-bn-cifar10", |w| torch_vgg::build(w, VGG_13, Norm::Batch, Cifar10)),
    Network::cifar10("torch-vgg-16-cifar10", |w| torch_vgg::build(w, VGG_16, Norm::None, Cifar10)),
    Network::cifar10("torch-vgg-16-bn-cifar10", |w| torch_vgg::build(w, VGG_16, Norm::Batch, Cifar10)),
    Network::cifar10("torch-vgg-19-cifar10", |w| torch_vgg::build(w, VGG_19, Norm::None, Cifar10)),
    Network::cifar10("torch-vgg-19-bn-cifar10", |w| torch_vgg::build(w, VGG_19, Norm::Batch, Cifar10)),
];

/// The network with an id, or which ids there are.
pub fn find(id: &str) -> Result<&'static Network, String> {
    NETWORKS.iter().find(|n| n.id == id).ok_or_else(|| {
        let known: Vec<&str> = NETWORKS.iter().map(|n| n.id).collect();
        format!("network '{id}' is unknown; known are {}", known.join(", "))
    })
}

/// Classes of CIFAR-10 in the order of its label bytes (Krizhevsky 2009).
const CIFAR10: &str = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n";
/// Short names of the ILSVRC 2012 classes in the order of their WordNet ids, no name twice. From torchvision 0.20
/// (`torchvision/models/_meta.py`), under the licence in `imagenet_labels.LICENSE`.
const IMAGENET: &str = include_str!("imagenet_labels.txt");

/// Pixels of a CIFAR-10 picture's edge.
const CIFAR_SIZE: usize = 32;

/// Pictures of `size` x `size` as they are; others are resized with Pillow's bicubic filter, as torchvision does.
fn cifar(size: usize, normalize: Normalize) -> Preprocess {
    Preprocess {
        resize: Resize { shorter_edge: size, filter: Filter::PillowBicubic, crop: [size; 2] },
        channels: ChannelOrder::Rgb,
        normalize,
    }
}

/// The original's evaluation: the shorter edge becomes 256 pixels, of which the centre is cut out. Other sizes than the `usual`
/// one show the same part of the picture.
fn imagenet(size: usize, usual: usize) -> Preprocess {
    Preprocess {
        resize: Resize { shorter_edge: 256 * size / usual, filter: Filter::OpencvCubic, crop: [size; 2] },
        channels: ChannelOrder::Bgr,
        normalize: Normalize::Channel { mean: [0.406, 0.456, 0.485], std: [0.225, 0.224, 0.229] },
    }
}
