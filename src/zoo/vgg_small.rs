//! VGG-Small for CIFAR-10 (paper section 5.1; original file `cifar10-vgg-small.py`): 2x128, pool, 2x256, pool, 2x512,
//! pool, dense. conv1, conv3 and conv5 are pooled *before* their batch norms bn2, bn4 and bn6.

use super::definition::{Definition, Widths};
use super::layers::{NetworkBuilder, same, valid};
use super::pictures::{CIFAR_SIZE, cifar};
use crate::graph::preprocess::Normalize;

/// Pixels minus the per-pixel mean are divided by this.
pub(crate) const DIVIDE: f64 = 128.0;

pub(crate) fn build(widths: &dyn Widths) -> Result<Definition, String> {
    let mut net = NetworkBuilder::new(widths, CIFAR_SIZE)?;
    let x = net.first_conv("conv0", 128, same(3, 1));
    let mut x = net.bn_relu("conv0", x);
    for (i, channels) in [(1, 128), (2, 256), (3, 256), (4, 512), (5, 512)] {
        let conv = format!("conv{i}");
        x = net.quantize(&format!("quant{i}"), x);
        x = net.conv(&conv, x, channels, same(3, 1));
        x = if i % 2 == 0 {
            net.bn_relu(&conv, x)
        } else {
            let x = net.max_pool(&format!("pool{i}"), x, valid(2, 2));
            net.bn_relu(&format!("bn{}", i + 1), x)
        };
    }
    net.classifier("linear", x, 10);
    // The per-pixel mean of the training pictures is not part of a checkpoint; without it the model takes tensors
    // only.
    let preprocess = cifar(net.size(), Normalize::TensorOnly { range: 255.0 / DIVIDE });
    net.finish(preprocess)
}
