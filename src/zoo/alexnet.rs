//! AlexNet for ImageNet (paper section 5.2; original file `alexnet.py`), without groups. Its pictures have 227 x 227
//! pixels. Pools are not padded and come *before* the batch norms. fc6 is a 6x6 convolution, and fc6 and fc7 have a
//! bias and a batch norm that neither scales nor shifts.

use super::definition::{Definition, Widths};
use super::layers::{NetworkBuilder, same, valid};
use super::pictures::imagenet;

const SIZE: usize = 227;

pub(crate) fn build(widths: &dyn Widths) -> Result<Definition, String> {
    let mut net = NetworkBuilder::new(widths, SIZE)?;
    let x = net.first_conv("conv1", 96, valid(11, 4));
    let x = net.max_pool("pool1", x, valid(3, 2));
    let x = net.bn_relu_quant("bnquant2", x);
    let x = net.conv("conv2", x, 256, same(5, 1));
    let x = net.max_pool("pool2", x, valid(3, 2));
    let x = net.bn_relu_quant("bnquant3", x);
    let x = net.conv("conv3", x, 384, same(3, 1));
    let x = net.bn_relu_quant("conv3", x);
    let x = net.conv("conv4", x, 384, same(3, 1));
    let x = net.bn_relu_quant("conv4", x);
    let x = net.conv("conv5", x, 256, same(3, 1));
    let x = net.max_pool("pool5", x, valid(3, 2));
    let x = net.bn_relu_quant("bnquant6", x);
    let x = net.conv_over_all("fc6", x, 4096);
    let x = net.bn_relu_quant("fc6", x);
    let x = net.conv_over_all("fc7", x, 4096);
    let x = net.bn_relu("fc7", x);
    net.classifier("fc8", x, 1000);
    let preprocess = imagenet(net.size(), SIZE);
    net.finish(preprocess)
}
