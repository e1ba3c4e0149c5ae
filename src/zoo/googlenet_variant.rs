//! GoogLeNet-Variant for ImageNet (paper section 5.2; original file `googlenet.py`): inception blocks with three
//! branches and no pooling branch. Every branch has a quantizer of its own, so the concatenation has three bases by
//! channel range. The last block of a stage is pooled *before* its batch norms. `incpetion` is the original's
//! spelling.

use super::definition::{Definition, Widths};
use super::layers::{NetworkBuilder, same};
use super::pictures::imagenet;
use crate::graph::NodeId;

const SIZE: usize = 224;

/// What follows the branches of a block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// A batch norm, a ReLU and a quantizer for each branch.
    Quantized,
    /// The same after a max pool, in scopes of their own.
    Pooled,
    /// Nothing: the branches are concatenated as they are.
    Raw,
}
use Ending::{Pooled, Quantized, Raw};

/// Blocks with the channels of their 1x1, 3x3 and 5x5 branches; the reducing convolutions have those of their branch.
const BLOCKS: [(&str, [usize; 3], Ending); 9] = [
    ("3a", [96, 128, 32], Quantized),
    ("3b", [192, 192, 96], Pooled),
    ("4a", [256, 208, 48], Quantized),
    ("4b", [224, 224, 64], Quantized),
    ("4c", [192, 256, 64], Quantized),
    ("4d", [176, 288, 64], Quantized),
    ("4e", [384, 320, 128], Pooled),
    ("5a", [384, 320, 128], Quantized),
    ("5b", [512, 384, 128], Raw),
];

pub(crate) fn build(widths: &dyn Widths) -> Result<Definition, String> {
    let mut net = NetworkBuilder::new(widths, SIZE)?;
    let x = net.first_conv("conv1", 64, same(7, 2));
    let x = net.max_pool("pool1", x, same(3, 2));
    let x = net.bn_relu_quant("pool1/out", x);
    let x = net.conv("conv2/3x3_reduce", x, 192, same(1, 1));
    let x = net.bn_relu_quant("conv2/3x3_reduce", x);
    let x = net.conv("conv2/3x3", x, 192, same(3, 1));
    let x = net.max_pool("pool2", x, same(3, 2));
    let mut x = net.bn_relu_quant("pool2/out", x);
    for (block, channels, ending) in BLOCKS {
        x = inception(&mut net, x, &format!("incpetion_{block}"), channels, ending);
    }
    let x = net.bn_relu("incpetion_5b/output_bn", x);
    let x = net.global_average(x);
    net.classifier("linear", x, 1000);
    let preprocess = imagenet(net.size(), SIZE);
    net.finish(preprocess)
}

fn inception(net: &mut NetworkBuilder, x: NodeId, scope: &str, channels: [usize; 3], ending: Ending) -> NodeId {
    let mut branches = Vec::new();
    for (kernel, channels) in [1, 3, 5].into_iter().zip(channels) {
        let size = format!("{kernel}x{kernel}");
        let mut branch = x;
        if kernel > 1 {
            let reduce = format!("{scope}/{size}_reduce");
            branch = net.conv(&reduce, branch, channels, same(1, 1));
            branch = net.bn_relu_quant(&reduce, branch);
        }
        branch = net.conv(&format!("{scope}/{size}"), branch, channels, same(kernel, 1));
        branches.push(end(net, branch, scope, &size, ending));
    }
    net.concat(&format!("{scope}/concat"), &branches)
}

fn end(net: &mut NetworkBuilder, branch: NodeId, scope: &str, size: &str, ending: Ending) -> NodeId {
    match ending {
        Raw => branch,
        Quantized => net.bn_relu_quant(&format!("{scope}/{size}"), branch),
        Pooled => {
            let x = net.max_pool(&format!("{scope}/pool{size}"), branch, same(3, 2));
            let x = net.bn_relu(&format!("{scope}/conv{size}_bn"), x);
            net.quantize(&format!("{scope}/conv{size}_quant"), x)
        }
    }
}
