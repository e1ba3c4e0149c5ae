//! Weight planes on values, codes of +-1, grouped and dilated convolutions.

use super::{Problem, classify, finish, grouped_conv, planes_of, quantize, quantize_plus_minus};
use lq_infer::internals::graph::{GraphBuilder, Op, Weights};
use lq_infer::internals::lower::InputKind;
use lq_infer::internals::tensor::{Shape, Window};

/// Weight planes on the input, then a residual block without quantizers.
pub fn weight_only(bits: usize, [inputs, outputs]: [usize; 2]) -> Problem {
    let size = [6, 5];
    let mut b = GraphBuilder::new(Shape { h: 6, w: 5, c: inputs });
    let x = b.conv("conv1", 0, outputs, Window::same(3, 2, size), planes_of(bits));
    let x = b.bn_relu("conv1", x);
    let half = Window::same(3, 2, size).output(size).unwrap();
    let y = b.conv("conv2", x, outputs, Window::same(3, 1, half), planes_of(bits));
    let y = b.batch_norm("conv2", y);
    let sum = b.push("sum", Op::Add, &[y, x]);
    let x = b.push("relu", Op::Relu, &[sum]);
    classify(&mut b, x, half);
    finish(b, format!("weights only, {bits} bits, {inputs} to {outputs}"), InputKind::Tensor, bits as u64)
}

/// Padded convolutions of codes of +-1: one gives codes directly, the other values.
pub fn plus_minus(bits: usize, [inputs, outputs]: [usize; 2]) -> Problem {
    let size = [5, 6];
    let window = Window { kernel: [3, 2], before: [2, 1], after: [1, 0], ..Window::valid(1, 1) };
    let mut b = GraphBuilder::new(Shape { h: 5, w: 6, c: inputs });
    let x = quantize_plus_minus(&mut b, "in", 0, bits);
    let x = b.conv("one", x, outputs, window, planes_of(1 + bits % 3));
    let x = b.bn_relu("one", x);
    let x = quantize_plus_minus(&mut b, "one", x, bits);
    let size = window.output(size).unwrap();
    let x = b.conv("two", x, 8, Window::same(3, 2, size), planes_of(2));
    let x = b.batch_norm("two", x);
    let size = Window::same(3, 2, size).output(size).unwrap();
    classify(&mut b, x, size);
    finish(b, format!("+-1 codes of {bits} bits, {inputs} to {outputs}"), InputKind::Tensor, bits as u64)
}

/// Grouped 3x3 convolutions of codes and of values, with `inputs` input channels per group.
pub fn grouped(groups: usize, inputs: usize) -> Problem {
    let (size, channels) = ([5, 4], groups * inputs);
    let same = Window::same(3, 1, size);
    let mut b = GraphBuilder::new(Shape { h: 5, w: 4, c: channels });
    let x = quantize(&mut b, "in", 0, 2);
    let x = grouped_conv(&mut b, "codes", x, (channels, groups), same, planes_of(2));
    let x = b.bn_relu("codes", x);
    let next = quantize_plus_minus(&mut b, "codes", x, 1);
    let y = grouped_conv(&mut b, "wider", next, (2 * groups, groups), same, planes_of(3));
    let y = b.batch_norm("wider", y);
    let z = grouped_conv(&mut b, "values", x, (2 * groups, groups), same, planes_of(1));
    let z = b.batch_norm("values", z);
    let x = b.push("sum", Op::Add, &[y, z]);
    let x = grouped_conv(&mut b, "float", x, (groups, groups), same, Weights::Float);
    let x = b.bn_relu("float", x);
    classify(&mut b, x, size);
    finish(b, format!("{groups} groups of {inputs}"), InputKind::Tensor, inputs as u64)
}

/// A depthwise float convolution with stride 2, then dilated windows whose padding keeps the size.
pub fn depthwise(channels: usize) -> Problem {
    let size = [9, 8];
    let mut b = GraphBuilder::new(Shape { h: 9, w: 8, c: channels });
    let strided = Window::same(3, 2, size);
    let x = grouped_conv(&mut b, "depthwise", 0, (channels, channels), strided, Weights::Float);
    let x = b.bn_relu("depthwise", x);
    let gaps = Window { dilation: [2; 2], ..Window::padded(3, 1, 2) };
    let y = b.conv("float", x, 6, gaps, Weights::Float);
    let y = b.batch_norm("float", y);
    let codes = quantize(&mut b, "depthwise", x, 2);
    let z = b.conv("bits", codes, 6, gaps, planes_of(2));
    let z = b.batch_norm("bits", z);
    let x = b.push("sum", Op::Add, &[y, z]);
    let x = b.push("max", Op::MaxPool { window: gaps }, &[x]);
    let size = strided.output(size).unwrap();
    classify(&mut b, x, size);
    finish(b, format!("depthwise {channels}, dilated"), InputKind::Tensor, channels as u64)
}
