//! Post-activation ResNets of the PyTorch ports, with torchvision's layers (`torchvision/models/resnet.py`): type-B
//! shortcuts, and the stride of a bottleneck on its 3x3 convolution. On CIFAR-10 they have the same first layers.

use super::definition::{Definition, Widths};
use super::layers::{NetworkBuilder, centred};
use super::residual::{Block, Stages};
use super::torch_port::{Pictures, batch_norm, conv_bn, finish, relu};
use crate::graph::NodeId;

pub(crate) fn build(widths: &dyn Widths, stages: Stages, pictures: Pictures) -> Result<Definition, String> {
    let mut net = NetworkBuilder::new(widths, pictures.size())?;
    let x = net.first_conv("conv1", 64, centred(7, 2));
    let x = batch_norm(&mut net, "bn1", x);
    let x = relu(&mut net, "relu", x);
    let mut x = net.max_pool("maxpool", x, centred(3, 2));
    for block in (0..stages.blocks.len()).flat_map(|group| stages.group(group)) {
        x = residual_block(&mut net, x, &block);
    }
    let x = net.global_average(x);
    net.classifier("fc", x, pictures.classes());
    finish(net, pictures)
}

fn residual_block(net: &mut NetworkBuilder, input: NodeId, block: &Block) -> NodeId {
    let name = |layer: &str| format!("layer{}.{}.{layer}", block.group + 1, block.index);
    let convs = block.convs();
    let mut x = input;
    for (i, &(kernel, stride, channels)) in convs.iter().enumerate() {
        let (conv, bn) = (name(&format!("conv{}", i + 1)), name(&format!("bn{}", i + 1)));
        let channels = net.outputs(&conv, channels);
        x = conv_bn(net, [&conv, &bn], x, channels, centred(kernel, stride));
        if i + 1 < convs.len() {
            x = relu(net, &name(&format!("relu{}", i + 1)), x);
        }
    }
    let shortcut = if block.stride() == 1 && net.channels(input) == net.channels(x) {
        input
    } else {
        let (conv, bn) = (name("downsample.0"), name("downsample.1"));
        conv_bn(net, [&conv, &bn], input, net.channels(x), centred(1, block.stride()))
    };
    let x = net.add(&name("add"), x, shortcut);
    relu(net, &name("relu"), x)
}
