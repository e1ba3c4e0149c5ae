//! The oracle on cases that a person can work out.

use crate::common::oracle::{LevelValues, NodeResult, evaluate};
use lq_infer::internals::graph::{Encoding, GraphBuilder, NodeId, Op, Params, Tensor, Ties, Weights};
use lq_infer::internals::tensor::{Shape, Window};

/// The last node's result for one image `x` of `shape`.
fn oracle(
    shape: [usize; 3],
    x: &[f64],
    build: impl Fn(&mut GraphBuilder) -> NodeId,
    params: &[(&str, Tensor)],
) -> NodeResult {
    let mut builder = GraphBuilder::new(Shape::new(shape[0], shape[1], shape[2]).unwrap());
    build(&mut builder);
    let graph = builder.finish().unwrap();
    let params = params.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone()));
    let params = Params::new(&graph, params.collect()).unwrap();
    evaluate(&graph, &params, x, 1, LevelValues::Exact).pop().unwrap()
}

fn floats(shape: &[usize], data: &[f32]) -> Tensor {
    Tensor::from_f32(shape.to_vec(), data.to_vec())
}

fn conv(b: &mut GraphBuilder, x: NodeId, outputs: usize, window: Window, weights: Weights, groups: usize) -> NodeId {
    b.push("conv", Op::Conv { outputs, window, weights, bias: false, groups }, &[x])
}

fn quantize(b: &mut GraphBuilder, name: &str, x: NodeId, bits: usize, encoding: Encoding, ties: Ties) -> NodeId {
    b.push(name, Op::Quantize { bits, encoding, ties }, &[x])
}

fn codes(result: &NodeResult) -> &[u8] {
    &result.quantized.as_ref().unwrap().codes
}

fn distances(result: &NodeResult) -> &[f64] {
    &result.quantized.as_ref().unwrap().distances
}

#[test]
fn groups_read_their_own_channels() {
    let weights = [("conv/weight", floats(&[4, 1, 1, 2], &[1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0]))];
    let build = |b: &mut GraphBuilder| conv(b, 0, 4, Window::valid(1, 1), Weights::Float, 2);
    let y = oracle([1, 1, 4], &[1.0, 2.0, 3.0, 4.0], build, &weights);
    assert_eq!(y.values, [21.0, 42.0, 129.0, 172.0]);
}

#[test]
fn planes_of_a_group_start_at_a_new_word() {
    // Two groups of 33 channels, one plane: output 0 has a bit 1 at channel 32 of its group, output 1 at channel 0.
    let x: Vec<f64> = (0..66).map(|c| if [32, 33].contains(&c) { 1.0 } else { 0.0 }).collect();
    let params = [
        ("conv/planes", Tensor::from_u32(vec![2, 1, 1, 2, 1], vec![0, 1, 1, 0])),
        ("conv/basis", floats(&[1, 2], &[0.5, 0.25])),
    ];
    let build = |b: &mut GraphBuilder| conv(b, 0, 2, Window::valid(1, 1), Weights::Planes { bits: 1 }, 2);
    assert_eq!(oracle([1, 1, 66], &x, build, &params).values, [0.5, 0.25]);
    let swapped: Vec<f64> = x.iter().map(|v| 1.0 - v).collect();
    assert_eq!(oracle([1, 1, 66], &swapped, build, &params).values, [-16.0, -8.0]);
}

#[test]
fn dilated_windows_skip_what_lies_between() {
    let row = Window { kernel: [1, 3], before: [0, 2], after: [0, 2], dilation: [1, 2], ..Window::valid(1, 1) };
    let x = [1.0, 2.0, 3.0, 4.0, 5.0];
    let weights = [("conv/weight", floats(&[1, 1, 3, 1], &[1.0, 10.0, 100.0]))];
    let y = oracle([1, 5, 1], &x, |b| conv(b, 0, 1, row, Weights::Float, 1), &weights);
    assert_eq!(y.values, [310.0, 420.0, 531.0, 42.0, 53.0]);
    let y = oracle([1, 5, 1], &x.map(|v| -v), |b| b.push("max", Op::MaxPool { window: row }, &[0]), &[]);
    assert_eq!(y.values, [-1.0, -2.0, -1.0, -2.0, -3.0], "padding never wins");
    let bare = Window { before: [0; 2], after: [0; 2], ..row };
    let y = oracle([1, 5, 1], &[1.0, 2.0, 3.0, 4.0, 8.0], |b| b.push("avg", Op::AvgPool { window: bare }, &[0]), &[]);
    assert_eq!(y.values, [4.0]);
}

