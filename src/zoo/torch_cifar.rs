//! Post-activation ResNets for CIFAR-10 as PyTorch code usually has them (He et al. 2016, section 4.2, depths 20 to 110),
//! with 16, 32 and 64 channels and parameterless shortcuts: every other pixel, and zero channels on both sides. A
//! quantizer follows each ReLU but the first, so shortcuts carry codes. Names are those of `github.com/QDelta/LQ-Nets`
//! (`resnet.py`), where a ReLU and its quantizer are a sequence; its codes are +-1 and ties go down.

use super::definition::{Codes, Definition, Widths};
use super::layers::{NetworkBuilder, centred, valid};
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
    let x = net.first_conv("conv1", 16, centred(3, 1));
    let x = batch_norm(&mut net, "bn1", x);
    let mut x = relu(&mut net, "relu", x);
    let stages = Stages { blocks, channels: 16, bottleneck: false };
    for block in (0..blocks.len()).flat_map(|group| stages.group(group)) {
        x = residual_block(&mut net, x, &block);
    }
    let x = net.global_average(x);
    net.classifier("linear", x, 10);
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
