//! The work of steps, counted by hand.

use super::*;
use crate::graph::{ConvOptions, Op};
use crate::lower::{InputForm, Work};

fn work(build: impl FnOnce(&mut GraphBuilder), shape: [usize; 3], layer: &str, kernel: &str) -> Work {
    let program = program(&unseen(shape, build), InputKind::Tensor);
    let step = program.steps.iter().find(|s| s.name.starts_with(layer) && s.kernel.name() == kernel);
    Work::of(&program, &step.unwrap_or_else(|| panic!("{program}")).kernel)
}

fn ends(b: &mut GraphBuilder, x: usize, size: [usize; 2]) {
    let x = b.push("pool", Op::AvgPool { window: Window::whole(size) }, &[x]);
    b.dense("dense", x, 5, [1, 1]);
}

/// 6x5 pixels of 40 channels at 2 bits to 20 channels at 3 bits, 3x3.
#[test]
fn bit_convolutions() {
    let build = |b: &mut GraphBuilder| {
        let x = b.quantize("in", 0, 2);
        let x = b.conv("conv", x, 20, Window::same(3, 1, [6, 5]), bits(3));
        let x = b.bn_relu("conv", x);
        let x = b.quantize("out", x, 2);
        let x = b.conv("next", x, 4, Window::valid(1, 1), bits(1));
        let x = b.batch_norm("next", x);
        ends(b, x, [6, 5]);
    };
    let w = work(build, [6, 5, 40], "conv", "bitconv");
    // 30 pixels, 20 outputs, 9 taps, 2 words of 32 channels, 3 x 2 planes.
    assert_eq!(w.words, 30 * 20 * 9 * 2 * 6);
    assert_eq!(w.network_macs, 30 * 20 * 9 * 40);
    assert_eq!(w.byte_products, 0);
    // In 2 words of 2 planes, out 1 word of 2 planes.
    assert_eq!(w.tensors, 30 * 4 * (2 * 2 + 2));
    // Weights, 6 coefficients of two words, a bias of two words, 3 thresholds of two words; 4 codes of two bytes.
    assert_eq!(w.constants, 20 * (9 * 2 * 3 * 4 + 6 * 8 + 8 + 3 * 8) + 4 * 2);
    assert_eq!(w.bytes(8), 8 * w.tensors + w.constants);
}

#[test]
fn bit_convolutions_in_groups() {
    let build = |b: &mut GraphBuilder| {
        let x = b.quantize("in", 0, 2);
        let options = ConvOptions { weights: bits(1), groups: 4, ..ConvOptions::default() };
        let x = b.conv_with("conv", x, 12, Window::same(3, 1, [6, 5]), options);
        let x = b.batch_norm("conv", x);
        ends(b, x, [6, 5]);
    };
    let w = work(build, [6, 5, 40], "conv", "bitconv");
    assert_eq!(w.network_macs, 30 * 12 * 9 * 10);
    // 10 channels begin at 0, 10, 20 and 30: the last ones are in two words.
    assert_eq!(w.words, 30 * 12 * 9 * 2 * 2);
}

/// Values of 10 channels to 6, 1x1 at every second pixel: four limbs times three.
#[test]
fn limb_convolutions() {
    let build = |b: &mut GraphBuilder| {
        let x = b.conv("conv", 0, 6, Window::valid(1, 2), Weights::Float);
        let x = b.batch_norm("conv", x);
        ends(b, x, [3, 3]);
    };
    let w = work(build, [6, 5, 10], "conv", "limbconv");
    assert_eq!(w.network_macs, 9 * 6 * 10);
    assert_eq!((w.words, w.byte_products), (0, 9 * 6 * 12 * 4 * 3));
    // Limbs of 3 words of four channels in, 6 values out.
    assert_eq!(w.tensors, 30 * 3 * 4 * 4 + 9 * 6 * 4);
    // Weights of 3 words of 3 limbs; a bias of two words and a shift.
    assert_eq!(w.constants, 6 * (3 * 3 * 4 + 8 + 4));
    let dense = work(build, [6, 5, 10], "dense", "limbsum");
    assert_eq!((dense.network_macs, dense.byte_products), (5 * 6, 5 * 8 * 4 * 3));
}

/// A picture of 8x8 pixels to 5 channels, 3x3 at every second one.
#[test]
fn alpha_is_no_channel() {
    let build = |b: &mut GraphBuilder| {
        let x = b.conv("conv", 0, 5, Window::same(3, 2, [8, 8]), Weights::Float);
        let x = b.bn_relu("conv", x);
        ends(b, x, [4, 4]);
    };
    let program = program(&unseen([8, 8, 3], build), InputKind::Pixels);
    assert_eq!(program.input, InputForm::Pixels);
    let w = Work::of(&program, &program.steps[0].kernel);
    assert_eq!((w.network_macs, w.byte_products), (16 * 5 * 9 * 3, 16 * 5 * 9 * 3 * 3));
    assert_eq!(w.tensors, 64 * 4 + 16 * 5 * 4);
}

#[test]
fn pools_and_pointwise() {
    let build = |b: &mut GraphBuilder| {
        let x = b.push("max", Op::MaxPool { window: Window::valid(2, 2) }, &[0]);
        let x = b.bn_relu("norm", x);
        ends(b, x, [3, 2]);
    };
    let pool = work(build, [6, 4, 10], "max", "maxpool");
    assert_eq!((pool.words, pool.byte_products, pool.network_macs, pool.constants), (0, 0, 0, 0));
    assert_eq!(pool.tensors, 4 * 10 * (24 + 6));
    let pointwise = work(build, [6, 4, 10], "norm", "pointwise");
    // Gain, bias of 64 bits, shift.
    assert_eq!((pointwise.tensors, pointwise.constants), (2 * 4 * 10 * 6, 10 * (4 + 8 + 4)));
}
