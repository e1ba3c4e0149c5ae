//! DenseNet-121 for ImageNet (paper section 5.2; original file `densenet.py`). A layer puts its new channels *before*
//! the old ones, and there is no quantizer before conv1x1. So conv1x1 reads channels with many different bases, and
//! float channels as well: those of the first pool, or of a transition (convolution and average pool, without batch
//! norm or ReLU).

use super::definition::{Definition, Widths};
use super::layers::{NetworkBuilder, same};
use super::pictures::imagenet;
use crate::graph::NodeId;

const SIZE: usize = 224;
/// Channels that a layer adds.
const GROWTH: usize = 32;
/// Layers per block.
const BLOCKS: [usize; 4] = [6, 12, 24, 16];

pub(crate) fn build(widths: &dyn Widths) -> Result<Definition, String> {
    let mut net = NetworkBuilder::new(widths, SIZE)?;
    let x = net.first_conv("conv1", 64, same(7, 2));
    let x = net.bn_relu("conv1", x);
    let mut x = net.max_pool("pool1", x, same(3, 2));
    for (block, layers) in BLOCKS.into_iter().enumerate() {
        for layer in 0..layers {
            x = dense_layer(&mut net, x, &format!("block{block}/dense_layer.{layer}"));
        }
        if block + 1 < BLOCKS.len() {
            x = transition(&mut net, x, &format!("block{block}/transition"));
        }
    }
    let x = net.bn_relu("bnrelu_last", x);
    let x = net.global_average(x);
    net.classifier("linear", x, 1000);
    let preprocess = imagenet(net.size(), SIZE);
    net.finish(preprocess)
}

fn dense_layer(net: &mut NetworkBuilder, old: NodeId, scope: &str) -> NodeId {
    let name = |layer: &str| format!("{scope}/{layer}");
    let x = net.conv(&name("conv1x1"), old, 4 * GROWTH, same(1, 1));
    let x = net.bn_relu(&name("bnrelu_2"), x);
    let x = net.quantize(&name("quant2"), x);
    let x = net.conv(&name("conv3x3"), x, GROWTH, same(3, 1));
    let x = net.bn_relu(&name("bnrelu_3"), x);
    let new = net.quantize(&name("quant3"), x);
    net.concat(&name("concat"), &[new, old])
}

/// Half the channels, half the size.
fn transition(net: &mut NetworkBuilder, x: NodeId, scope: &str) -> NodeId {
    let x = net.conv_to(&format!("{scope}/conv1"), x, net.channels(x) / 2, same(1, 1));
    net.shrink(&format!("{scope}/pool"), x, 2)
}
