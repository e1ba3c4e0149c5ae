//! Basic networks: bit convolutions, float convolutions, poolings, additions.

use super::{Problem, classify, finish, planes_of, quantize};
use lq_infer::internals::graph::{GraphBuilder, Op, Weights};
use lq_infer::internals::lower::InputKind;
use lq_infer::internals::tensor::{Shape, Window};

/// Two bit convolutions with `w` weight and `a` activation planes: the first turns T directly into codes, the second
/// into values.
pub fn bits(w: usize, a: usize, channels: [usize; 3], size: [usize; 2], window: Window) -> Problem {
    let name = format!("bits w{w}a{a} {channels:?} {size:?} {window}");
    let mut b = GraphBuilder::new(Shape { h: size[0], w: size[1], c: channels[0] });
    let x = quantize(&mut b, "in", 0, a);
    let x = b.conv("one", x, channels[1], window, planes_of(w));
    let x = b.bn_relu("one", x);
    let x = quantize(&mut b, "one", x, a);
    let size = window.output(size).unwrap();
    let x = b.conv("two", x, channels[2], Window::same(3, 2, size), planes_of(w));
    let x = b.batch_norm("two", x);
    let size = Window::same(3, 2, size).output(size).unwrap();
    classify(&mut b, x, size);
    finish(b, name, InputKind::Tensor, (w * 10 + a) as u64)
}

/// A float stem, a pre-activation block with a narrower shortcut, poolings, a separate batch norm and a dense layer.
pub fn residual(input: InputKind, c: [usize; 2], bits: usize, size: [usize; 2]) -> Problem {
    let name = format!("residual {input:?} {c:?} {bits} bits {size:?}");
    let mut b = GraphBuilder::new(Shape { h: size[0], w: size[1], c: 3 });
    let stem = Window { kernel: [3, 5], stride: [1, 2], before: [1, 0], after: [0, 3], dilation: [1; 2] };
    let x = b.conv("stem", 0, c[0], stem, Weights::Float);
    let stem = b.batch_norm("stem", x);
    let size = Window { kernel: [3, 5], stride: [1, 2], before: [1, 0], after: [0, 3], dilation: [1; 2] }
        .output(size)
        .unwrap();
    let x = b.bn_relu("act1", stem);
    let x = quantize(&mut b, "act1", x, bits);
    let x = b.conv("conv1", x, c[1], Window::same(3, 2, size), planes_of(bits));
    let x = b.bn_relu("act2", x);
    let x = quantize(&mut b, "act2", x, bits);
    let half = Window::same(3, 2, size).output(size).unwrap();
    let x = b.conv("conv2", x, c[1], Window::same(3, 1, half), planes_of(bits));
    let shortcut = b.push("shortcut", Op::MaxPool { window: Window::same(2, 2, size) }, &[stem]);
    let shortcut = b.push("wider", Op::PadChannels { channels: c[1], before: 0 }, &[shortcut]);
    let sum = b.push("sum", Op::Add, &[shortcut, x]);
    let x = b.bn_relu("act3", sum);
    let x = quantize(&mut b, "act3", x, bits);
    let x = b.conv("conv3", x, c[1], Window::valid(1, 1), planes_of(bits));
    let x = b.push("sum2", Op::Add, &[sum, x]);
    let x = b.bn_relu("last", x);
    let pool = Window { kernel: [2, 2], stride: [1, 1], before: [0; 2], after: [0; 2], dilation: [1; 2] };
    let x = b.push("avg", Op::AvgPool { window: pool }, &[x]);
    let half = pool.output(half).unwrap();
    b.dense("dense", x, 7, half);
    finish(b, name, input, bits as u64)
}

/// Float convolutions of 8-bit pictures: one gives values that are quantized later, the other gives codes directly.
pub fn pictures(channels: usize, size: [usize; 2], window: Window) -> Problem {
    let mut b = GraphBuilder::new(Shape { h: size[0], w: size[1], c: 3 });
    let x = b.conv("values", 0, channels, window, Weights::Float);
    let values = b.bn_relu("values", x);
    let x = b.conv("codes", 0, channels, window, Weights::Float);
    let x = b.bn_relu("codes", x);
    let codes = quantize(&mut b, "codes", x, 2);
    let quantized = quantize(&mut b, "values", values, 3);
    let x = b.push("all", Op::Concat, &[values, quantized, codes]);
    let size = window.output(size).unwrap();
    classify(&mut b, x, size);
    finish(b, format!("pictures, {channels} channels, {window}"), InputKind::Pixels, channels as u64)
}

/// A maximum over overlapping padded windows, a float convolution that gives codes, a dense layer on codes, and values
/// as logits.
pub fn values(channels: usize) -> Problem {
    let mut b = GraphBuilder::new(Shape { h: 9, w: 7, c: channels });
    let pool = Window { kernel: [3, 3], stride: [2, 3], before: [2, 1], after: [1, 2], dilation: [1; 2] };
    let x = b.push("max", Op::MaxPool { window: pool }, &[0]);
    let [h, w] = pool.output([9, 7]).unwrap();
    let x = b.conv("float", x, 34, Window::same(2, 1, [h, w]), Weights::Float);
    let x = b.bn_relu("float", x);
    let x = quantize(&mut b, "float", x, 2);
    let x = b.conv("bits", x, 6, Window::whole([h, w]), planes_of(2));
    let x = b.batch_norm("bits", x);
    b.push("relu", Op::Relu, &[x]);
    finish(b, format!("values {channels}"), InputKind::Tensor, channels as u64)
}
