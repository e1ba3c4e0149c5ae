//! Linear algebra in float64: Cholesky's factorization and what is solved with it.

use super::product::{Extent, View, add_product_in_parallel, add_upper_product};
use rayon::prelude::*;
use std::ops::Range;

/// Columns that are factored before the rest of the matrix is updated.
const BLOCK: usize = 48;

/// A symmetric matrix H = L L' of positive pivots, as its transposed factor: row i holds L[j][i] for j >= i.
pub(crate) struct Factor {
    pub order: usize,
    /// `[order, order]`; what is left of the diagonal is unspecified.
    pub upper: Vec<f64>,
}

impl Factor {
    /// Factors the matrix whose upper triangle is in `matrix`, `[order, order]`. `None` if a pivot is not positive.
    ///
    /// With R = L' this is H = R' R, by blocks of rows: the rows of a block are divided by its own factor, then the rest
    /// of the matrix loses what they explain.
    pub(crate) fn new(order: usize, mut matrix: Vec<f64>) -> Option<Self> {
        for first in (0..order).step_by(BLOCK) {
            let block = BLOCK.min(order - first);
            let (head, rest) = matrix.split_at_mut((first + block) * order);
            let rows = &mut head[first * order..];
            factor_rows(rows, order, first, block)?;
            let after = order - first - block;
            if after == 0 {
                break;
            }
            let right: Vec<f64> = rows.chunks(order).flat_map(|row| &row[first + block..]).copied().collect();
            let left: Vec<f64> = right.iter().map(|x| -x).collect();
            let extent = Extent { rows: after, depth: block, columns: after };
            let (left, right) = (View::of(&left, after).transposed(), View::of(&right, after));
            add_upper_product(&mut rest[first + block..], order, left, right, extent);
        }
        Some(Factor { order, upper: matrix })
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.upper[i * self.order..][..self.order]
    }

    /// Solves X H = B for the rows of B, `[rows, order]`, in place: first Y L' = B, then X L = Y. Once a block of columns is
    /// solved, one product of matrices takes what it contributes from the other columns of all rows.
    pub(crate) fn solve_rows(&self, b: &mut [f64]) {
        let order = self.order;
        let rows = b.len() / order.max(1);
        let block_at = |first: usize| first..order.min(first + BLOCK);
        for at in (0..order).step_by(BLOCK).map(block_at) {
            let solved = self.solve_block(b, &at, |x| self.solve_forward(&at, x));
            let after = View::of(&self.upper[at.start * order + at.end..], order);
            let extent = Extent { rows, depth: at.len(), columns: order - at.end };
            add_product_in_parallel(&mut b[at.end..], order, View::of(&solved, at.len()), after, extent);
        }
        for at in (0..order).step_by(BLOCK).rev().map(block_at) {
            let solved = self.solve_block(b, &at, |x| self.solve_backward(&at, x));
            let before = View::of(&self.upper[at.start..], order).transposed();
            let extent = Extent { rows, depth: at.len(), columns: at.start };
            add_product_in_parallel(b, order, View::of(&solved, at.len()), before, extent);
        }
    }

    /// Solves the numbers of a block in all rows, and gives them with the other sign.
    fn solve_block(&self, b: &mut [f64], at: &Range<usize>, solve: impl Fn(&mut [f64]) + Sync) -> Vec<f64> {
        let mut solved = vec![0.0; b.len() / self.order * at.len()];
        b.par_chunks_exact_mut(self.order).zip(solved.par_chunks_exact_mut(at.len())).for_each(|(row, solved)| {
            let x = &mut row[at.clone()];
            solve(x);
            solved.iter_mut().zip(x).for_each(|(solved, x)| *solved = -*x);
        });
        solved
    }

    /// Solves y L' = x for the block `at` alone, in place.
    fn solve_forward(&self, at: &Range<usize>, x: &mut [f64]) {
        for i in 0..x.len() {
            let row = &self.row(at.start + i)[at.clone()];
            x[i] /= row[i];
            let solved = x[i];
            x[i + 1..].iter_mut().zip(&row[i + 1..]).for_each(|(x, l)| *x -= solved * l);
        }
    }

    /// Solves y L = x for the block `at` alone, in place.
    fn solve_backward(&self, at: &Range<usize>, x: &mut [f64]) {
        for i in (0..x.len()).rev() {
            let row = &self.row(at.start + i)[at.clone()];
            let known: f64 = x[i + 1..].iter().zip(&row[i + 1..]).map(|(x, l)| x * l).sum();
            x[i] = (x[i] - known) / row[i];
        }
    }
}

