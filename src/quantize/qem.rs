//! Bases by quantization error minimization (LQ-Nets section 3.3, algorithm 1): alternately, each number takes the nearest
//! level, and the basis the least squared error for these codes. Started from several scales, since it only finds a local
//! minimum: the result is the best basis of all steps from all starts.
//!
//! Levels are ranges of sorted numbers, so running sums give what [`BasisFit`] needs of the numbers of each code without a
//! look at each number.

use crate::float::BasisFit;
use crate::graph::Encoding;

/// Most steps from one start.
const STEPS: usize = 24;
/// How much the basis is held where it is, as a share of all importance: elements that no number uses stay.
const HOLD: f64 = 1e-6;
/// Shares of the numbers other than 0 whose size lies below the highest level at the starts.
const CLIPS: [f64; 6] = [0.5, 0.8, 0.9, 0.97, 0.995, 1.0];
/// The highest level at the starts for weights, in root mean squares.
const WIDTHS: [f64; 6] = [0.75, 1.25, 1.75, 2.25, 3.0, 4.0];

/// A basis, in ascending order, and what it costs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fit {
    pub basis: Vec<f32>,
    /// Sum of squared differences.
    pub error: f64,
    /// Sum of squares.
    pub power: f64,
}

impl Fit {
    /// The error as a share of the numbers' squares.
    pub(super) fn relative(&self) -> f64 {
        if self.power > 0.0 { self.error / self.power } else { 0.0 }
    }
}

/// The step that takes at most `most` of `all` numbers. An odd step meets all channels, whose number is even as a rule.
pub(super) fn sample_step(all: usize, most: usize) -> usize {
    all.div_ceil(most) | 1
}

/// The basis of activations.
pub(super) fn of_activations(mut numbers: Vec<f32>, bits: usize, encoding: Encoding) -> Fit {
    numbers.sort_unstable_by(f32::total_cmp);
    let sorted = Sorted::new(numbers.into_iter().map(|x| (f64::from(x), 1.0)));
    let mut sizes: Vec<f64> = sorted.numbers.iter().map(|x| x.abs()).filter(|&x| x > 0.0).collect();
    sizes.sort_unstable_by(f64::total_cmp);
    let at = |clip: f64| sizes.get((clip * (sizes.len().max(1) - 1) as f64) as usize).copied().unwrap_or(1.0);
    let off = if encoding == Encoding::ZeroOne { 0.0 } else { -1.0 };
    sorted.best(bits, off, &CLIPS.map(at))
}

/// The basis of one output channel's weights, each with its importance.
pub(super) fn of_weights(weights: &[f64], importance: &[f64], bits: usize) -> Fit {
    let mut pairs: Vec<(f64, f64)> = weights.iter().copied().zip(importance.iter().copied()).collect();
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let sorted = Sorted::new(pairs.into_iter());
    let deviation = (sorted.power / sorted.importance().max(f64::MIN_POSITIVE)).sqrt();
    let deviation = if deviation > 0.0 { deviation } else { 1e-8 };
    sorted.best(bits, -1.0, &WIDTHS.map(|width| width * deviation))
}

/// Numbers in ascending order with running sums.
struct Sorted {
    numbers: Vec<f64>,
    /// Sums of the importance of the first numbers, and of importance times number; one more than numbers.
    sums: Vec<[f64; 2]>,
    /// Sum of importance times square.
    power: f64,
}

impl Sorted {
    fn new(pairs: impl Iterator<Item = (f64, f64)>) -> Self {
        let mut sorted = Sorted { numbers: Vec::new(), sums: vec![[0.0; 2]], power: 0.0 };
        let mut sum = [0.0; 2];
        for (x, p) in pairs {
            sum = [sum[0] + p, sum[1] + p * x];
            sorted.numbers.push(x);
            sorted.sums.push(sum);
            sorted.power += p * x * x;
        }
        sorted
    }

    fn importance(&self) -> f64 {
        self.sums.last().map_or(0.0, |sum| sum[0])
    }

