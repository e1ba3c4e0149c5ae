//! Codes and bases for a layer's [`Problem`].
//!
//! *Error feedback* (GPTQ, Frantar et al. 2023, in the form of Chee et al. 2023). With M = R' R for the metric M, R upper
//! triangular, differences e = w* - q cost
//!
//! ```text
//! e M e' = sum over i of R[i][i]^2 (e[i] + sum over j > i of R[i][j] / R[i][i] e[j])^2
//! ```
//!
//! Going from the last input to the first, each term is least for the level nearest to w*[i] plus what the codes that are
//! chosen already ask for. Inputs that vary most come last, so they are chosen first.
//!
//! *Refit*. For given codes, q = v' B, and the best basis solves (B M B') v = B M w*'. Each round of error feedback starts from
//! the bases to which the one before was refitted; of each output the cheapest round counts.
//!
//! *Descent*. A change of one weight by d changes the cost by M[i][i] d^2 - 2 d g[i], where g = M e. So the best level for
//! it is the one nearest to q[i] + g[i] / M[i][i]. Weights take turns, in the order of error feedback, until none changes. Then
//! bases are refitted and it starts again, from the cheapest so far, until that improves no output.

use super::problem::Problem;
use super::qem;
use crate::float::{solve_small, times};
use crate::quant::Levels;
use rayon::prelude::*;

/// Rounds of error feedback and refit.
const FEEDBACK_ROUNDS: usize = 3;
/// Rounds of descent and refit.
const DESCENT_ROUNDS: usize = 6;
/// Bits from which levels lie so close that one round of error feedback is enough. More would take long: a refit costs as
/// many products with the metric as there are bits.
const FINE: usize = 5;
/// Turns of all weights in one descent.
const SWEEPS: usize = 12;
/// How much a refit holds the basis, as a share of its matrix: codes may make it singular.
const HOLD: f64 = 1e-7;

/// One output channel's quantized weights.
#[derive(Clone)]
pub(super) struct Channel {
    pub basis: Vec<f32>,
    /// One per input.
    pub codes: Vec<u8>,
    /// The levels of the codes.
    pub weights: Vec<f64>,
}

impl Channel {
    /// The nearest levels to `weights`.
    pub(super) fn nearest(basis: Vec<f32>, weights: &[f64]) -> Self {
        let table = Table::new(&basis);
        let ranks: Vec<usize> = weights.iter().map(|&w| table.rank(w)).collect();
        let codes = ranks.iter().map(|&rank| table.codes[rank]).collect();
        Channel { basis, codes, weights: ranks.iter().map(|&rank| table.values[rank]).collect() }
    }

    /// The same codes with another basis.
    fn with_basis(&self, basis: Vec<f32>) -> Self {
        let by_code = Levels::of_weights(&basis).by_code();
        let weights = self.codes.iter().map(|&code| f64::from(by_code[usize::from(code)])).collect();
        Channel { basis, codes: self.codes.clone(), weights }
    }
}

/// Levels in order.
struct Table {
    values: Vec<f64>,
    codes: Vec<u8>,
}

impl Table {
    fn new(basis: &[f32]) -> Self {
        let levels = Levels::of_weights(basis);
        Table {
            values: levels.values.iter().map(|&v| f64::from(v)).collect(),
            codes: levels.codes.iter().map(|&code| code as u8).collect(),
        }
    }

    /// The nearest level.
    fn rank(&self, x: f64) -> usize {
        let above = self.values.partition_point(|&v| v < x).min(self.values.len() - 1);
        match above.checked_sub(1) {
            Some(below) if x - self.values[below] <= self.values[above] - x => below,
            _ => above,
        }
    }
}

/// The channels that nearest levels give: quantization error minimization of each channel by itself.
pub(super) fn plain(weights: &[f64], depth: usize, bits: usize) -> Vec<Channel> {
    let ones = vec![1.0; depth];
    let channel = |row: &[f64]| Channel::nearest(qem::of_weights(row, &ones, bits).basis, row);
    weights.par_chunks_exact(depth).map(channel).collect()
}

/// Error feedback from bases that minimize the error weighted by the inputs' variances.
pub(super) fn feedback(problem: &Problem, bits: usize) -> Vec<Channel> {
    let depth = problem.depth;
    let variances: Vec<f64> = (0..depth).map(|i| problem.metric[i * depth + i]).collect();
    let basis = |row: &[f64]| qem::of_weights(row, &variances, bits).basis;
    let mut bases: Vec<Vec<f32>> = problem.target.par_chunks_exact(depth).map(basis).collect();
    let ratios = ratios(problem);
    let mut best: Option<(Vec<Channel>, Vec<f64>)> = None;
    for _ in 0..if bits < FINE { FEEDBACK_ROUNDS } else { 1 } {
        let rows = problem.target.par_chunks_exact(depth).zip(bases);
        let channels: Vec<Channel> = rows.map(|(row, basis)| fed_back(row, basis, &ratios)).collect();
        let channels = refit(problem, &channels);
        let costs = costs(problem, &channels);
        bases = channels.iter().map(|channel| channel.basis.clone()).collect();
        best = Some(match best {
            None => (channels, costs),
            Some(best) => better(best, (channels, costs)),
        });
    }
    best.map(|(channels, _)| channels).unwrap_or_default()
}

