//! The integer formulation against the oracle: what a graph means in real numbers and what its lowered program computes on
//! the CPU reference must agree, in every code and to a few millionths in every value.

mod by_hand;
mod corners;
mod damage;

use crate::common::compare::{Report, Tolerance, compare};
use crate::common::oracle::LevelValues;
use crate::common::problem::Problem;
use crate::common::{encode, lowered, run};
use lq_infer::internals::graph::{Op, Weights};
use rayon::prelude::*;

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
