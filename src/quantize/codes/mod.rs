//! Codes and bases for a layer's [`Problem`]: error feedback and refits in turns, each from the bases of the one before, of
//! which the cheapest counts for each output; then descent and refits in turns from there. Outputs do not depend on each
//! other.

mod channel;
mod descent;
mod feedback;
mod refit;

pub(super) use channel::Channel;

use super::problem::Problem;
use super::qem;
use descent::descend;
use feedback::feedback;
use rayon::prelude::*;
use refit::{Refitted, refit};
use std::ops::Range;

/// Rounds of error feedback and refit.
const ROUNDS: usize = 3;
/// Numbers of the products that refits of some outputs together keep, unless a single output has more.
const TOGETHER: usize = 1 << 23;

/// Channels of all outputs.
#[derive(Default)]
pub(super) struct Solution {
    pub channels: Vec<Channel>,
    /// What they cost in all.
    pub cost: f64,
}

impl Solution {
    fn push(&mut self, channel: Channel, cost: f64) {
        self.channels.push(channel);
        self.cost += cost;
    }
}

/// The channels that nearest levels give: quantization error minimization of each channel by itself.
pub(super) fn plain(weights: &[f64], depth: usize, bits: usize) -> Vec<Channel> {
    let ones = vec![1.0; depth];
    let channel = |row: &[f64]| Channel::nearest(qem::of_weights(row, &ones, bits).basis, row);
    weights.par_chunks_exact(depth).map(channel).collect()
}

/// The channels after error feedback, and in the end.
pub(super) fn solve(problem: &Problem, bits: usize) -> [Solution; 2] {
    let outputs = problem.target.len() / problem.depth;
    let together = (TOGETHER / (bits * problem.depth)).max(1);
    let mut solutions = [Solution::default(), Solution::default()];
    for first in (0..outputs).step_by(together) {
        let fed = fed_back(problem, bits, first..outputs.min(first + together));
        let [after_feedback, last] = &mut solutions;
        fed.iter().for_each(|one| after_feedback.push(one.channel.clone(), one.cost));
        let descended = |(at, one)| descend(problem, first + at, one);
        let all: Vec<Refitted> = fed.into_par_iter().enumerate().map(descended).collect();
        all.into_iter().for_each(|one| last.push(one.channel, one.cost));
    }
    solutions
}

/// Error feedback for some outputs, from bases that minimize the error weighted by the inputs' variances.
fn fed_back(problem: &Problem, bits: usize, outputs: Range<usize>) -> Vec<Refitted> {
    let depth = problem.depth;
    let variances: Vec<f64> = (0..depth).map(|i| problem.metric[i * depth + i]).collect();
    let start = |output| qem::of_weights(problem.target_of(output), &variances, bits).basis;
    let bases = outputs.clone().into_par_iter().map(start).collect();
    let mut last = refit(problem, outputs.start, feedback(problem, outputs.start, bases));
    let mut best = last.clone();
    for _ in 1..ROUNDS {
        let bases = last.iter().map(|one| one.channel.basis.clone()).collect();
        let channels = feedback(problem, outputs.start, bases);
        let next = |(output, (last, channel)): (usize, (Refitted, Channel))| last.refit(problem, output, channel);
        last = outputs.clone().into_par_iter().zip(last.into_par_iter().zip(channels)).map(next).collect();
        best = best.into_iter().zip(last.clone()).map(|(best, next)| best.or_cheaper(next)).collect();
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::problem::tests::example;
    use super::descent::descended;
    use super::*;
    use crate::quant::Levels;

    pub(super) fn problem(seed: u64, depth: usize) -> Problem {
        let (statistics, own) = example(seed, depth, 4);
        Problem::new(&statistics, &own, 0.02).unwrap()
    }

    /// The cost of one channel in plain loops.
    pub(super) fn cost(problem: &Problem, output: usize, weights: &[f64]) -> f64 {
        let n = problem.depth;
        let e: Vec<f64> = (0..n).map(|i| problem.target[output * n + i] - weights[i]).collect();
        (0..n).flat_map(|i| (0..n).map(move |j| (i, j))).map(|(i, j)| e[i] * problem.metric[i * n + j] * e[j]).sum()
    }

    #[test]
    fn each_step_costs_less_and_descent_comes_close_to_the_best_codes() {
        let (mut found, mut least) = (0.0, 0.0);
        for seed in 0..6 {
            let problem = problem(seed, 6);
            let plain = plain(&problem.target, 6, 2);
            let [fed, last] = solve(&problem, 2);
            for (output, plain) in plain.iter().enumerate() {
                let of = |solution: &Solution| cost(&problem, output, &solution.channels[output].weights);
                assert!(of(&last) <= of(&fed) * (1.0 + 1e-6));
                found += of(&last);
                // All 4^6 codes with the best basis for each.
                let all = (0..1usize << 12).map(|all| {
                    let codes = (0..6).map(|i| (all >> (2 * i) & 3) as u8).collect();
                    let channel = Channel { codes, ..plain.clone() };
                    cost(&problem, output, &refit(&problem, output, vec![channel])[0].channel.weights)
                });
                least += all.fold(f64::INFINITY, f64::min);
            }
            for Solution { channels, cost: sum } in [fed, last] {
                let by_hand: f64 = (0..4).map(|output| cost(&problem, output, &channels[output].weights)).sum();
                assert!((sum - by_hand).abs() < 1e-6 * by_hand, "{sum} {by_hand}");
            }
        }
        assert!(found < 1.6 * least, "{found} {least}");
    }

    #[test]
    fn codes_and_bases_give_the_weights() {
        let problem = problem(9, 20);
        for bits in 1..=8 {
            for channel in solve(&problem, bits).into_iter().flat_map(|solution| solution.channels) {
                let by_code = Levels::of_weights(&channel.basis).by_code();
                for (&code, &weight) in channel.codes.iter().zip(&channel.weights) {
                    assert_eq!(f64::from(by_code[usize::from(code)]), weight);
                }
            }
        }
    }

    #[test]
    fn outputs_do_not_depend_on_each_other() {
        let problem = problem(13, 9);
        let all = fed_back(&problem, 3, 0..4);
        for (output, expected) in all.iter().enumerate() {
            let alone = &fed_back(&problem, 3, output..output + 1)[0];
            assert_eq!(
                (&alone.channel.codes, &alone.channel.basis),
                (&expected.channel.codes, &expected.channel.basis)
            );
            assert_eq!(alone.cost, expected.cost);
        }
    }

    #[test]
    fn no_single_change_improves_what_descent_found() {
        let problem = problem(11, 12);
        for (output, fed) in fed_back(&problem, 2, 0..4).into_iter().enumerate() {
            let found = descended(&problem, &fed.channel, fed.gradient(&problem, output));
            let least = cost(&problem, output, &found.weights);
            for i in 0..12 {
                for &value in &channel::Table::new(&found.basis).values {
                    let mut other = found.weights.clone();
                    other[i] = value;
                    assert!(cost(&problem, output, &other) >= least - 1e-9);
                }
            }
        }
    }
}
