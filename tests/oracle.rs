//! The integer formulation against the oracle: what a graph means in real numbers and what its lowered program computes on
//! the CPU reference must agree, in every code and to a few millionths in every value.

mod common;

use common::npz::{Arrays, f32s, read_npz};
use common::oracle::LevelValues;
use common::problem::{Input, Problem};
use common::{Report, Tolerance, compare, encode, lowered, run};
use lq_infer::format::npy::NpyData;
use lq_infer::graph::preprocess::Normalize;
use lq_infer::graph::{Graph, GraphBuilder, NodeId, Op, Params, Tensor, Weights};
use lq_infer::lower::{Finish, InputKind, Kernel, Program};
use lq_infer::quant::{Levels, channel_basis, quantize_weights};
use lq_infer::tensor::{Shape, Window};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// Problems of the comparison with the oracle.
const PROBLEMS: u64 = 320;

/// What holds for random narrow networks.
///
/// Half of all images are within 3e-7 and 99 of 100 within 3e-6 of the logits' spread. What remains is the rounding of
/// float weights to 23 bits below the largest of their channel. The worst networks normalise a float convolution whose mean
/// is many deviations from 0, twice in a row, and so blow this rounding up; 1600 problems had no logit error above 6.7e-6 and
/// no value error above 1.3e-5. The bounds lie just above.
///
/// No code may differ unless an activation is within a millionth of a threshold.
const TOLERANCE: Tolerance = Tolerance { levels: LevelValues::Exact, margin: 1e-6, value: 1.6e-5, logit: 8e-6 };
/// Bound on the median error of an image's logits.
const MEDIAN: f64 = 4e-7;

#[test]
fn programs_compute_what_their_graphs_mean() {
    let reports = compare_all(0..PROBLEMS, TOLERANCE);
    assert_enough_compared(&reports);
    let mut errors: Vec<f64> = reports.iter().flat_map(|r| r.logit_errors.iter().copied()).collect();
    errors.sort_by(f64::total_cmp);
    let percentile = |p: usize| errors[(errors.len() - 1) * p / 100];
    let value_error = reports.iter().map(|r| r.value_error).fold(0.0, f64::max);
    let codes: usize = reports.iter().map(|r| r.codes).sum();
    println!(
        "{} images, {codes} codes; logit errors: median {:.2e}, 99% {:.2e}, largest {:.2e}; largest value error {value_error:.2e}",
        errors.len(),
        percentile(50),
        percentile(99),
        percentile(100)
    );
    assert!(percentile(50) < MEDIAN, "median logit error {:e}", percentile(50));
}

#[test]
fn levels_rounded_to_f32_change_nothing_but_the_last_digits() {
    // The original multiplies levels that are f32 sums of basis elements; we multiply sums that nothing rounded. That is a
    // difference of up to 2^-24 per level, which margins and bounds have to allow for.
    let tolerance = Tolerance { levels: LevelValues::Float32, margin: 4e-6, ..TOLERANCE };
    assert_enough_compared(&compare_all(0..80, tolerance));
}

fn compare_all(seeds: std::ops::Range<u64>, tolerance: Tolerance) -> Vec<Report> {
    let one = |seed| {
        let problem = Problem::random(seed);
        let program = lowered(&problem).unwrap_or_else(|e| panic!("{e}\n{}", problem.describe()));
        compare(&problem, &program, &tolerance).unwrap_or_else(|difference| panic!("{difference}"))
    };
    seeds.into_par_iter().map(one).collect()
}

/// Images near a threshold are not compared; if they were many, the test would show nothing.
fn assert_enough_compared(reports: &[Report]) {
    let (compared, images) = reports.iter().fold((0, 0), |(c, i), r| (c + r.compared, i + r.images));
    assert!(compared * 10 >= images * 9, "only {compared} of {images} images compared");
}

