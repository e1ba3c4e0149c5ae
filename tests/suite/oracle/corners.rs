//! Hand-made problems for corners that are too rare in random ones.

use super::TOLERANCE;
use crate::common::compare::{Tolerance, compare};
use crate::common::lowered;
use crate::common::problem::{Input, Problem};
use lq_infer::internals::graph::preprocess::Normalize;
use lq_infer::internals::graph::{Graph, GraphBuilder, NodeId, Op, Params, Tensor, Weights};
use lq_infer::internals::lower::InputKind;
use lq_infer::internals::tensor::{Shape, Window};
use std::collections::BTreeMap;

/// `values` as the only pixel of one image, in channels.
fn pixel_problem(values: Vec<f32>, build: impl Fn(&mut GraphBuilder) -> NodeId, params: &[(&str, Tensor)]) -> Problem {
    let mut builder = GraphBuilder::new(Shape::new(1, 1, values.len()).unwrap());
    build(&mut builder);
    let graph: Graph = builder.finish().unwrap();
    let tensors: BTreeMap<String, Tensor> = params.iter().map(|(name, t)| ((*name).to_owned(), t.clone())).collect();
    let params = Params::new(&graph, tensors).unwrap();
    let normalize = Normalize::TensorOnly { range: 1.0 };
    Problem { seed: 0, graph, params, normalize, kind: InputKind::Tensor, input: Input::Tensor(values), images: 1 }
}

fn floats(shape: &[usize], data: &[f32]) -> Tensor {
    Tensor::from_f32(shape.to_vec(), data.to_vec())
}

fn assert_agrees(problem: &Problem, tolerance: f64) {
    let program = lowered(problem).unwrap();
    let tolerance = Tolerance { value: tolerance, logit: tolerance, ..TOLERANCE };
    let report = compare(problem, &program, &tolerance).unwrap_or_else(|difference| panic!("{difference}"));
    assert_eq!(report.compared, 1, "{}", problem.describe());
}

#[test]
fn a_class_with_tiny_weights_keeps_its_bias() {
    // At the full precision of such weights the bias would not fit 64 bits.
    let weights = floats(&[3, 1, 1, 2], &[0.5, -0.25, 1e-9, 3e-9, 0.0, 0.0]);
    let bias = floats(&[3], &[0.125, 1.5, -0.75]);
    let build = |b: &mut GraphBuilder| b.dense("linear", 0, 3, [1, 1]);
    let problem = pixel_problem(vec![0.3, -0.7], build, &[("linear/weight", weights), ("linear/bias", bias)]);
    assert_agrees(&problem, 1e-7);
}

#[test]
fn dead_channels_do_not_spoil_the_others() {
    // Channels 1 to 3 have tiny, zero and negative tiny gains and ordinary shifts.
    let weights = floats(&[4, 1, 1, 2], &[0.5, -0.25, 0.5, 0.25, 0.75, -0.5, 0.25, 0.25]);
    let rows = [1.0, 1e-12, 0.0, -1e-25, 0.3, 0.7, 0.9, 0.4, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
    let build = |b: &mut GraphBuilder| {
        let conv = b.conv("conv", 0, 4, Window::valid(1, 1), Weights::Float);
        let bn = b.bn_relu("conv", conv);
        b.push("gap", Op::AvgPool { window: Window::valid(1, 1) }, &[bn])
    };
    let params = [("conv/weight", weights), ("conv/bn/batch_norm", floats(&[4, 4], &rows))];
    assert_agrees(&pixel_problem(vec![0.3, -0.7], build, &params), 4e-7);
}

#[test]
fn a_shift_just_below_a_power_of_two_leaves_room_for_rounding() {
    // Channel 1 is a constant far below the range of channel 0, so that its high word is nearly full and the rounding half,
    // of the unit of the common scale, is large.
    for steps in 15..30 {
        let constant = 0.999_999_9 * 0.5f32.powi(steps);
        let rows = [1.0, 0.0, 0.3, constant, 0.0, 0.0, 1.0, 1.0];
        let build = |b: &mut GraphBuilder| {
            let codes = b.quantize("quant", 0, 1);
            let conv = b.conv("conv", codes, 2, Window::valid(1, 1), Weights::Planes { bits: 1 });
            let bn = b.batch_norm("conv", conv);
            b.push("gap", Op::AvgPool { window: Window::valid(1, 1) }, &[bn])
        };
        let params = [
            ("quant/basis", floats(&[1], &[0.5])),
            ("conv/planes", Tensor::from_u32(vec![2, 1, 1, 1, 1], vec![3, 1])),
            ("conv/basis", floats(&[1, 2], &[0.5, 0.25])),
            ("conv/bn/batch_norm", floats(&[4, 2], &rows)),
        ];
        assert_agrees(&pixel_problem(vec![0.3, 0.7], build, &params), 1e-7);
    }
}

#[test]
fn a_bias_is_added_once() {
    // Two readers make a value of the convolution's result, bias included; what is computed from it must not add it again.
    let build = |b: &mut GraphBuilder| {
        let op = Op::Conv { outputs: 2, window: Window::valid(1, 1), weights: Weights::Float, bias: true, groups: 1 };
        let conv = b.push("conv", op, &[0]);
        let relu = b.push("relu", Op::Relu, &[conv]);
        let add = b.push("add", Op::Add, &[conv, relu]);
        b.push("pad", Op::PadChannels { channels: 3, before: 0 }, &[add])
    };
    let params = [("conv/weight", floats(&[2, 1, 1, 1], &[0.5, -0.5])), ("conv/bias", floats(&[2], &[0.25, 0.5]))];
    assert_agrees(&pixel_problem(vec![0.3], build, &params), 4e-7);
}
