//! One layer's problem: weights whose outputs, from the inputs that the quantized network gives, are those wanted.
//!
//! With the covariance H of what the layer reads and the covariance K of it with what is wanted, both without means (a
//! constant is the bias' concern), weights w of one output have the error
//!
//! ```text
//! E (y - w x)^2 = E y^2 - 2 w K + w H w'
//! ```
//!
//! To this a ridge |w - w0|^2 is added, which holds the weights near those of the float network where the pictures say
//! little. The real weights that minimize it, w* = (K + ridge w0) (H + ridge)^-1, are the target, and codes q cost
//! (w* - q) (H + ridge) (w* - q)' more.

use super::moments::Statistics;
use crate::float::{Factor, times};

/// How often a covariance that cannot be factored gets a ten times larger ridge.
const TRIES: usize = 8;

/// The problem of all outputs of one group. Inputs are in ascending order of their variance, of equal ones the later one
/// first.
pub(super) struct Problem {
    /// Inputs.
    pub depth: usize,
    /// Place of each input in the layer's own order.
    pub order: Vec<usize>,
    /// The ridge, in units of the metric.
    ridge: f64,
    /// H and the ridge, `[depth, depth]`.
    pub metric: Vec<f64>,
    /// Its factor.
    pub factor: Factor,
    /// w*, `[outputs, depth]`.
    pub target: Vec<f64>,
    /// The right-hand side w* M, which is K and the ridge times w0.
    right: Vec<f64>,
}

impl Problem {
    /// The problem of a layer with float weights `own`, `[outputs, depth]`; the ridge is a share of the mean variance.
    /// `None` if nothing varies, or what varies is not finite.
    pub(super) fn new(statistics: &Statistics, own: &[f32], ridge: f64) -> Option<Self> {
        let depth = statistics.read.len();
        let variance = |i: usize| statistics.covariance[i * depth + i];
        let mean = (0..depth).map(variance).sum::<f64>() / depth as f64;
        if !(mean > 0.0 && mean.is_finite()) {
            return None;
        }
        let mut order: Vec<usize> = (0..depth).collect();
        order.sort_by(|&a, &b| variance(a).total_cmp(&variance(b)).then(b.cmp(&a)));
        let ordered = |row: &[f64]| order.iter().map(|&i| row[i]).collect::<Vec<f64>>();
        let mut metric: Vec<f64> =
            order.iter().flat_map(|&i| ordered(&statistics.covariance[i * depth..][..depth])).collect();
        for attempt in 0..TRIES {
            let ridge = ridge * mean * 10f64.powi(attempt as i32);
            order.iter().enumerate().for_each(|(at, &i)| metric[at * depth + at] = variance(i) + ridge);
            if let Some(factor) = Factor::new(depth, metric.clone()) {
                let rows = statistics.cross.chunks_exact(depth).zip(own.chunks_exact(depth));
                let right = rows.flat_map(|(k, w)| order.iter().map(move |&i| k[i] + ridge * f64::from(w[i])));
                let right: Vec<f64> = right.collect();
                let mut target = right.clone();
                factor.solve_rows(&mut target);
                return Some(Problem { depth, order, ridge, metric, factor, target, right });
            }
        }
        None
    }

    /// w* of an output.
    pub(super) fn target_of(&self, output: usize) -> &[f64] {
        &self.target[output * self.depth..][..self.depth]
    }

    /// w* M of an output.
    pub(super) fn right_of(&self, output: usize) -> &[f64] {
        &self.right[output * self.depth..][..self.depth]
    }

    /// w* M w*' of an output.
    pub(super) fn power_of(&self, output: usize) -> f64 {
        self.target_of(output).iter().zip(self.right_of(output)).map(|(w, r)| w * r).sum()
    }

