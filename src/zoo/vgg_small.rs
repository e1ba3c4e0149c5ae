//! VGG-Small for CIFAR-10 (paper section 5.1; original file `cifar10-vgg-small.py`): 2x128, pool, 2x256, pool, 2x512, pool, dense.
//! conv1, conv3 and conv5 are pooled *before* their batch norms bn2, bn4 and bn6.

use super::{Definition, Widths, cifar};
use crate::graph::preprocess::Normalize;
use crate::graph::{GraphBuilder, NodeId, Op, Weights};
use crate::tensor::{Shape, Window};

/// Pixels minus the per-pixel mean are divided by this.
pub const DIVIDE: f64 = 128.0;

pub fn build(widths: &dyn Widths) -> Result<Definition, String> {
    let mut b = GraphBuilder::new(Shape::new(32, 32, 3)?);
    let x = b.conv("conv0", b.input(), 128, Window::same(3, 1, [32, 32]), Weights::Float);
    let mut x = b.bn_relu("conv0", x);
    for stage in 0..3 {
        let (first, second) = (2 * stage, 2 * stage + 1);
        let (size, channels) = (32 >> stage, 128 << stage);
        if stage > 0 {
            x = quantized_conv(&mut b, widths, x, first, channels, size);
            x = b.bn_relu(&format!("conv{first}"), x);
        }
        x = quantized_conv(&mut b, widths, x, second, channels, size);
        x = b.push(&format!("pool{second}"), Op::MaxPool { window: Window::valid(2, 2) }, &[x]);
        x = b.bn_relu(&format!("bn{}", second + 1), x);
    }
    b.dense("linear", x, widths.classes(), [4, 4]);
    // The per-pixel mean of the training pictures is not part of a checkpoint; without it the model takes tensors only.
    let preprocess = cifar(Normalize::TensorOnly { range: 255.0 / DIVIDE });
    Ok(Definition { graph: b.finish()?, preprocess })
}

/// quant{i} and conv{i}.
fn quantized_conv(
    b: &mut GraphBuilder,
    widths: &dyn Widths,
    x: NodeId,
    i: usize,
    channels: usize,
    size: usize,
) -> NodeId {
    let (quant, conv) = (format!("quant{i}"), format!("conv{i}"));
    let x = b.quantize(&quant, x, widths.activation_bits(&quant));
    let weights = Weights::Planes { bits: widths.weight_bits(&conv) };
    b.conv(&conv, x, channels, Window::same(3, 1, [size; 2]), weights)
}