/// Descent and refit in turns, if levels are not fine.
pub(super) fn descend(problem: &Problem, channels: Vec<Channel>) -> Vec<Channel> {
    if channels.iter().any(|channel| channel.basis.len() >= FINE) {
        return channels;
    }
    let costs_before = costs(problem, &channels);
    let mut best = (channels, costs_before);
    for _ in 0..DESCENT_ROUNDS {
        let gradients = times(&differences(problem, &best.0), &problem.metric, problem.depth);
        let rows = best.0.par_iter().zip(gradients.par_chunks_exact(problem.depth));
        let channels: Vec<Channel> =
            rows.map(|(channel, gradient)| descended(problem, channel, gradient.to_vec())).collect();
        let channels = refit(problem, &channels);
        let costs = costs(problem, &channels);
        let improved = costs.iter().zip(&best.1).any(|(new, old)| *new < old * (1.0 - 1e-6));
        best = better(best, (channels, costs));
        if !improved {
            break;
        }
    }
    best.0
}

/// Of each channel the cheaper one.
fn better(a: (Vec<Channel>, Vec<f64>), b: (Vec<Channel>, Vec<f64>)) -> (Vec<Channel>, Vec<f64>) {
    let pairs = a.0.into_iter().zip(a.1).zip(b.0.into_iter().zip(b.1));
    pairs.map(|(a, b)| if b.1 < a.1 { b } else { a }).unzip()
}

/// w* - q, `[outputs, depth]`.
fn differences(problem: &Problem, channels: &[Channel]) -> Vec<f64> {
    let chosen = channels.iter().flat_map(|channel| &channel.weights);
    problem.target.iter().zip(chosen).map(|(w, q)| w - q).collect()
}

/// What each channel costs.
fn costs(problem: &Problem, channels: &[Channel]) -> Vec<f64> {
    let differences = differences(problem, channels);
    let gradients = times(&differences, &problem.metric, problem.depth);
    let rows = differences.chunks_exact(problem.depth).zip(gradients.chunks_exact(problem.depth));
    rows.map(|(e, g)| e.iter().zip(g).map(|(e, g)| e * g).sum()).collect()
}

/// Row j holds R[i][j] / R[i][i] for i < j.
fn ratios(problem: &Problem) -> Vec<f64> {
    let (depth, upper) = (problem.depth, &problem.factor.upper);
    let mut ratios = vec![0.0; depth * depth];
    ratios.par_chunks_exact_mut(depth).enumerate().for_each(|(j, row)| {
        row[..j].iter_mut().enumerate().for_each(|(i, ratio)| *ratio = upper[i * depth + j] / upper[i * depth + i]);
    });
    ratios
}

fn fed_back(target: &[f64], basis: Vec<f32>, ratios: &[f64]) -> Channel {
    let (depth, table) = (target.len(), Table::new(&basis));
    let mut channel = Channel { basis, codes: vec![0; depth], weights: vec![0.0; depth] };
    // What the target and the codes chosen so far ask for.
    let mut asked = target.to_vec();
    for j in (0..depth).rev() {
        let rank = table.rank(asked[j]);
        (channel.codes[j], channel.weights[j]) = (table.codes[rank], table.values[rank]);
        let difference = target[j] - table.values[rank];
        asked[..j].iter_mut().zip(&ratios[j * depth..]).for_each(|(asked, ratio)| *asked += ratio * difference);
    }
    channel
}