    /// What [`error`] gives for weights that cost `cost` in all, without a product with the covariance. `own` and `weights`
    /// are in the layer's own order.
    ///
    /// With M = H + ridge and w* M = K + ridge w0, a cost (w* - w) M (w* - w)' is
    /// w* M w*' + w H w' - 2 w K' + ridge (|w - w0|^2 - |w0|^2).
    pub(super) fn error(&self, statistics: &Statistics, own: &[f32], weights: &[f64], cost: f64) -> f64 {
        let power: f64 = (0..self.target.len() / self.depth).map(|output| self.power_of(output)).sum();
        let away = |(&w, &own): (&f64, &f32)| (w - f64::from(own)).powi(2) - f64::from(own).powi(2);
        let held: f64 = weights.iter().zip(own).map(away).sum();
        share(statistics, cost - power - self.ridge * held)
    }

    /// Rows in the layer's own order, from rows in the problem's.
    pub(super) fn in_own_order<T: Copy + Default>(&self, rows: &[T]) -> Vec<T> {
        let mut own = vec![T::default(); rows.len()];
        for (own, row) in own.chunks_exact_mut(self.depth).zip(rows.chunks_exact(self.depth)) {
            self.order.iter().zip(row).for_each(|(&i, &x)| own[i] = x);
        }
        own
    }
}

/// The error of weights `[outputs, depth]`, as a share of the variance of what is wanted.
pub(super) fn error(statistics: &Statistics, weights: &[f64]) -> f64 {
    let depth = statistics.read.len();
    let product = times(weights, &statistics.covariance, depth);
    let own: f64 = weights.iter().zip(&product).map(|(w, hw)| w * hw).sum();
    let cross: f64 = weights.iter().zip(&statistics.cross).map(|(w, k)| w * k).sum();
    share(statistics, own - 2.0 * cross)
}

/// The variance of what is wanted and `rest`, as a share of the former.
fn share(statistics: &Statistics, rest: f64) -> f64 {
    if statistics.power > 0.0 { ((statistics.power + rest) / statistics.power).max(0.0) } else { 0.0 }
}

