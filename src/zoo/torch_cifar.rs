//! Post-activation ResNets for CIFAR-10 as PyTorch code usually has them (He et al. 2016, section 4.2, depths 20 to 110),
//! with 16, 32 and 64 channels and parameterless shortcuts: every other pixel, and zero channels on both sides. A
//! quantizer follows each ReLU but the first, so shortcuts carry codes. Names are those of `github.com/QDelta/LQ-Nets`
//! (`resnet.py`), where a ReLU and its quantizer are a sequence; its codes are +-1 and ties go down.
//!
//! `resnet20.py` there has the same network with 1x1 convolutions as shortcuts and other names.

use super::definition::{Codes, Definition, Widths};
use super::layers::{NetworkBuilder, Sliding, centred, valid};
use super::pictures::CIFAR_SIZE;
use super::residual::{Block, Stages};
use super::torch_port::{batch_norm, relu};
use crate::graph::preprocess::{ChannelOrder, Filter, Normalize, Preprocess, Resize};
use crate::graph::{Encoding, NodeId, Ties};

const CODES: Codes = Codes { encoding: Encoding::PlusMinus, ties: Ties::Below };
/// That code normalizes CIFAR-10 with the statistics of ImageNet.
const NORMALIZE: Normalize = Normalize::Channel { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/// The network with this many blocks per group.
pub(crate) fn build(widths: &dyn Widths, blocks: &'static [usize; 3]) -> Result<Definition, String> {
    let mut net = NetworkBuilder::new(widths, CIFAR_SIZE)?;
    let mut x = stem(&mut net, ["conv1", "bn1", "relu"]);
    for block in all_blocks(blocks) {
        x = residual_block(&mut net, x, &block);
    }
    finish(net, x, "linear")
}

/// The network with 1x1 convolutions as shortcuts.
pub(crate) fn build_projections(widths: &dyn Widths, blocks: &'static [usize; 3]) -> Result<Definition, String> {
    let mut net = NetworkBuilder::new(widths, CIFAR_SIZE)?;
    let mut x = stem(&mut net, ["head_conv.0", "head_conv.1", "head_conv.2"]);
    for (index, block) in all_blocks(blocks).enumerate() {
        x = projected_block(&mut net, x, &block, &|layer| format!("body_op.{index}.{layer}"));
    }
    finish(net, x, "final_fc")
}

fn all_blocks(blocks: &'static [usize; 3]) -> impl Iterator<Item = Block> {
    let stages = Stages { blocks, channels: 16, bottleneck: false };
    (0..blocks.len()).flat_map(move |group| stages.group(group))
}

fn stem(net: &mut NetworkBuilder, [conv, bn, act]: [&str; 3]) -> NodeId {
    let x = net.first_conv(conv, 16, centred(3, 1));
    let x = batch_norm(net, bn, x);
    relu(net, act, x)
}

fn finish(mut net: NetworkBuilder, x: NodeId, classifier: &str) -> Result<Definition, String> {
    let x = net.global_average(x);
    net.classifier(classifier, x, 10);
    let size = net.size();
    let resize = Resize { shorter_edge: size, filter: Filter::PillowBilinear, crop: [size; 2], stretch: None };
    net.finish_with(Preprocess { resize, channels: ChannelOrder::Rgb, normalize: NORMALIZE }, CODES.ties)
}

fn residual_block(net: &mut NetworkBuilder, input: NodeId, block: &Block) -> NodeId {
    let name = |layer: &str| format!("layer{}.{}.{layer}", block.group + 1, block.index);
    let mut x = input;
    for (i, (kernel, stride, channels)) in block.convs().into_iter().enumerate() {
        x = net.conv(&name(&format!("conv{}", i + 1)), x, channels, centred(kernel, stride));
        x = batch_norm(net, &name(&format!("bn{}", i + 1)), x);
        if i == 0 {
            x = activation(net, &name("activ1"), x);
        }
    }
    let shortcut = shortcut(net, input, x, block.stride(), &name("shortcut"));
    let x = net.add(&name("add"), x, shortcut);
    activation(net, &name("activ2"), x)
}

fn projected_block(net: &mut NetworkBuilder, input: NodeId, block: &Block, name: &dyn Fn(&str) -> String) -> NodeId {
    let conv = |net: &mut NetworkBuilder, scope: &str, x: NodeId, outputs: usize, sliding: Sliding| {
        let x = net.conv_to(&name(&format!("{scope}.0")), x, outputs, sliding);
        batch_norm(net, &name(&format!("{scope}.1")), x)
    };
    let convs = block.convs();
    let outputs = |net: &NetworkBuilder, i: usize| net.outputs(&name(&format!("conv{}.0", i + 1)), convs[i].2);
    let (first, second) = (outputs(net, 0), outputs(net, 1));
    let x = conv(net, "conv1", input, first, centred(3, block.stride()));
    let x = relu(net, &name("conv1.2"), x);
    let x = net.quantize_to(&name("conv1.3"), x, CODES);
    let x = conv(net, "conv2", x, second, centred(3, 1));
    let shortcut = if block.stride() == 1 && net.channels(input) == second {
        input
    } else {
        conv(net, "id_mapping", input, second, centred(1, block.stride()))
    };
    let x = net.add(&name("add"), x, shortcut);
    activation(net, &name("final_activation"), x)
}

/// A ReLU and a quantizer.
fn activation(net: &mut NetworkBuilder, name: &str, x: NodeId) -> NodeId {
    let x = relu(net, &format!("{name}.0"), x);
    net.quantize_to(&format!("{name}.1"), x, CODES)
}

fn shortcut(net: &mut NetworkBuilder, input: NodeId, branch: NodeId, stride: usize, name: &str) -> NodeId {
    let x = if stride == 1 { input } else { net.max_pool(&format!("{name}.pixels"), input, valid(1, stride)) };
    if net.channels(x) == net.channels(branch) {
        return x;
    }
    net.pad_channels_evenly(&format!("{name}.pad"), x, net.channels(branch))
}