#[test]
fn every_width_of_weights_and_activations_occurs() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..PROBLEMS {
        let graph = Problem::random(seed).graph;
        for node in graph.nodes() {
            let Op::Conv { weights: Weights::Planes { bits }, .. } = node.op else { continue };
            let Op::Quantize { bits: activation, .. } = graph.nodes()[node.inputs[0]].op else { continue };
            seen.insert((bits, activation));
        }
    }
    for w in 1..=4 {
        for a in 1..=4 {
            assert!(seen.contains(&(w, a)), "no layer with {w}-bit weights and {a}-bit activations");
        }
    }
    assert!(seen.contains(&(8, 8)), "no layer with 8-bit weights and activations");
}

#[test]
fn batches_and_threads_change_nothing() {
    (0..64u64).into_par_iter().for_each(|seed| {
        let problem = Problem::random(seed);
        let program = lowered(&problem).unwrap();
        let input = encode(&problem, &program);
        let whole = run(&program, &input, problem.images, false);
        assert_eq!(whole, run(&program, &input, problem.images, true), "parallel\n{}", problem.describe());
        let image = input.len() / problem.images;
        let single: Vec<u32> = input.chunks(image).flat_map(|one| run(&program, one, 1, false)).collect();
        assert_eq!(whole, single, "one by one\n{}", problem.describe());
    });
}

#[test]
fn a_flipped_weight_bit_is_found() {
    let found = (0..40).filter(|&seed| {
        damage_is_found(seed, |kernel| match kernel {
            Kernel::BitConv(k) => {
                k.weights[0] ^= 1;
                true
            }
            _ => false,
        })
    });
    // A bit may meet activations that are all 0, or a gain of 0; in most networks it shows.
    let found = found.count();
    assert!(found >= 25, "{found} of 40");
}

#[test]
fn a_wrong_threshold_is_found() {
    let found = (0..40).filter(|&seed| {
        damage_is_found(seed, |kernel| {
            let epilogue = match kernel {
                Kernel::BitConv(k) => &mut k.epilogue,
                Kernel::LimbConv(k) => &mut k.epilogue,
                Kernel::Quantize(k) => return raise(&mut k.ranks.thresholds, i32::MAX),
                _ => return false,
            };
            match &mut epilogue.finish {
                Finish::Codes { thresholds, .. } => raise(thresholds, [i32::MAX, 0]),
                Finish::Value { codes: Some((ranks, _)), .. } => raise(&mut ranks.thresholds, i32::MAX),
                Finish::Value { .. } => false,
            }
        })
    });
    // Channel 0 may be dead or below its thresholds anyway.
    let found = found.count();
    assert!(found >= 25, "{found} of 40");
}

/// Puts channel 0's first threshold out of reach: whatever was above it gets the level below.
fn raise<T>(thresholds: &mut [T], never: T) -> bool {
    thresholds[0] = never;
    true
}

/// Damages the first kernel that `damage` takes and says whether the comparison reports that kernel's layer or one behind it.
fn damage_is_found(seed: u64, mut damage: impl FnMut(&mut Kernel) -> bool) -> bool {
    let problem = Problem::random(seed);
    let mut program: Program = lowered(&problem).unwrap();
    let Some(step) = program.steps.iter_mut().position(|s| damage(&mut s.kernel)) else { return false };
    let Err(report) = compare(&problem, &program, &TOLERANCE) else { return false };
    let guilty = |name: &str| report.starts_with(&format!("layer '{name}'"));
    let before = program.steps[..step].iter().flat_map(|s| s.kernel.writes());
    for tensor in before {
        assert!(!guilty(&program.tensors[tensor].name), "blames a layer before the damage: {report}");
    }
    assert!(report.contains(&format!("Problem::random({seed})")), "{report}");
    true
}

// Hand-made problems for corners that are too rare in random ones.

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
        b.push("pad", Op::PadChannels { channels: 3 }, &[add])
    };
    let params = [("conv/weight", floats(&[2, 1, 1, 1], &[0.5, -0.5])), ("conv/bias", floats(&[2], &[0.25, 0.5]))];
    assert_agrees(&pixel_problem(vec![0.3], build, &params), 4e-7);
}

// The official quantizers on crafted values.