/// The constant for each output with which the mean is that of what is wanted.
pub(super) fn constants<W: Copy + Into<f64>>(statistics: &Statistics, weights: &[W]) -> Vec<f64> {
    let mean = |row: &[W]| row.iter().zip(&statistics.read).map(|(&w, m)| w.into() * m).sum::<f64>();
    weights
        .chunks_exact(statistics.read.len())
        .zip(&statistics.wanted)
        .map(|(row, wanted)| wanted - mean(row))
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::random::Rng;

    /// Statistics of outputs over inputs that depend on each other, and the float weights.
    pub(in crate::quantize) fn example(seed: u64, depth: usize, outputs: usize) -> (Statistics, Vec<f32>) {
        let mut rng = Rng::new(seed);
        let own: Vec<f32> = (0..outputs * depth).map(|_| rng.uniform(-1.0, 1.0) as f32).collect();
        let rows: Vec<Vec<f64>> = (0..200)
            .map(|_| {
                let common = rng.uniform(-1.0, 1.0);
                (0..depth).map(|i| common + (1 + i % 3) as f64 * rng.uniform(-0.5, 0.5)).collect()
            })
            .collect();
        let mut wanted: Vec<Vec<f64>> = Vec::new();
        for row in &rows {
            let dot = |o: usize| row.iter().zip(&own[o * depth..]).map(|(x, w)| x * f64::from(*w)).sum::<f64>();
            wanted.push((0..outputs).map(|o| dot(o) + 3.0 + rng.uniform(-0.3, 0.3)).collect());
        }
        let mean = |rows: &[Vec<f64>], i: usize| rows.iter().map(|row| row[i]).sum::<f64>() / rows.len() as f64;
        let covariance = |a: &[Vec<f64>], i: usize, b: &[Vec<f64>], j: usize| {
            let (x, y) = (mean(a, i), mean(b, j));
            a.iter().zip(b).map(|(a, b)| (a[i] - x) * (b[j] - y)).sum::<f64>() / a.len() as f64
        };
        let pairs = |n: usize, m: usize| (0..n).flat_map(move |i| (0..m).map(move |j| (i, j)));
        let statistics = Statistics {
            read: (0..depth).map(|i| mean(&rows, i)).collect(),
            wanted: (0..outputs).map(|o| mean(&wanted, o)).collect(),
            power: (0..outputs).map(|o| covariance(&wanted, o, &wanted, o)).sum(),
            covariance: pairs(depth, depth).map(|(i, j)| covariance(&rows, i, &rows, j)).collect(),
            cross: pairs(outputs, depth).map(|(o, i)| covariance(&wanted, o, &rows, i)).collect(),
        };
        (statistics, own)
    }

    #[test]
    fn no_small_change_improves_the_target() {
        let (statistics, own) = example(3, 7, 4);
        let problem = Problem::new(&statistics, &own, 0.05).unwrap();
        let ridge = problem.metric[0] - statistics.covariance[problem.order[0] * 8];
        let cost = |w: &[f64]| {
            let away: f64 = w.iter().zip(&own).map(|(w, o)| (w - f64::from(*o)).powi(2)).sum();
            error(&statistics, w) * statistics.power + ridge * away
        };
        let target = problem.in_own_order(&problem.target);
        let least = cost(&target);
        for at in 0..target.len() {
            for step in [-1e-3, 1e-3] {
                let mut other = target.clone();
                other[at] += step;
                assert!(cost(&other) > least);
            }
        }
        assert!(
            error(&statistics, &target) < error(&statistics, &own.iter().map(|&w| f64::from(w)).collect::<Vec<_>>())
        );
        let variances: Vec<f64> = (0..7).map(|i| problem.metric[i * 8]).collect();
        assert!(variances.is_sorted(), "{variances:?}");
    }

    #[test]
    fn a_cost_tells_the_error() {
        let (statistics, own) = example(6, 7, 4);
        let problem = Problem::new(&statistics, &own, 0.05).unwrap();
        let target = problem.in_own_order(&problem.target);
        assert!((problem.error(&statistics, &own, &target, 0.0) - error(&statistics, &target)).abs() < 1e-12);
        let rounded: Vec<f64> = target.iter().map(|w| (4.0 * w).round() / 4.0).collect();
        let e: Vec<f64> = (0..28).map(|at| problem.target[at] - rounded[at / 7 * 7 + problem.order[at % 7]]).collect();
        let cost = e.iter().zip(times(&e, &problem.metric, 7)).map(|(e, g)| e * g).sum();
        let (found, expected) = (problem.error(&statistics, &own, &rounded, cost), error(&statistics, &rounded));
        assert!(expected > 0.01 && (found - expected).abs() < 1e-12, "{found} {expected}");
    }

    #[test]
    fn constants_give_the_mean_that_is_wanted() {
        let (statistics, own) = example(4, 5, 3);
        let weights: Vec<f64> = own.iter().map(|&w| f64::from(w) * 0.5).collect();
        for (o, constant) in constants(&statistics, &weights).into_iter().enumerate() {
            let mean: f64 = (0..5).map(|i| weights[o * 5 + i] * statistics.read[i]).sum::<f64>() + constant;
            assert!((mean - statistics.wanted[o]).abs() < 1e-12);
        }
    }

    #[test]
    fn what_never_varies_has_no_problem_and_a_singular_one_is_solved() {
        let (mut statistics, own) = example(5, 6, 2);
        // The second input copies the first.
        (0..6).for_each(|j| statistics.covariance[6 + j] = statistics.covariance[j]);
        (0..6).for_each(|i| statistics.covariance[i * 6 + 1] = statistics.covariance[i * 6]);
        let problem = Problem::new(&statistics, &own, 0.0);
        assert!(problem.is_none_or(|p| p.target.iter().all(|w| w.is_finite())));
        assert!(Problem::new(&statistics, &own, 1e-9).unwrap().target.iter().all(|w| w.is_finite()));
        statistics.covariance.fill(0.0);
        assert!(Problem::new(&statistics, &own, 0.01).is_none());
        statistics.covariance.fill(f64::NAN);
        assert!(Problem::new(&statistics, &own, 0.01).is_none());
    }
}