    /// The best basis from several starts, each with evenly spaced levels up to the given one. `off` is the coefficient
    /// of a clear bit.
    fn best(&self, bits: usize, off: f64, tops: &[f64]) -> Fit {
        let even = |top: f64| (0..bits).map(|j| top * f64::from(1u32 << j) / f64::from((1u32 << bits) - 1)).collect();
        let mut best = (f64::INFINITY, even(1.0));
        for &top in tops {
            self.descend(even(top), off, &mut best);
        }
        let mut basis: Vec<f32> = best.1.iter().map(|&v| v as f32).collect();
        basis.sort_unstable_by(f32::total_cmp);
        Fit { basis, error: best.0.max(0.0), power: self.power }
    }

    /// Steps from a basis until it stays, and keeps the best one of all.
    fn descend(&self, mut basis: Vec<f64>, off: f64, best: &mut (f64, Vec<f64>)) {
        let mut last = f64::INFINITY;
        for _ in 0..STEPS {
            // A negative element would make levels below 0, of which codes of 0 and 1 have none.
            if off == 0.0 && basis.iter().any(|&v| v < 0.0) {
                return;
            }
            let (error, next) = self.step(&basis, off);
            if error < best.0 {
                *best = (error, basis.clone());
            }
            match next {
                Some(next) if error < last * (1.0 - 1e-7) => (last, basis) = (error, next),
                _ => return,
            }
        }
    }

    /// The error of a basis, and the best basis for the codes that it gives.
    fn step(&self, basis: &[f64], off: f64) -> (f64, Option<Vec<f64>>) {
        let levels = levels(basis, off);
        let mut fit = BasisFit::new(basis, off, HOLD * self.importance());
        let (mut error, mut first) = (self.power, 0);
        for (rank, &(value, code)) in levels.iter().enumerate() {
            let end = match levels.get(rank + 1) {
                Some((next, _)) => self.end(first, 0.5 * (value + next)),
                None => self.numbers.len(),
            };
            let [count, sum] = [0, 1].map(|k| self.sums[end][k] - self.sums[first][k]);
            first = end;
            error += value * (count * value - 2.0 * sum);
            fit.add(code, count, sum);
        }
        (error, fit.solve())
    }

    /// The end of the numbers up to `bound`, of which those before `first` are known to be. Looks nearby at first.
    fn end(&self, first: usize, bound: f64) -> usize {
        let rest = &self.numbers[first..];
        let mut reach = 8;
        while reach < rest.len() && rest[reach] <= bound {
            reach *= 4;
        }
        first + rest[..reach.min(rest.len())].partition_point(|&x| x <= bound)
    }
}

/// The levels of a basis with their codes, in ascending order, equal ones in the order of their codes. Each element merges
/// the levels without its bit and those with it.
fn levels(basis: &[f64], off: f64) -> Vec<(f64, usize)> {
    let mut levels = vec![(0.0, 0)];
    for (j, v) in basis.iter().enumerate() {
        let clear: Vec<(f64, usize)> = levels.iter().map(|&(value, code)| (value + off * v, code)).collect();
        let set: Vec<(f64, usize)> = levels.iter().map(|&(value, code)| (value + v, code | 1 << j)).collect();
        levels = merged(&clear, &set);
    }
    levels
}