#[test]
fn plus_minus_levels_have_no_zero_rule_and_ties_go_where_they_are_told() {
    // Levels -1.5, -0.5, 0.5 and 1.5, thresholds -1, 0 and 1.
    let x = [-5.0, -1.0, -0.9, 0.0, 1.0, 1.1];
    let basis = [("q/basis", floats(&[2], &[0.5, 1.0]))];
    let quantized = |ties| oracle([1, 1, 6], &x, |b| quantize(b, "q", 0, 2, Encoding::PlusMinus, ties), &basis);
    let below = quantized(Ties::Below);
    assert_eq!(codes(&below), [0, 0, 1, 1, 2, 3]);
    assert_eq!(below.values, [-1.5, -1.5, -0.5, -0.5, 0.5, 1.5]);
    assert_eq!(codes(&quantized(Ties::Above)), [0, 1, 1, 2, 3, 3]);
}

#[test]
fn of_equal_plus_minus_levels_the_larger_code_comes_first() {
    let basis = [("q/basis", floats(&[2], &[0.5, 0.5]))];
    let build = |b: &mut GraphBuilder| quantize(b, "q", 0, 2, Encoding::PlusMinus, Ties::Below);
    let y = oracle([1, 1, 4], &[-0.6, -0.1, 0.1, 0.6], build, &basis);
    assert_eq!((codes(&y), &y.values[..]), (&[0, 2, 1, 3][..], &[-1.0, 0.0, 0.0, 1.0][..]));
}

#[test]
fn zero_one_codes_start_at_0_whatever_happens_at_ties() {
    // Sorted levels -0.25 (counts as 0), 0, 0.75 and 1, thresholds -0.125, 0.375 and 0.875.
    let x = [-5.0, -0.125, 0.375, 0.876];
    let basis = [("q/basis", floats(&[2], &[1.0, -0.25]))];
    for (ties, expected) in [(Ties::Below, [0.0, 0.0, 0.0, 1.0]), (Ties::Above, [0.0, 0.0, 0.75, 1.0])] {
        let y = oracle([1, 1, 4], &x, |b| quantize(b, "q", 0, 2, Encoding::ZeroOne, ties), &basis);
        assert_eq!(y.values, expected);
        assert_eq!(codes(&y)[0], 0);
    }
}

#[test]
fn padded_taps_are_no_level() {
    let params = [
        ("q/basis", floats(&[1], &[2.0])),
        ("conv/planes", Tensor::from_u32(vec![1, 1, 3, 1, 1], vec![1; 3])),
        ("conv/basis", floats(&[1, 1], &[0.5])),
    ];
    let build = |b: &mut GraphBuilder| {
        let q = quantize(b, "q", 0, 1, Encoding::PlusMinus, Ties::Above);
        let row = Window { kernel: [1, 3], before: [0, 1], after: [0, 1], ..Window::valid(1, 1) };
        conv(b, q, 1, row, Weights::Planes { bits: 1 }, 1)
    };
    assert_eq!(oracle([1, 2, 1], &[0.0, -1.0], build, &params).values, [0.0, 0.0]);
    assert_eq!(oracle([1, 2, 1], &[0.0, 1.0], build, &params).values, [2.0, 2.0]);
}

#[test]
fn nested_concatenations_keep_codes_and_reals_in_order() {
    let params = [
        ("q1/basis", floats(&[1], &[4.0])),
        ("q2/basis", floats(&[1], &[0.5])),
        ("conv/weight", floats(&[1, 1, 1, 8], &[1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e7])),
    ];
    let joined = |b: &mut GraphBuilder| {
        let q1 = quantize(b, "q1", 0, 1, Encoding::ZeroOne, Ties::Below);
        let q2 = quantize(b, "q2", 0, 1, Encoding::PlusMinus, Ties::Below);
        let inner = b.push("inner", Op::Concat, &[q1, 0]);
        b.push("outer", Op::Concat, &[q2, inner, q1])
    };
    let y = oracle([1, 1, 2], &[3.0, -2.0], |b| joined(b), &params[..2]);
    assert_eq!(y.values, [0.5, -0.5, 4.0, 0.0, 3.0, -2.0, 4.0, 0.0]);
    let build = |b: &mut GraphBuilder| {
        let x = joined(b);
        conv(b, x, 1, Window::valid(1, 1), Weights::Float, 1)
    };
    assert_eq!(oracle([1, 1, 2], &[3.0, -2.0], build, &params).values, [0.5 - 5.0 + 400.0 + 3e4 - 2e5 + 4e6]);
    // Two pixels: channels of one after the other.
    let y = oracle([1, 2, 1], &[3.0, -2.0], |b| joined(b), &params[..2]);
    assert_eq!(y.values, [0.5, 4.0, 3.0, 4.0, -0.5, 0.0, -2.0, 0.0]);
}

