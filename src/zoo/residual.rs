//! What residual networks share: depths, blocks and shortcuts, with the layer names of the original `imagenet.py` and
//! `resnet_model.py`.

use super::layers::{NetworkBuilder, same};
use crate::graph::NodeId;

/// Pixels of an ImageNet picture's edge.
pub(crate) const IMAGENET_SIZE: usize = 224;

/// Groups of blocks. Every group but the first halves the size and doubles the channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stages {
    /// Blocks per group.
    pub blocks: &'static [usize],
    /// Channels of the first group's 3x3 convolutions.
    pub channels: usize,
    /// Whether a block is 1x1, 3x3, 1x1 with four times the channels, or twice 3x3.
    pub bottleneck: bool,
}

/// The usual groups of ImageNet networks (He et al. 2016, table 1).
pub(crate) const IMAGENET_18: Stages = Stages { blocks: &[2, 2, 2, 2], channels: 64, bottleneck: false };
pub(crate) const IMAGENET_34: Stages = Stages { blocks: &[3, 4, 6, 3], ..IMAGENET_18 };
pub(crate) const IMAGENET_50: Stages = Stages { blocks: &[3, 4, 6, 3], bottleneck: true, ..IMAGENET_18 };
pub(crate) const IMAGENET_101: Stages = Stages { blocks: &[3, 4, 23, 3], ..IMAGENET_50 };
pub(crate) const IMAGENET_152: Stages = Stages { blocks: &[3, 8, 36, 3], ..IMAGENET_50 };

/// One residual block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub group: usize,
    /// Index within the group.
    pub index: usize,
    channels: usize,
    bottleneck: bool,
}

impl Stages {
    /// The blocks of one group.
    pub(crate) fn group(&self, group: usize) -> impl Iterator<Item = Block> + use<> {
        let Stages { blocks, channels, bottleneck } = *self;
        (0..blocks[group]).map(move |index| Block { group, index, channels: channels << group, bottleneck })
    }
}

impl Block {
    /// Full name of one of its layers.
    pub(crate) fn name(&self, layer: &str) -> String {
        format!("group{}/block{}/{layer}", self.group, self.index)
    }

    /// Stride of the block as a whole.
    pub(crate) fn stride(&self) -> usize {
        if self.group > 0 && self.index == 0 { 2 } else { 1 }
    }

    /// Kernel, stride and channels of its convolutions.
    pub(crate) fn convs(&self) -> Vec<(usize, usize, usize)> {
        let (stride, channels) = (self.stride(), self.channels);
        if self.bottleneck {
            vec![(1, 1, channels), (3, stride, channels), (1, 1, 4 * channels)]
        } else {
            vec![(3, stride, channels), (3, 1, channels)]
        }
    }
}

/// conv1, bn, relu, (quant2,) conv2, bn ... without a ReLU at the end.
pub(crate) fn branch(net: &mut NetworkBuilder, mut x: NodeId, block: &Block, quantized: bool) -> NodeId {
    let convs = block.convs();
    for (i, &(kernel, stride, channels)) in convs.iter().enumerate() {
        let name = block.name(&format!("conv{}", i + 1));
        x = net.conv(&name, x, channels, same(kernel, stride));
        if i + 1 == convs.len() {
            return net.batch_norm(&name, x);
        }
        x = net.bn_relu(&name, x);
        if quantized {
            x = net.quantize(&block.name(&format!("quant{}", i + 2)), x);
        }
    }
    x
}

/// The input where it has as many channels as the branch; else a 1x1 convolution (type B).
pub(crate) fn projection(net: &mut NetworkBuilder, input: NodeId, branch: NodeId, block: &Block) -> NodeId {
    if net.channels(input) == net.channels(branch) {
        return input;
    }
    let name = block.name("convshortcut");
    let x = net.conv_to(&name, input, net.channels(branch), same(1, block.stride()));
    net.batch_norm(&name, x)
}

/// The input where it has as many channels as the branch; else an average pool and zero channels (type A).
pub(crate) fn parameterless(net: &mut NetworkBuilder, input: NodeId, branch: NodeId, block: &Block) -> NodeId {
    if net.channels(input) == net.channels(branch) {
        return input;
    }
    let x = match block.stride() {
        1 => input,
        stride => net.shrink(&block.name("shortcut/pool"), input, stride),
    };
    net.pad_channels(&block.name("shortcut/pad"), x, net.channels(branch))
}

/// The first layers of ImageNet networks: conv0 with stride 2, bn, relu, and a max pool with stride 2.
pub(crate) fn imagenet_stem(net: &mut NetworkBuilder) -> NodeId {
    let x = net.first_conv("conv0", 64, same(7, 2));
    let x = net.bn_relu("conv0", x);
    net.max_pool("pool0", x, same(3, 2))
}
