//! *Refit*: the best bases for given codes.
//!
//! With the signs B of the codes, `[bits, inputs]`, weights are q = v' B and cost
//!
//! ```text
//! (w* - q) M (w* - q)' = w* M w*' - 2 v' (B M w*') + v' (B M B') v
//! ```
//!
//! so the best basis solves (B M B') v = B M w*'. The products B M are nearly all of the work. They give the cost and its
//! gradient as well, and where a code changes they change by a row of M, so they are kept.

use super::channel::{Channel, sign};
use crate::float::{solve_small, times};
use crate::quantize::problem::Problem;
use rayon::prelude::*;

/// How much a refit holds the old basis, as a share of the mean of the diagonal of B M B', which is singular when two bits
/// always agree.
const HOLD: f64 = 1e-7;

/// A channel with the best basis for its codes.
#[derive(Clone)]
pub(super) struct Refitted {
    pub channel: Channel,
    /// B M, `[bits, inputs]`.
    products: Vec<f64>,
    pub cost: f64,
}

/// The best bases for the codes of `channels`, the outputs from number `first`.
pub(super) fn refit(problem: &Problem, first: usize, channels: Vec<Channel>) -> Vec<Refitted> {
    let signs: Vec<f64> = channels.iter().flat_map(Channel::signs).collect();
    let products = times(&signs, &problem.metric, problem.depth);
    drop(signs);
    let length = products.len() / channels.len().max(1);
    let refitted = |(at, channel): (usize, Channel)| {
        Refitted::new(problem, first + at, channel, products[at * length..][..length].to_vec())
    };
    channels.into_par_iter().enumerate().map(refitted).collect()
}

impl Refitted {
    fn new(problem: &Problem, output: usize, channel: Channel, products: Vec<f64>) -> Self {
        let (bits, depth) = (channel.basis.len(), problem.depth);
        let signs: Vec<f64> = channel.signs().collect();
        let rows = || products.chunks_exact(depth);
        let right: Vec<f64> = rows().map(|product| dot(product, problem.target_of(output))).collect();
        let matrix: Vec<f64> =
            rows().flat_map(|product| signs.chunks_exact(depth).map(move |signs| dot(product, signs))).collect();
        let basis = solved(&matrix, &right, &channel.basis).unwrap_or_else(|| channel.basis.clone());
        let v: Vec<f64> = basis.iter().map(|&v| f64::from(v)).collect();
        let own: f64 = matrix.chunks_exact(bits).zip(&v).map(|(row, v_i)| v_i * dot(row, &v)).sum();
        let cost = problem.power_of(output) - 2.0 * dot(&v, &right) + own;
        // Rounding may leave less than nothing of a small cost.
        let cost = if cost < 0.0 { 0.0 } else { cost };
        Refitted { channel: channel.with_basis(basis), products, cost }
    }

    /// (w* - q) M.
    pub(super) fn gradient(&self, problem: &Problem, output: usize) -> Vec<f64> {
        let mut gradient = problem.right_of(output).to_vec();
        for (products, &v) in self.products.chunks_exact(problem.depth).zip(&self.channel.basis) {
            gradient.iter_mut().zip(products).for_each(|(g, p)| *g -= f64::from(v) * p);
        }
        gradient
    }

    /// The best basis for the codes of `channel`, of which most should be the same as these.
    pub(super) fn with_codes(self, problem: &Problem, output: usize, channel: Channel) -> Self {
        let depth = problem.depth;
        let mut products = self.products;
        for (at, (&old, &new)) in self.channel.codes.iter().zip(&channel.codes).enumerate() {
            let row = &problem.metric[at * depth..][..depth];
            for (bit, products) in products.chunks_exact_mut(depth).enumerate() {
                let change = sign(new, bit) - sign(old, bit);
                if change != 0.0 {
                    products.iter_mut().zip(row).for_each(|(p, m)| *p += change * m);
                }
            }
        }
        Refitted::new(problem, output, channel, products)
    }
}

/// The solution, held near `basis`. `None` if there is none.
fn solved(matrix: &[f64], right: &[f64], basis: &[f32]) -> Option<Vec<f32>> {
    let bits = basis.len();
    let (mut matrix, mut right) = (matrix.to_vec(), right.to_vec());
    let hold = HOLD * (0..bits).map(|i| matrix[i * bits + i]).sum::<f64>() / bits as f64;
    for (i, &v) in basis.iter().enumerate() {
        matrix[i * bits + i] += hold;
        right[i] += hold * f64::from(v);
    }
    let solution: Vec<f32> = solve_small(&matrix, &right)?.into_iter().map(|v| v as f32).collect();
    solution.iter().all(|v| v.is_finite()).then_some(solution)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cost, problem};
    use super::*;
    use crate::random::Rng;

    #[test]
    fn changes_to_codes_give_what_a_new_refit_gives() {
        let problem = problem(2, 50);
        let mut rng = Rng::new(4);
        let mut channel =
            |bits: usize| Channel::nearest((1..=bits).map(|v| v as f32).collect(), &random(&mut rng, problem.depth));
        for bits in 1..=4 {
            let before = refit(&problem, 3, vec![channel(bits)]).remove(0);
            let changed = before.with_codes(&problem, 3, channel(bits));
            let new = refit(&problem, 3, vec![changed.channel.clone()]).remove(0);
            assert_eq!(changed.channel.codes, new.channel.codes);
            let pairs = changed.channel.basis.iter().zip(&new.channel.basis);
            pairs.for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{a} {b}"));
            let by_hand = cost(&problem, 3, &changed.channel.weights);
            assert!((changed.cost - by_hand).abs() < 1e-6 * by_hand, "{} {by_hand}", changed.cost);
            let e: Vec<f64> = problem.target_of(3).iter().zip(&changed.channel.weights).map(|(w, q)| w - q).collect();
            let gradient = times(&e, &problem.metric, problem.depth);
            let pairs = changed.gradient(&problem, 3).into_iter().zip(gradient);
            pairs.for_each(|(found, expected)| assert!((found - expected).abs() < 1e-5, "{found} {expected}"));
        }
    }

    fn random(rng: &mut Rng, count: usize) -> Vec<f64> {
        (0..count).map(|_| rng.uniform(-5.0, 5.0)).collect()
    }

    #[test]
    fn no_small_change_of_the_basis_costs_less() {
        let problem = problem(3, 12);
        let mut rng = Rng::new(5);
        let channel = Channel::nearest(vec![0.5, 1.0, 2.0], &random(&mut rng, 12));
        let found = refit(&problem, 0, vec![channel]).remove(0).channel;
        let least = cost(&problem, 0, &found.weights);
        for bit in 0..3 {
            for step in [-1e-3, 1e-3] {
                let mut basis = found.basis.clone();
                basis[bit] += step;
                assert!(cost(&problem, 0, &found.with_basis(basis).weights) > least);
            }
        }
    }
}