#[test]
fn codes_are_read_as_their_levels() {
    let params = [("q/basis", floats(&[2], &[0.5, 1.0])), ("q/bn/batch_norm", floats(&[4, 1], &[2.0, 1.0, 0.5, 1.0]))];
    let x = [-5.0, -0.9, 0.1, 5.0];
    let q = |b: &mut GraphBuilder| quantize(b, "q", 0, 2, Encoding::PlusMinus, Ties::Below);
    let read = |op: Op| {
        oracle(
            [2, 2, 1],
            &x,
            |b| {
                let q = q(b);
                b.push("y", op.clone(), &[q])
            },
            &params[..1],
        )
        .values
    };
    assert_eq!(read(Op::Relu), [0.0, 0.0, 0.5, 1.5]);
    assert_eq!(read(Op::MaxPool { window: Window::whole([2, 2]) }), [1.5]);
    assert_eq!(read(Op::AvgPool { window: Window::whole([1, 2]) }), [-1.0, 1.0]);
    assert_eq!(read(Op::PadChannels { channels: 2, before: 0 }), [-1.5, 0.0, -0.5, 0.0, 0.5, 0.0, 1.5, 0.0]);
    assert_eq!(read(Op::PadChannels { channels: 2, before: 1 }), [0.0, -1.5, 0.0, -0.5, 0.0, 0.5, 0.0, 1.5]);
    let build = |b: &mut GraphBuilder| {
        let q = q(b);
        b.push("q/bn", Op::BatchNorm { epsilon: 0.0 }, &[q])
    };
    assert_eq!(oracle([2, 2, 1], &x, build, &params).values, [-3.0, -1.0, 1.0, 3.0]);
    let build = |b: &mut GraphBuilder| {
        let q = q(b);
        b.push("y", Op::Add, &[q, 0])
    };
    assert_eq!(oracle([2, 2, 1], &x, build, &params[..1]).values, [-6.5, -1.4, 0.6, 6.5]);
}

#[test]
fn zeros_that_cannot_be_otherwise_are_not_near_a_threshold_of_0() {
    // Thresholds of +-0.5 are 0; those of 0 and 1 are 0.5.
    let params = [("q/basis", floats(&[1], &[0.5])), ("p/basis", floats(&[1], &[1.0]))];
    let near = |ties, path: &dyn Fn(&mut GraphBuilder) -> NodeId, params: &[(&str, Tensor)]| {
        let build = |b: &mut GraphBuilder| {
            let x = path(b);
            quantize(b, "q", x, 1, Encoding::PlusMinus, ties)
        };
        distances(&oracle([1, 2, 1], &[-0.25, 0.75], build, params)).to_vec()
    };
    let relu = |b: &mut GraphBuilder| b.push("relu", Op::Relu, &[0]);
    assert_eq!(near(Ties::Below, &|_| 0, &params[..1]), [0.25, 0.75]);
    assert_eq!(near(Ties::Below, &relu, &params[..1]), [0.25, 0.75], "a ReLU's 0 becomes positive if its input does");
    assert_eq!(near(Ties::Above, &relu, &params[..1]), [f64::INFINITY, 0.75], "at 0 it is above anyway");
    let joined = |b: &mut GraphBuilder| {
        let r = relu(b);
        b.push("joined", Op::Concat, &[r])
    };
    assert_eq!(near(Ties::Above, &joined, &params[..1]), [f64::INFINITY, 0.75]);
    let pooled = |b: &mut GraphBuilder| {
        let r = relu(b);
        b.push("pool", Op::AvgPool { window: Window::valid(1, 1) }, &[r])
    };
    assert_eq!(near(Ties::Below, &pooled, &params[..1]), [0.25, 0.75]);
    let level = |b: &mut GraphBuilder| quantize(b, "p", 0, 1, Encoding::ZeroOne, Ties::Below);
    assert_eq!(near(Ties::Below, &level, &params), [f64::INFINITY, 1.0], "the level 0 is 0 for certain");
}