/// Factors the rows `first..first + block` of a matrix, of which `rows` starts with the first.
fn factor_rows(rows: &mut [f64], order: usize, first: usize, block: usize) -> Option<()> {
    for i in 0..block {
        let (done, row) = rows.split_at_mut(i * order);
        let row = &mut row[first + i..order];
        for done in done.chunks(order) {
            let factor = done[first + i];
            row.iter_mut().zip(&done[first + i..]).for_each(|(x, d)| *x -= factor * d);
        }
        let pivot = row[0];
        if !(pivot > 0.0 && pivot.is_finite()) {
            return None;
        }
        let root = pivot.sqrt();
        row.iter_mut().for_each(|x| *x /= root);
    }
    Some(())
}

/// Copies the upper triangle of a matrix to the lower one.
pub(crate) fn mirror(matrix: &mut [f64], order: usize) {
    for i in 1..order {
        for j in 0..i {
            matrix[i * order + j] = matrix[j * order + i];
        }
    }
}

/// The rows of `x`, `[rows, order]`, times a symmetric matrix.
pub(crate) fn times(x: &[f64], matrix: &[f64], order: usize) -> Vec<f64> {
    let rows = x.len() / order.max(1);
    let mut result = vec![0.0; x.len()];
    let extent = Extent { rows, depth: order, columns: order };
    add_product_in_parallel(&mut result, order, View::of(x, order), View::of(matrix, order), extent);
    result
}

/// Solves a small symmetric positive system `[n, n]` in place of `b`; `None` if it is singular.
pub(crate) fn solve_small(matrix: &[f64], b: &[f64]) -> Option<Vec<f64>> {
    let factor = Factor::new(b.len(), matrix.to_vec())?;
    let (all, mut x) = (0..b.len(), b.to_vec());
    factor.solve_forward(&all, &mut x);
    factor.solve_backward(&all, &mut x);
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Rng;

    /// A A' + 0.1 for a random A.
    fn positive(order: usize) -> Vec<f64> {
        let mut rng = Rng::new(order as u64);
        let a: Vec<f64> = (0..order * order).map(|_| rng.uniform(-1.0, 1.0)).collect();
        let dot = |i: usize, j: usize| (0..order).map(|k| a[i * order + k] * a[j * order + k]).sum::<f64>();
        let own = |i, j| if i == j { 0.1 } else { 0.0 };
        (0..order * order).map(|at| dot(at / order, at % order) + own(at / order, at % order)).collect()
    }

    #[test]
    fn factors_and_solutions_give_the_matrix_back() {
        for order in [1, 2, 47, 48, 49, 130] {
            let matrix = positive(order);
            let mut upper = matrix.clone();
            (0..order).for_each(|i| upper[i * order..i * order + i].fill(f64::NAN));
            let factor = Factor::new(order, upper).unwrap();
            for i in 0..order {
                for j in i..order {
                    let product: f64 = (0..=i).map(|k| factor.row(k)[i] * factor.row(k)[j]).sum();
                    assert!((product - matrix[i * order + j]).abs() < 1e-9, "order {order}, {i}, {j}");
                }
            }
            for rows in [1, 2, 100] {
                let wanted: Vec<f64> = (0..rows * order).map(|i| (i % 260) as f64 - 3.0).collect();
                let mut rows = times(&wanted, &matrix, order);
                factor.solve_rows(&mut rows);
                rows.iter().zip(&wanted).for_each(|(x, w)| assert!((x - w).abs() < 1e-6, "{x} for {w}"));
            }
        }
    }

    #[test]
    fn a_singular_matrix_has_no_factor() {
        assert!(Factor::new(2, vec![1.0, 1.0, 1.0, 1.0]).is_none());
        assert!(Factor::new(1, vec![f64::NAN]).is_none());
        assert!(solve_small(&[0.0], &[1.0]).is_none());
    }

    #[test]
    fn the_lower_triangle_mirrors_the_upper() {
        let mut matrix = vec![1.0, 2.0, 3.0, 0.0, 4.0, 5.0, 0.0, 0.0, 6.0];
        mirror(&mut matrix, 3);
        assert_eq!(matrix, [1.0, 2.0, 3.0, 2.0, 4.0, 5.0, 3.0, 5.0, 6.0]);
    }
}
