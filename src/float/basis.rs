//! The basis with the least squared error for codes that are given: one half of quantization error minimization (LQ-Nets
//! section 3.3, algorithm 1).
//!
//! With coefficients b (the bits of a code, 0 or 1, or -1 or 1) the error of numbers x is sum (x - v'b)^2, so the basis v
//! solves (sum b b') v = sum x b. All numbers with the same code have the same b, so their count and sum are enough.

use super::linear::solve_small;

/// The equations of a basis.
pub(crate) struct BasisFit {
    /// What a clear bit means: 0 or -1.
    off: f64,
    matrix: Vec<f64>,
    right: Vec<f64>,
}

impl BasisFit {
    /// Equations without numbers. `hold` is how much a basis is held where it is, in numbers: elements that no number uses
    /// stay.
    pub(crate) fn new(basis: &[f64], off: f64, hold: f64) -> Self {
        let bits = basis.len();
        let matrix = (0..bits * bits).map(|at| if at / bits == at % bits { hold } else { 0.0 }).collect();
        BasisFit { off, matrix, right: basis.iter().map(|v| hold * v).collect() }
    }

    /// Adds `count` numbers of this sum, which have this code.
    pub(crate) fn add(&mut self, code: usize, count: f64, sum: f64) {
        let bits = self.right.len();
        let coefficient = |j: usize| if code >> j & 1 == 1 { 1.0 } else { self.off };
        for i in 0..bits {
            self.right[i] += coefficient(i) * sum;
            (0..bits).for_each(|j| self.matrix[i * bits + j] += coefficient(i) * coefficient(j) * count);
        }
    }

    /// The basis; `None` if the equations have no single solution.
    pub(crate) fn solve(&self) -> Option<Vec<f64>> {
        solve_small(&self.matrix, &self.right).filter(|basis| basis.iter().all(|v| v.is_finite()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