/// The best bases for the channels' codes.
fn refit(problem: &Problem, channels: &[Channel]) -> Vec<Channel> {
    let depth = problem.depth;
    let bits = channels.first().map_or(0, |channel| channel.basis.len());
    let sign = |code: u8, j: usize| if code >> j & 1 == 1 { 1.0 } else { -1.0 };
    let mut result = Vec::with_capacity(channels.len());
    // Some channels at a time: their signs take memory.
    const TOGETHER: usize = 64;
    for (chunk, targets) in channels.chunks(TOGETHER).zip(problem.target.chunks(TOGETHER * depth)) {
        let signs: Vec<f64> = chunk
            .iter()
            .flat_map(|c| (0..bits).flat_map(move |j| c.codes.iter().map(move |&code| sign(code, j))))
            .collect();
        let products = times(&signs, &problem.metric, depth);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        for (at, (channel, target)) in chunk.iter().zip(targets.chunks_exact(depth)).enumerate() {
            let row = |j: usize| (at * bits + j) * depth..(at * bits + j + 1) * depth;
            let mut matrix = vec![0.0; bits * bits];
            let mut right = vec![0.0; bits];
            for i in 0..bits {
                let product = &products[row(i)];
                right[i] = dot(product, target);
                (0..bits).for_each(|j| matrix[i * bits + j] = dot(product, &signs[row(j)]));
            }
            let hold = HOLD * (0..bits).map(|i| matrix[i * bits + i]).sum::<f64>() / bits as f64;
            for (i, &v) in channel.basis.iter().enumerate() {
                matrix[i * bits + i] += hold;
                right[i] += hold * f64::from(v);
            }
            let basis = solve_small(&matrix, &right).filter(|basis| basis.iter().all(|v| v.is_finite()));
            result.push(match basis {
                Some(basis) => channel.with_basis(basis.into_iter().map(|v| v as f32).collect()),
                None => channel.clone(),
            });
        }
    }
    result
}

fn descended(problem: &Problem, channel: &Channel, mut gradient: Vec<f64>) -> Channel {
    let (depth, table) = (problem.depth, Table::new(&channel.basis));
    let mut channel = channel.clone();
    for _ in 0..SWEEPS {
        let mut changed = false;
        for i in (0..depth).rev() {
            let row = &problem.metric[i * depth..][..depth];
            let rank = table.rank(channel.weights[i] + gradient[i] / row[i]);
            let change = table.values[rank] - channel.weights[i];
            if change * (2.0 * gradient[i] - change * row[i]) > 0.0 {
                (channel.codes[i], channel.weights[i]) = (table.codes[rank], table.values[rank]);
                gradient.iter_mut().zip(row).for_each(|(g, m)| *g -= change * m);
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    channel
}

#[cfg(test)]
mod tests {
    use super::super::problem::tests::example;
    use super::*;

    fn problem(seed: u64, depth: usize) -> Problem {
        let (statistics, own) = example(seed, depth, 4);
        Problem::new(&statistics, &own, 0.02).unwrap()
    }

    /// The cost of one channel in plain loops.
    fn cost(problem: &Problem, output: usize, weights: &[f64]) -> f64 {
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
            let fed = feedback(&problem, 2);
            let descended = descend(&problem, fed.clone());
            for output in 0..4 {
                let of = |channels: &[Channel]| cost(&problem, output, &channels[output].weights);
                assert!((costs(&problem, &descended)[output] - of(&descended)).abs() < 1e-9);
                assert!(of(&descended) <= of(&fed) * (1.0 + 1e-9));
                found += of(&descended);
                // All 4^6 codes with the best basis for each.
                let all = (0..1usize << 12).map(|all| {
                    let codes = (0..6).map(|i| (all >> (2 * i) & 3) as u8).collect();
                    let channel = Channel { codes, ..plain[output].clone() };
                    let alone = Problem {
                        order: Vec::new(),
                        metric: problem.metric.clone(),
                        factor: crate::float::Factor::new(6, problem.metric.clone()).unwrap(),
                        target: problem.target[output * 6..][..6].to_vec(),
                        depth: 6,
                    };
                    cost(&alone, 0, &refit(&alone, &[channel])[0].weights)
                });
                least += all.fold(f64::INFINITY, f64::min);
            }
        }
        assert!(found < 1.6 * least, "{found} {least}");
    }

    #[test]
    fn codes_and_bases_give_the_weights() {
        let problem = problem(9, 20);
        for bits in 1..=8 {
            for channel in descend(&problem, feedback(&problem, bits)) {
                let by_code = Levels::of_weights(&channel.basis).by_code();
                for (&code, &weight) in channel.codes.iter().zip(&channel.weights) {
                    assert_eq!(f64::from(by_code[usize::from(code)]), weight);
                }
            }
        }
    }

    #[test]
    fn no_single_change_improves_what_descent_found() {
        let problem = problem(11, 12);
        let fed = feedback(&problem, 2);
        let gradients = times(&differences(&problem, &fed), &problem.metric, 12);
        for (output, gradient) in gradients.chunks_exact(12).enumerate() {
            let found = descended(&problem, &fed[output], gradient.to_vec());
            let least = cost(&problem, output, &found.weights);
            for i in 0..12 {
                for &value in &Table::new(&found.basis).values {
                    let mut other = found.weights.clone();
                    other[i] = value;
                    assert!(cost(&problem, output, &other) >= least - 1e-9);
                }
            }
        }
    }
}
