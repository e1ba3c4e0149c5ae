//! Codes and bases for a layer's [`Problem`]. Error feedback and refits take turns for a few rounds, each of which starts from
//! the bases of the one before, and the cheapest result counts for each output. From there, descent and refits take turns.
//! Outputs do not depend on each other.

mod channel;
mod descent;
mod feedback;
mod refit;

pub(super) use channel::Channel;

use super::problem::Problem;
use super::qem;
use descent::descend;
use feedback::choose_codes;
use rayon::prelude::*;
use refit::{Refitted, refit};
use std::ops::Range;

/// Rounds of error feedback and refit.
const ROUNDS: usize = 3;
/// Numbers that the products of the outputs that are solved at the same time may have, unless those of a single one are more.
/// Some three times as many are in memory.
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
    solve_by(problem, bits, (TOGETHER / (bits * problem.depth)).max(1))
}

/// The same, of so many outputs at a time.
fn solve_by(problem: &Problem, bits: usize, together: usize) -> [Solution; 2] {
    let outputs = problem.target.len() / problem.depth;
    let [mut after_feedback, mut last] = [Solution::default(), Solution::default()];
    for first in (0..outputs).step_by(together) {
        let fed = feedback_rounds(problem, bits, first..outputs.min(first + together));
        fed.iter().for_each(|one| after_feedback.push(one.channel.clone(), one.cost));
        let descended = |(at, one)| {
            let Refitted { channel, cost, .. } = descend(problem, first + at, one);
            (channel, cost)
        };
        let all: Vec<(Channel, f64)> = fed.into_par_iter().enumerate().map(descended).collect();
        all.into_iter().for_each(|(channel, cost)| last.push(channel, cost));
    }
    [after_feedback, last]
}

/// Error feedback for some outputs, from bases that minimize the error weighted by the inputs' variances.
fn feedback_rounds(problem: &Problem, bits: usize, outputs: Range<usize>) -> Vec<Refitted> {
    let depth = problem.depth;
    let variances: Vec<f64> = (0..depth).map(|i| problem.metric[i * depth + i]).collect();
    let start = |output| qem::of_weights(problem.target_of(output), &variances, bits).basis;
    let bases = outputs.clone().into_par_iter().map(start).collect();
    let mut last = refit(problem, outputs.start, choose_codes(problem, outputs.start, bases));
    let with_codes = |last: Vec<Refitted>, channels: Vec<Channel>| -> Vec<Refitted> {
        let all = outputs.clone().into_par_iter().zip(last.into_par_iter().zip(channels));
        all.map(|(output, (last, channel))| last.with_codes(problem, output, channel)).collect()
    };
    let mut best: Vec<(Channel, f64)> = last.iter().map(|one| (one.channel.clone(), one.cost)).collect();
    for _ in 1..ROUNDS {
        let bases = last.iter().map(|one| one.channel.basis.clone()).collect();
        last = with_codes(last, choose_codes(problem, outputs.start, bases));
        for ((channel, cost), next) in best.iter_mut().zip(&last).filter(|((_, cost), next)| next.cost < *cost) {
            (*channel, *cost) = (next.channel.clone(), next.cost);
        }
    }
    with_codes(last, best.into_iter().map(|(channel, _)| channel).collect())
}

#[cfg(test)]
mod tests {
    use super::super::problem::tests::example;
    use super::descent::one_descent;
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
    fn steps_cost_less_and_less_and_come_close_to_the_best_codes() {
        let [mut nearest, mut after_feedback, mut found, mut least] = [0.0; 4];
        for seed in 0..6 {
            let problem = problem(seed, 6);
            let plain = plain(&problem.target, 6, 2);
            let [fed, last] = solve(&problem, 2);
            for (output, plain) in plain.iter().enumerate() {
                let of = |channels: &[Channel]| cost(&problem, output, &channels[output].weights);
                let (fed, last) = (of(&fed.channels), of(&last.channels));
                assert!(last <= fed * (1.0 + 1e-6));
                nearest += cost(&problem, output, &plain.weights);
                after_feedback += fed;
                found += last;
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
        let costs = [nearest, after_feedback, found, least];
        assert!(after_feedback < 0.7 * nearest && found < 0.99 * after_feedback && found < 1.15 * least, "{costs:?}");
    }

    #[test]
    fn outputs_may_be_solved_some_at_a_time() {
        let problem = problem(14, 10);
        let [all, some] = [4, 3].map(|together| solve_by(&problem, 2, together));
        for (all, some) in all.iter().zip(&some) {
            let of = |solution: &Solution| -> Vec<_> {
                solution.channels.iter().map(|channel| (channel.codes.clone(), channel.basis.clone())).collect()
            };
            assert_eq!(of(all), of(some));
            assert_eq!(all.cost, some.cost);
        }
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
        let all = feedback_rounds(&problem, 3, 0..4);
        for (output, expected) in all.iter().enumerate() {
            let alone = &feedback_rounds(&problem, 3, output..output + 1)[0];
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
        for (output, fed) in feedback_rounds(&problem, 2, 0..4).into_iter().enumerate() {
            let found = one_descent(&problem, &fed.channel, fed.gradient(&problem, output));
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
