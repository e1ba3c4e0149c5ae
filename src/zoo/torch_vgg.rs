//! VGG-11/13/16/19 of the PyTorch ports, with and without batch norms and with torchvision's layers
//! (`torchvision/models/vgg.py`). Adaptive pooling turns any map into 7x7; three float dense layers follow.

use super::definition::{Copies, Definition, Widths};
use super::layers::{NetworkBuilder, centred, valid};
use super::torch_port::{Pictures, batch_norm, finish, quantized, relu};
use crate::graph::NodeId;

/// Convolutions between poolings.
pub(crate) const VGG_11: [usize; 5] = [1, 1, 2, 2, 2];
pub(crate) const VGG_13: [usize; 5] = [2, 2, 2, 2, 2];
pub(crate) const VGG_16: [usize; 5] = [2, 2, 3, 3, 3];
pub(crate) const VGG_19: [usize; 5] = [2, 2, 4, 4, 4];

/// Height and width of the map that the dense layers were written for.
const POOLED: usize = 7;

/// Whether convolutions are followed by a batch norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Norm {
    None,
    Batch,
}

pub(crate) fn build(
    widths: &dyn Widths,
    convs: [usize; 5],
    norm: Norm,
    pictures: Pictures,
) -> Result<Definition, String> {
    let mut net = NetworkBuilder::new(widths, pictures.size())?;
    let x = features(&mut net, convs, norm);
    let (x, copies) = adaptive_pool(&mut net, x)?;
    let x = net.dense("classifier.0", x, 4096);
    let x = relu(&mut net, "classifier.1", x);
    let x = net.dense("classifier.3", x, 4096);
    let x = relu(&mut net, "classifier.4", x);
    net.classifier("classifier.6", x, pictures.classes());
    Ok(Definition { copies, ..finish(net, pictures)? })
}

/// All layers share one numbering: convolution, batch norm, ReLU, ..., pooling.
fn features(net: &mut NetworkBuilder, convs: [usize; 5], norm: Norm) -> NodeId {
    let mut index = 0..;
    let mut next = || format!("features.{}", index.next().unwrap_or_default());
    let mut x = net.input();
    for (stage, count) in convs.into_iter().enumerate() {
        for _ in 0..count {
            let name = next();
            if x != net.input() {
                x = quantized(net, &name, x);
            }
            x = net.conv_with_bias(&name, x, 512.min(64 << stage), centred(3, 1));
            if norm == Norm::Batch {
                x = batch_norm(net, &next(), x);
            }
            x = relu(net, &next(), x);
        }
        x = net.max_pool(&next(), x, valid(2, 2));
    }
    x
}

/// Adaptive average pooling to 7x7; of a single pixel it only makes copies, which are described and left out.
fn adaptive_pool(net: &mut NetworkBuilder, x: NodeId) -> Result<(NodeId, Option<Copies>), String> {
    match net.extent(x) {
        [1, 1] => Ok((x, Some(Copies { layer: "classifier.0", count: POOLED * POOLED }))),
        [h, w] if h == w && h % POOLED == 0 => Ok((net.shrink("avgpool", x, h / POOLED), None)),
        [h, w] => Err(format!(
            "pictures of {} pixels give a map of {h}x{w}, supported are 1x1 and multiples of 7x7",
            net.size()
        )),
    }
}
