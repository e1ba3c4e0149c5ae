//! How the original code turns pictures into the first layer's tensor.

use crate::graph::preprocess::{ChannelOrder, Filter, Normalize, Preprocess, Resize};

/// Pixels of a CIFAR-10 picture's edge.
pub(crate) const CIFAR_SIZE: usize = 32;

/// CIFAR-10: pictures of `size` x `size` are taken as they are; others are resized with Pillow's bicubic filter, as
/// torchvision does.
pub(crate) fn cifar(size: usize, normalize: Normalize) -> Preprocess {
    Preprocess {
        resize: Resize { shorter_edge: size, filter: Filter::PillowBicubic, crop: [size; 2], stretch: None },
        channels: ChannelOrder::Rgb,
        normalize,
    }
}

/// ImageNet, as the original evaluates it: the shorter edge becomes 256 pixels and the centre is cut out. Other sizes
/// than the `usual` one show the same part of the picture.
pub(crate) fn imagenet(size: usize, usual: usize) -> Preprocess {
    Preprocess {
        resize: Resize {
            shorter_edge: 256 * size / usual,
            filter: Filter::OpencvCubic,
            crop: [size; 2],
            stretch: None,
        },
        channels: ChannelOrder::Bgr,
        normalize: Normalize::Channel { mean: [0.406, 0.456, 0.485], std: [0.225, 0.224, 0.229] },
    }
}