/// Two ascending lists as one; of equal values, those of `a` come first.
fn merged<'a>(mut a: &'a [(f64, usize)], mut b: &'a [(f64, usize)]) -> Vec<(f64, usize)> {
    let mut all = Vec::with_capacity(a.len() + b.len());
    while let ([x, ..], [y, ..]) = (a, b) {
        let next = if y.0 < x.0 { &mut b } else { &mut a };
        all.push(next[0]);
        *next = &next[1..];
    }
    all.extend_from_slice(a);
    all.extend_from_slice(b);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::Levels;
    use crate::random::Rng;

    /// The error of a basis, number by number.
    fn error(numbers: &[f32], levels: &Levels) -> f64 {
        let nearest = |x: f32| levels.values.iter().map(|v| f64::from(v - x).powi(2)).fold(f64::INFINITY, f64::min);
        numbers.iter().map(|&x| nearest(x)).sum()
    }

    #[test]
    fn no_basis_on_a_fine_grid_is_better() {
        let mut rng = Rng::new(5);
        let numbers: Vec<f32> = (0..400).map(|_| rng.uniform(-1.0, 1.0).powi(3).max(0.0) as f32).collect();
        let fit = of_activations(numbers.clone(), 2, Encoding::ZeroOne);
        let own = error(&numbers, &Levels::of_activations(&fit.basis, Encoding::ZeroOne));
        assert!((own - fit.error).abs() < 1e-4 * own, "{own} {}", fit.error);
        let grid = (1..100).flat_map(|a| (a..100).map(move |b| [a as f32 * 0.01, b as f32 * 0.01]));
        let least = grid.map(|basis| error(&numbers, &Levels::of_activations(&basis, Encoding::ZeroOne)));
        let least = least.fold(f64::INFINITY, f64::min);
        assert!(own < 1.002 * least, "{own} {least}");
        let weights: Vec<f64> = numbers.iter().map(|&x| f64::from(x) - 0.1).collect();
        let fit = of_weights(&weights, &vec![1.0; weights.len()], 2);
        let numbers: Vec<f32> = weights.iter().map(|&x| x as f32).collect();
        let own = error(&numbers, &Levels::of_weights(&fit.basis));
        let grid = (0..100).flat_map(|a| (a..100).map(move |b| [a as f32 * 0.01, b as f32 * 0.01]));
        let least = grid.map(|basis| error(&numbers, &Levels::of_weights(&basis))).fold(f64::INFINITY, f64::min);
        assert!(own < 1.002 * least, "{own} {least}");
    }

    #[test]
    fn levels_are_in_order_and_those_of_their_codes() {
        for off in [0.0, -1.0] {
            for basis in [vec![0.5], vec![0.3, 0.7, 1.1], vec![0.7, 0.3, 0.4], vec![-0.2, 0.5], vec![0.0, 0.0]] {
                let level = |code: usize| -> f64 {
                    basis.iter().enumerate().map(|(j, v)| v * if code >> j & 1 == 1 { 1.0 } else { off }).sum()
                };
                let found = levels(&basis, off);
                assert!(found.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{found:?}");
                assert!(found.iter().all(|&(value, code)| (value - level(code)).abs() < 1e-12), "{found:?}");
                let mut codes: Vec<usize> = found.iter().map(|level| level.1).collect();
                codes.sort_unstable();
                assert!(codes.into_iter().eq(0..1 << basis.len()));
            }
        }
    }

    #[test]
    fn ends_are_found_from_anywhere() {
        let sorted = Sorted::new((0..100).map(|i| (f64::from(i / 3), 1.0)));
        for first in 0..=100 {
            let at = sorted.numbers.get(first).copied().unwrap_or(40.0);
            for bound in [at, at + 0.5, at + 5.0, 50.0] {
                let plain = sorted.numbers.partition_point(|&x| x <= bound);
                assert_eq!(sorted.end(first, bound), plain.max(first));
            }
        }
    }

    #[test]
    fn numbers_on_levels_are_found() {
        let basis = [0.25f32, 0.55, 1.2];
        let values = Levels::of_activations(&basis, Encoding::ZeroOne).values;
        let fit = of_activations(values.repeat(9), 3, Encoding::ZeroOne);
        assert!(fit.relative() < 1e-9, "{fit:?}");
        let pairs = fit.basis.iter().zip(basis);
        pairs.for_each(|(a, b)| assert!((a - b).abs() < 1e-4, "{fit:?}"));
    }

    #[test]
    fn heavier_weights_count_more() {
        let fit = of_weights(&[1.0, 2.0, -1.0, -2.0], &[1.0, 99.0, 1.0, 99.0], 1);
        assert!((fit.basis[0] - 1.99).abs() < 1e-3, "{fit:?}");
    }

    #[test]
    fn odd_numbers_give_a_sound_basis() {
        for numbers in [vec![], vec![0.0; 5], vec![3.0], vec![-1.0, -2.0], vec![f32::MIN_POSITIVE; 3]] {
            for encoding in [Encoding::ZeroOne, Encoding::PlusMinus] {
                let fit = of_activations(numbers.clone(), 3, encoding);
                assert!(fit.basis.iter().all(|v| v.is_finite()) && fit.basis.len() == 3, "{numbers:?} {fit:?}");
            }
        }
        let fit = of_weights(&[0.0; 4], &[0.0; 4], 2);
        assert!(fit.basis.iter().all(|v| v.is_finite()), "{fit:?}");
    }
}
