//! VGG-Variant for ImageNet (paper section 5.2; original file `vgg.py`): a float 7x7 convolution, then three stages of
//! three 3x3 convolutions, the third of which is pooled *before* its batch norm. conv1 has none: ReLU, pool, then
//! bnquant2_0. fc5 is a 7x7 convolution, and fc5 and fc6 have a bias and a batch norm that neither scales nor shifts.

use super::definition::{Definition, Widths};
use super::layers::{NetworkBuilder, same, valid};
use super::pictures::imagenet;

const SIZE: usize = 224;

pub(crate) fn build(widths: &dyn Widths) -> Result<Definition, String> {
    let mut net = NetworkBuilder::new(widths, SIZE)?;
    let x = net.first_conv("conv1", 96, same(7, 2));
    let x = net.relu("conv1", x);
    let mut x = net.max_pool("pool1", x, valid(2, 2));
    for (stage, channels) in [(2, 256), (3, 512), (4, 512)] {
        x = net.bn_relu_quant(&format!("bnquant{stage}_0"), x);
        for i in [1, 2] {
            let name = format!("conv{stage}_{i}");
            x = net.conv(&name, x, channels, same(3, 1));
            x = net.bn_relu_quant(&name, x);
        }
        x = net.conv(&format!("conv{stage}_3"), x, channels, same(3, 1));
        x = net.max_pool(&format!("pool{stage}"), x, valid(2, 2));
    }
    let x = net.bn_relu_quant("bnquant5", x);
    let x = net.conv_over_all("fc5", x, 4096);
    let x = net.bn_relu_quant("fc5", x);
    let x = net.conv_over_all("fc6", x, 4096);
    let x = net.bn_relu("fc6", x);
    net.classifier("fc7", x, 1000);
    let preprocess = imagenet(net.size(), SIZE);
    net.finish(preprocess)
}
