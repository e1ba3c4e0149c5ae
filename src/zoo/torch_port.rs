//! What the networks of the PyTorch ports have in common (repositories that follow the paper's text, in which a
//! convolution holds its quantizers): every convolution but the first quantizes its input, to codes of +-1 with ties
//! rounded up; padding is symmetric; layers have torchvision's names.

use super::definition::{Codes, Definition};
use super::layers::{NetworkBuilder, Sliding};
use crate::graph::preprocess::{ChannelOrder, Filter, Normalize, Preprocess, Resize};
use crate::graph::{Encoding, NodeId, Op, Ties};

/// How the ports make codes.
const CODES: Codes = Codes { encoding: Encoding::PlusMinus, ties: Ties::Above };

/// The pictures that a network was trained on. A checkpoint does not say: the networks end in a pooling that takes any
/// size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pictures {
    ImageNet,
    /// The ports' own data set. The network differs only in the size of its maps.
    Cifar10,
}

impl Pictures {
    /// Pixels of an edge.
    pub(crate) fn size(self) -> usize {
        match self {
            Pictures::ImageNet => 224,
            Pictures::Cifar10 => 32,
        }
    }

    /// Classes of the data set.
    pub(crate) fn classes(self) -> usize {
        match self {
            Pictures::ImageNet => 1000,
            Pictures::Cifar10 => 10,
        }
    }

    /// torchvision's evaluation on ImageNet, and the ports' on CIFAR-10.
    fn preprocess(self, size: usize) -> Preprocess {
        let (shorter_edge, mean, std) = match self {
            Pictures::ImageNet => (256 * size / self.size(), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            Pictures::Cifar10 => (size, [0.5; 3], [0.5; 3]),
        };
        Preprocess {
            resize: Resize { shorter_edge, filter: Filter::PillowBilinear, crop: [size; 2], stretch: None },
            channels: ChannelOrder::Rgb,
            normalize: Normalize::Channel { mean, std },
        }
    }
}

/// The quantizer of a convolution's input.
pub(crate) fn quantized(net: &mut NetworkBuilder, name: &str, x: NodeId) -> NodeId {
    net.quantize_to(&format!("{name}.activation_quantizer"), x, CODES)
}

/// A quantizer, a convolution without bias and its batch norm.
pub(crate) fn conv_bn(
    net: &mut NetworkBuilder,
    [conv, bn]: [&str; 2],
    x: NodeId,
    outputs: usize,
    sliding: Sliding,
) -> NodeId {
    let x = quantized(net, conv, x);
    let x = net.conv_to(conv, x, outputs, sliding);
    batch_norm(net, bn, x)
}

pub(crate) fn batch_norm(net: &mut NetworkBuilder, name: &str, x: NodeId) -> NodeId {
    net.push(name, Op::BatchNorm { epsilon: 1e-5 }, x)
}

pub(crate) fn relu(net: &mut NetworkBuilder, name: &str, x: NodeId) -> NodeId {
    net.push(name, Op::Relu, x)
}

/// The network as the ports train it.
pub(crate) fn finish(net: NetworkBuilder, pictures: Pictures) -> Result<Definition, String> {
    let preprocess = pictures.preprocess(net.size());
    net.finish_with(preprocess, CODES.ties)
}