#[test]
fn quantizers_match_the_official_ones() {
    let Some(shared) = std::env::var_os("LQ_INFER_SHARED") else {
        eprintln!("LQ_INFER_SHARED is not set: the official quantizers' results are not compared");
        return;
    };
    let folder = Path::new(&shared).join("golden/quantizer-micro");
    let count = check_activations(&read_npz(&folder.join("activations.npz")));
    assert!(count > 500, "only {count} activations compared");
    let count = check_weights(&read_npz(&folder.join("weights.npz")));
    assert!(count > 500, "only {count} weights compared");
}

/// The names before the slash.
fn cases(arrays: &Arrays) -> std::collections::BTreeSet<&str> {
    arrays.keys().map(|name| name.split('/').next().unwrap()).collect()
}

/// The numbers as bits, all zeros alike: level 0 is a sum of products with 0, whose sign means nothing.
fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| if *v == 0.0 { 0 } else { v.to_bits() }).collect()
}

fn check_activations(arrays: &Arrays) -> usize {
    let mut count = 0;
    for case in cases(arrays) {
        let part = |name: &str| f32s(arrays, &format!("{case}/{name}"));
        let levels = Levels::of_activations(part("basis"), lq_infer::graph::Encoding::ZeroOne);
        let ranks: Vec<usize> = part("x").iter().map(|&x| levels.rank(x)).collect();
        let values: Vec<f32> = ranks.iter().map(|&r| levels.values[r]).collect();
        assert_eq!(bits(&values), bits(part("y")), "levels of {case}, basis {:?}", part("basis"));
        let codes: Vec<u8> = ranks.iter().map(|&r| levels.codes[r] as u8).collect();
        let NpyData::U8(expected) = &arrays[&format!("{case}/code")].1 else { panic!("{case}/code is not uint8") };
        assert_eq!(&codes, expected, "codes of {case}, basis {:?}", part("basis"));
        count += codes.len();
    }
    count
}

fn check_weights(arrays: &Arrays) -> usize {
    let mut count = 0;
    for case in cases(arrays) {
        let part = |name: &str| f32s(arrays, &format!("{case}/{name}"));
        let [kh, kw, inputs, outputs] = arrays[&format!("{case}/w")].0[..] else { panic!("{case}/w is not 4-D") };
        let (basis, rows) = (part("basis"), kh * kw * inputs);
        let codes = quantize_weights(part("w"), inputs, outputs, basis);
        let mut values = vec![0f32; codes.len()];
        for (index, &code) in codes.iter().enumerate() {
            let signed = |(j, v): (usize, f32)| if code >> j & 1 == 1 { v } else { -v };
            let basis = channel_basis(basis, outputs, index / rows);
            values[index % rows * outputs + index / rows] = basis.into_iter().enumerate().map(signed).sum();
        }
        assert_eq!(bits(&values), bits(part("y")), "weights of {case}");
        count += codes.len();
    }
    count
}

// Programs that lowering would never give.

#[test]
fn inconsistent_programs_are_not_planned() {
    let problem = Problem::random(5);
    let program = lowered(&problem).unwrap();
    let refuse = |change: &dyn Fn(&mut Program)| {
        let mut wrong = program.clone();
        change(&mut wrong);
        lq_infer::plan::Plan::new(wrong).expect_err("should be refused")
    };
    fn first_bitconv(program: &mut Program) -> &mut lq_infer::lower::BitConv {
        let mut kernels = program.steps.iter_mut().map(|s| &mut s.kernel);
        kernels.find_map(|kernel| if let Kernel::BitConv(k) = kernel { Some(k) } else { None }).unwrap()
    }
    assert!(refuse(&|p| first_bitconv(p).weights.truncate(1)).contains("weights"));
    assert!(refuse(&|p| first_bitconv(p).window.stride = [9, 9]).contains("window"));
    assert!(refuse(&|p| first_bitconv(p).input = 0).contains("planes"));
    assert!(refuse(&|p| first_bitconv(p).coefficients.truncate(1)).contains("coefficients"));
    assert!(refuse(&|p| drop(p.steps.remove(0))).contains("nothing has written"));
    assert!(refuse(&|p| p.tensors.truncate(2)).contains("layer '"));
    assert!(refuse(&|p| p.tensors[0].shape.h = 0).contains("empty"));
}
