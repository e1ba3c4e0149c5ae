//! Pre-activation ResNets (paper sections 5.1 and 5.2; original files `imagenet.py`, modes preact and preact_typeA,
//! and `resnet_model.py`): depths 18 to 152 for ImageNet, and 20 to 110 of type A for CIFAR-10, where names follow
//! preact_typeA with three groups of 16, 32 and 64 channels.

use super::definition::{Definition, Widths};
use super::layers::{NetworkBuilder, same};
use super::pictures::{CIFAR_SIZE, cifar, imagenet};
use super::residual::{Block, IMAGENET_SIZE, Stages, branch, imagenet_stem, parameterless, projection};
use crate::graph::NodeId;
use crate::graph::preprocess::Normalize;

/// Per-channel statistics of the CIFAR-10 training pictures, in the usual rounding.
const CIFAR_NORMALIZE: Normalize = Normalize::Channel { mean: [0.4914, 0.4822, 0.4465], std: [0.2470, 0.2435, 0.2616] };

/// How a block's input gets the shape of its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shortcuts {
    /// Mode preact. A group's result is quantized once at its end, for the next group's first block and its 1x1
    /// shortcut.
    Projection,
    /// Mode preact_typeA. Groups end in float values, which the shortcut pools and the first block quantizes.
    TypeA,
}

/// The network for ImageNet.
pub(crate) fn build(widths: &dyn Widths, stages: Stages, shortcuts: Shortcuts) -> Result<Definition, String> {
    let mut net = NetworkBuilder::new(widths, IMAGENET_SIZE)?;
    let x = imagenet_stem(&mut net);
    body(&mut net, x, stages, shortcuts, 1000);
    let preprocess = imagenet(net.size(), IMAGENET_SIZE);
    net.finish(preprocess)
}

/// The network for CIFAR-10 with this many blocks per group.
pub(crate) fn build_cifar(widths: &dyn Widths, blocks: &'static [usize; 3]) -> Result<Definition, String> {
    let mut net = NetworkBuilder::new(widths, CIFAR_SIZE)?;
    let x = net.first_conv("conv0", 16, same(3, 1));
    let x = net.bn_relu("conv0", x);
    body(&mut net, x, Stages { blocks, channels: 16, bottleneck: false }, Shortcuts::TypeA, 10);
    let preprocess = cifar(net.size(), CIFAR_NORMALIZE);
    net.finish(preprocess)
}

fn body(net: &mut NetworkBuilder, mut x: NodeId, stages: Stages, shortcuts: Shortcuts, classes: usize) {
    let groups = stages.blocks.len();
    for group in 0..groups {
        for block in stages.group(group) {
            x = residual_block(net, x, &block, shortcuts);
        }
        x = net.bn_relu(&format!("group{group}/bnlast"), x);
        if shortcuts == Shortcuts::Projection && group + 1 < groups {
            x = net.quantize(&format!("group{group}/quant_last"), x);
        }
    }
    x = net.global_average(x);
    net.classifier("linear", x, classes);
}

/// preact (absent in a group's first block, whose input is normalized already), quant1, conv1, bn, relu, quant2,
/// conv2, bn, +.
fn residual_block(net: &mut NetworkBuilder, input: NodeId, block: &Block, shortcuts: Shortcuts) -> NodeId {
    let x = if block.index > 0 { net.bn_relu(&block.name("preact"), input) } else { input };
    let quantized_already = block.index == 0 && block.group > 0 && shortcuts == Shortcuts::Projection;
    let x = if quantized_already { x } else { net.quantize(&block.name("quant1"), x) };
    let x = branch(net, x, block, true);
    let shortcut = match shortcuts {
        Shortcuts::Projection => projection(net, input, x, block),
        Shortcuts::TypeA => parameterless(net, input, x, block),
    };
    net.add(&block.name("add"), x, shortcut)
}
