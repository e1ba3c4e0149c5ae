//! Concatenations of codes, of values, and of both.

use super::{Problem, classify, finish, grouped_conv, planes_of, quantize, quantize_plus_minus};
use lq_infer::internals::graph::{GraphBuilder, Op, Weights};
use lq_infer::internals::lower::InputKind;
use lq_infer::internals::tensor::{Shape, Window};

/// A concatenation of codes of two widths and encodings with values. It is read by convolutions with weight planes,
/// grouped or not, and as one tensor of values.
pub fn mixed(bits: [usize; 2], groups: usize) -> Problem {
    let size = [5, 6];
    let mut b = GraphBuilder::new(Shape { h: 5, w: 6, c: 35 });
    let first = quantize(&mut b, "first", 0, bits[0]);
    let x = b.conv("narrow", first, 13, Window::same(3, 1, size), planes_of(2));
    let x = b.bn_relu("narrow", x);
    let second = quantize_plus_minus(&mut b, "second", x, bits[1]);
    let reals = b.conv("reals", 0, 6, Window::valid(1, 1), Weights::Float);
    let reals = b.batch_norm("reals", reals);
    let inner = b.push("inner", Op::Concat, &[second, reals]);
    let all = b.push("all", Op::Concat, &[first, inner]);
    let x = b.conv("strided", inner, 20, Window::same(3, 2, size), planes_of(3));
    let x = b.bn_relu("strided", x);
    let strided = quantize(&mut b, "strided", x, 2);
    let y = grouped_conv(&mut b, "grouped", all, (8, groups), Window::same(3, 2, size), planes_of(2));
    let y = b.batch_norm("grouped", y);
    let z = b.push("smaller", Op::MaxPool { window: Window::same(2, 2, size) }, &[all]);
    let z = b.bn_relu("smaller", z);
    let x = b.push("rest", Op::Concat, &[strided, y, z]);
    let half = Window::same(3, 2, size).output(size).unwrap();
    classify(&mut b, x, half);
    finish(b, format!("mixed {bits:?} bits, {groups} groups"), InputKind::Tensor, (bits[0] + 10 * bits[1]) as u64)
}

/// A 1x1 convolution of `count` concatenated tensors, most of them codes of 1 to 5 bits.
pub fn segments(count: usize) -> Problem {
    let mut b = GraphBuilder::new(Shape { h: 3, w: 4, c: 40 });
    let codes = quantize(&mut b, "in", 0, 2);
    let mut parts = Vec::new();
    for k in 0..count {
        let name = format!("part{k}");
        let x = b.conv(&name, codes, 1 + k * 7 % 37, Window::valid(1, 1), planes_of(1));
        let x = b.bn_relu(&name, x);
        parts.push(if k % 7 == 3 { x } else { quantize(&mut b, &name, x, 1 + k % 5) });
    }
    let x = b.push("all", Op::Concat, &parts);
    let x = b.conv("reader", x, 12, Window::valid(1, 1), planes_of(2));
    let x = b.batch_norm("reader", x);
    classify(&mut b, x, [3, 4]);
    finish(b, format!("{count} segments"), InputKind::Tensor, count as u64)
}

/// Concatenated values under one batch norm; codes that are averaged, and codes that a convolution with float weights
/// reads.
pub fn joined_values() -> Problem {
    let size = [7, 5];
    let mut b = GraphBuilder::new(Shape { h: 7, w: 5, c: 9 });
    let codes = quantize(&mut b, "in", 0, 3);
    let a = b.conv("a", codes, 13, Window::same(3, 1, size), planes_of(2));
    let a = b.batch_norm("a", a);
    let c = b.conv("c", codes, 20, Window::same(3, 1, size), Weights::Float);
    let x = b.push("values", Op::Concat, &[a, c, 0]);
    let x = b.bn_relu("values", x);
    let x = quantize(&mut b, "values", x, 2);
    let pool = Window::valid(2, 1);
    let averages = b.push("averages", Op::AvgPool { window: pool }, &[x]);
    let half = pool.output(size).unwrap();
    classify(&mut b, averages, half);
    finish(b, "joined values".into(), InputKind::Tensor, 9)
}
