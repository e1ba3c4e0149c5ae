//! The basis with the least squared error for codes that are given: one half of quantization error minimization (LQ-Nets
//! section 3.3, algorithm 1).
//!
//! With coefficients b (the bits of a code, 0 or 1, or -1 or 1) the error of numbers x with importance p is
//! sum p (x - v'b)^2, so the basis v solves (sum p b b') v = sum p x b. All numbers with the same code have the same b, so
//! the sums of p and of p x over them are enough, and [`transform`] gives the sums with all products of coefficients at once.

use super::linear::solve_small;

/// The equations of a basis.
pub(crate) struct BasisFit {
    basis: Vec<f64>,
    /// What a clear bit means: 0 or -1.
    off: f64,
    hold: f64,
    /// By code.
    counts: Vec<f64>,
    sums: Vec<f64>,
}

impl BasisFit {
    /// Equations without numbers. `hold` is how much a basis is held where it is, as if by so many numbers: elements that no
    /// number uses stay.
    pub(crate) fn new(basis: &[f64], off: f64, hold: f64) -> Self {
        let zeros = vec![0.0; 1 << basis.len()];
        BasisFit { basis: basis.to_vec(), off, hold, counts: zeros.clone(), sums: zeros }
    }

    /// Adds numbers with this code: the sum of their importance (`count`, if all have 1), and of importance times number.
    pub(crate) fn add(&mut self, code: usize, count: f64, sum: f64) {
        self.counts[code] += count;
        self.sums[code] += sum;
    }

    /// The basis; `None` if the equations have no single solution.
    pub(crate) fn solve(self) -> Option<Vec<f64>> {
        let BasisFit { basis, off, hold, mut counts, mut sums } = self;
        transform(&mut counts, off);
        transform(&mut sums, off);
        let bits = basis.len();
        // The square of a coefficient is 1, but 0 for a clear bit of codes of 0 and 1.
        let square = |i: usize| if off == 0.0 { counts[1 << i] } else { counts[0] };
        let product = |i: usize, j: usize| if i == j { square(i) + hold } else { counts[1 << i | 1 << j] };
        let matrix: Vec<f64> = (0..bits * bits).map(|at| product(at / bits, at % bits)).collect();
        let right: Vec<f64> = basis.iter().enumerate().map(|(i, v)| sums[1 << i] + hold * v).collect();
        solve_small(&matrix, &right).filter(|basis| basis.iter().all(|v| v.is_finite()))
    }
}

/// From a number for each code to the sums, for each set of bits, of the numbers times the product of their coefficients:
/// bit after bit, a pair (clear, set) becomes (clear + set, off clear + set).
fn transform(numbers: &mut [f64], off: f64) {
    let mut half = 1;
    while half < numbers.len() {
        for pair in numbers.chunks_exact_mut(2 * half) {
            let (clear, set) = pair.split_at_mut(half);
            for (clear, set) in clear.iter_mut().zip(set) {
                (*clear, *set) = (*clear + *set, off * *clear + *set);
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Rng;

    #[test]
    fn transforms_are_sums_over_all_codes() {
        let mut rng = Rng::new(6);
        let numbers: Vec<f64> = (0..16).map(|_| rng.uniform(-1.0, 1.0)).collect();
        for off in [0.0, -1.0] {
            let mut found = numbers.clone();
            transform(&mut found, off);
            for (bits, found) in found.into_iter().enumerate() {
                let coefficient = |code: usize, j: usize| if code >> j & 1 == 1 { 1.0 } else { off };
                let product =
                    |code: usize| (0..4).filter(|j| bits >> j & 1 == 1).map(|j| coefficient(code, j)).product::<f64>();
                let sum: f64 = numbers.iter().enumerate().map(|(code, x)| x * product(code)).sum();
                assert!((found - sum).abs() < 1e-12, "{found} {sum}");
            }
        }
    }

    #[test]
    fn numbers_on_levels_give_their_basis_and_unused_elements_stay() {
        let basis = [0.5, 1.25];
        for off in [0.0, -1.0] {
            let level =
                |code: usize| (0..2).map(|j| basis[j] * if code >> j & 1 == 1 { 1.0 } else { off }).sum::<f64>();
            let mut fit = BasisFit::new(&[9.0, 9.0], off, 1e-9);
            (0..4).for_each(|code| fit.add(code, 3.0, 3.0 * level(code)));
            let found = fit.solve().unwrap();
            found.iter().zip(basis).for_each(|(a, b)| assert!((a - b).abs() < 1e-6, "{found:?}"));
        }
        let mut fit = BasisFit::new(&[1.0, 2.0], 0.0, 1e-3);
        fit.add(1, 10.0, 7.0);
        let found = fit.solve().unwrap();
        assert!((found[0] - 0.7).abs() < 1e-3 && (found[1] - 2.0).abs() < 1e-12, "{found:?}");
        assert!(BasisFit::new(&[1.0], 0.0, 0.0).solve().is_none());
    }
}
