//! CIFAR-10 ResNet-20/32/44/56/110 of the paper (section 5.1): pre-activation blocks, type-A shortcuts, 16/32/64 channels.
//! Layer names follow `preact_typeA` in the original `imagenet.py`, with three groups.

use super::{Definition, Widths, cifar};
use crate::graph::preprocess::Normalize;
use crate::graph::{GraphBuilder, NodeId, Op, Weights};
use crate::tensor::{Shape, Window};

/// Per-channel statistics of the CIFAR-10 training pictures, in the usual rounding.
const NORMALIZE: Normalize = Normalize::Channel { mean: [0.4914, 0.4822, 0.4465], std: [0.2470, 0.2435, 0.2616] };

pub fn build(widths: &dyn Widths, depth: usize) -> Result<Definition, String> {
    let blocks = (depth - 2) / 6;
    let mut b = GraphBuilder::new(Shape::new(32, 32, 3)?);
    let x = b.conv("conv0", b.input(), 16, Window::same(3, 1, [32, 32]), Weights::Float);
    let mut x = b.bn_relu("conv0", x);
    for group in 0..3 {
        for block in 0..blocks {
            x = residual_block(&mut b, widths, x, group, block);
        }
        x = b.bn_relu(&format!("group{group}/bnlast"), x);
    }
    let x = b.push("gap", Op::AvgPool { window: Window::whole([8, 8]) }, &[x]);
    b.dense("linear", x, widths.classes(), [1, 1]);
    Ok(Definition { graph: b.finish()?, preprocess: cifar(NORMALIZE) })
}

/// preact (absent in a group's first block, whose input is normalized already), quant1, conv1, bn, relu, quant2, conv2, bn, +.
fn residual_block(b: &mut GraphBuilder, widths: &dyn Widths, input: NodeId, group: usize, block: usize) -> NodeId {
    let scope = format!("group{group}/block{block}");
    let name = |layer: &str| format!("{scope}/{layer}");
    let (channels, size) = (16 << group, 32 >> group);
    let first_of_later_group = group > 0 && block == 0;
    let (stride, input_size) = if first_of_later_group { (2, 2 * size) } else { (1, size) };
    let quantized_conv = |b: &mut GraphBuilder, x, quant: &str, conv: &str, stride, size| {
        let (quant, conv) = (name(quant), name(conv));
        let x = b.quantize(&quant, x, widths.activation_bits(&quant));
        let weights = Weights::Planes { bits: widths.weight_bits(&conv) };
        b.conv(&conv, x, channels, Window::same(3, stride, [size; 2]), weights)
    };
    let x = if block > 0 { b.bn_relu(&name("preact"), input) } else { input };
    let x = quantized_conv(b, x, "quant1", "conv1", stride, input_size);
    let x = b.bn_relu(&name("conv1"), x);
    let x = quantized_conv(b, x, "quant2", "conv2", 1, size);
    let x = b.batch_norm(&name("conv2"), x);
    let shortcut = if first_of_later_group { type_a(b, &scope, input, channels) } else { input };
    b.push(&name("add"), Op::Add, &[x, shortcut])
}

/// Type-A shortcut: average pooling and zero channels.
fn type_a(b: &mut GraphBuilder, scope: &str, x: NodeId, channels: usize) -> NodeId {
    let x = b.push(&format!("{scope}/shortcut/pool"), Op::AvgPool { window: Window::valid(2, 2) }, &[x]);
    b.push(&format!("{scope}/shortcut/pad"), Op::PadChannels { channels }, &[x])
}
