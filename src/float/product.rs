//! Products of matrices with the same bits on every machine.
//!
//! Every element of a product is a sum over the depth in its order, in one accumulator. Vectors hold different elements,
//! never parts of one sum, and a product is rounded before it is added (no fused multiply-add), so neither the width of a
//! machine's vectors nor the number of threads changes a result.

// The loop over registers counts with a constant, so that it is unrolled.
#![expect(clippy::needless_range_loop)]

use super::vectors::{InstructionSet, LANES, Number, Vectors, Work};
use rayon::prelude::*;
use std::ops::AddAssign;

/// Most rows of the tile whose sums stay in registers. It has the columns of a vector.
const ROWS: usize = 6;
/// From this many panels of columns on, the left matrix is copied to where its numbers lie side by side. Where its rows are a
/// multiple of 4 KB apart, they would push each other out of the nearest cache.
const OFTEN: usize = 4;
/// Bytes of a panel.
const PANEL: usize = 16384;
/// Rows of a result that one task computes.
const BAND: usize = 8 * ROWS;

/// A matrix within a slice: element (i, j) is number `i * rows + j * columns`.
#[derive(Clone, Copy)]
pub(crate) struct View<'a, T> {
    pub data: &'a [T],
    /// From one row to the next.
    pub rows: usize,
    /// From one column to the next.
    pub columns: usize,
}

impl<'a, T> View<'a, T> {
    /// A matrix whose rows have `width` numbers.
    pub(crate) fn of(data: &'a [T], width: usize) -> Self {
        View { data, rows: width, columns: 1 }
    }

    /// The same numbers with rows and columns exchanged.
    pub(crate) fn transposed(self) -> Self {
        View { rows: self.columns, columns: self.rows, ..self }
    }

    /// What begins with this element.
    fn from(self, row: usize, column: usize) -> Self {
        View { data: &self.data[(row * self.rows + column * self.columns).min(self.data.len())..], ..self }
    }
}

/// Rows, depth and columns of a product.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    pub rows: usize,
    pub depth: usize,
    pub columns: usize,
}

/// Adds `a` times `b` to the matrix `c`, whose rows are `stride` numbers apart, on this thread.
pub(crate) fn add_product<T: Number, C: Copy + AddAssign + From<T>>(
    c: &mut [C],
    stride: usize,
    a: View<T>,
    b: View<T>,
    extent: Extent,
) {
    run(Band { c, stride, a, b, extent, first_column: 0 });
}

/// The same by all threads.
pub(crate) fn add_product_in_parallel<T: Number, C: Copy + AddAssign + From<T> + Send>(
    c: &mut [C],
    stride: usize,
    a: View<T>,
    b: View<T>,
    extent: Extent,
) {
    bands(c, stride, a, b, extent, |_| 0);
}

/// Adds those columns of the product that are not left of the diagonal, rounded down to whole tiles, by all threads.
pub(crate) fn add_upper_product<T: Number, C: Copy + AddAssign + From<T> + Send>(
    c: &mut [C],
    stride: usize,
    a: View<T>,
    b: View<T>,
    extent: Extent,
) {
    bands(c, stride, a, b, extent, |row| row / LANES * LANES);
}

fn bands<T: Number, C: Copy + AddAssign + From<T> + Send>(
    c: &mut [C],
    stride: usize,
    a: View<T>,
    b: View<T>,
    extent: Extent,
    first_column: impl Fn(usize) -> usize + Sync,
) {
    c.par_chunks_mut(BAND * stride).take(extent.rows.div_ceil(BAND)).enumerate().for_each(|(at, c)| {
        let (row, rows) = (at * BAND, BAND.min(extent.rows - at * BAND));
        let (a, extent, first_column) = (a.from(row, 0), Extent { rows, ..extent }, first_column(row));
        run(Band { c, stride, a, b, extent, first_column });
    });
}

/// Some rows of a product, from `first_column` on, which are added to `c`.
struct Band<'a, T, C> {
    c: &'a mut [C],
    stride: usize,
    a: View<'a, T>,
    b: View<'a, T>,
    extent: Extent,
    first_column: usize,
}

/// Uses the widest vectors that this machine has.
fn run<T: Number, C: Copy + AddAssign + From<T>>(band: Band<T, C>) {
    T::run(InstructionSet::best(), band);
}

impl<T: Number, C: Copy + AddAssign + From<T>> Work<T> for Band<'_, T, C> {
    type Output = ();

    /// The depth is taken in pieces whose panels stay in the nearest cache. Between pieces sums are in memory, which changes
    /// nothing in their bits.
    #[inline(always)]
    fn run<S: Vectors<T>>(mut self, s: S) {
        let Extent { rows, depth, columns } = self.extent;
        if rows == 0 {
            return;
        }
        let starts = (self.first_column..columns).step_by(LANES);
        let mut sums = vec![[T::default(); LANES]; starts.len() * rows];
        let piece = PANEL / (LANES * size_of::<T>());
        let (mut panel, mut left) = (vec![[T::default(); LANES]; piece.min(depth)], Vec::new());
        for first in (0..depth).step_by(piece) {
            let panel = &mut panel[..piece.min(depth - first)];
            let a = self.a.from(0, first);
            let a = if starts.len() < OFTEN { a } else { gathered(a, rows, panel.len(), &mut left) };
            for (column, sums) in starts.clone().zip(sums.chunks_exact_mut(rows)) {
                pack(panel, self.b.from(first, column), LANES.min(columns - column));
                add_panel::<T, S>(s, a, panel, sums);
            }
        }
        for (column, sums) in starts.zip(sums.chunks_exact(rows)) {
            self.add(column, sums);
        }
    }
}

impl<T: Number, C: Copy + AddAssign + From<T>> Band<'_, T, C> {
    /// Adds the sums of a panel from `column` on to the result.
    fn add(&mut self, column: usize, sums: &[[T; LANES]]) {
        let width = LANES.min(self.extent.columns - column);
        for (c, sums) in self.c.chunks_mut(self.stride).zip(sums) {
            c[column..column + width].iter_mut().zip(sums).for_each(|(c, &sum)| *c += C::from(sum));
        }
    }
}

/// The first rows and columns of a matrix, column after column.
fn gathered<'a, T: Number>(a: View<T>, rows: usize, columns: usize, numbers: &'a mut Vec<T>) -> View<'a, T> {
    numbers.resize(rows * columns, T::default());
    for (k, to) in numbers.chunks_exact_mut(rows).enumerate() {
        let from = &a.data[k * a.columns..];
        if a.rows == 1 {
            to.copy_from_slice(&from[..rows]);
        } else {
            to.iter_mut().zip(from.iter().step_by(a.rows)).for_each(|(to, &x)| *to = x);
        }
    }
    View { data: numbers, rows: 1, columns: rows }
}

/// The first `width` columns of `b` as a panel, with zeros after the last.
fn pack<T: Number>(panel: &mut [[T; LANES]], b: View<T>, width: usize) {
    for (step, packed) in panel.iter_mut().enumerate() {
        let from = step * b.rows;
        if b.columns == 1 && width == LANES {
            packed.copy_from_slice(&b.data[from..from + LANES]);
        } else {
            let number = |j| if j < width { b.data[from + j * b.columns] } else { T::default() };
            *packed = std::array::from_fn(number);
        }
    }
}

/// Continues the sums of all rows of `a` and a panel of columns.
#[inline(always)]
fn add_panel<T: Number, S: Vectors<T>>(s: S, a: View<T>, panel: &[[T; LANES]], sums: &mut [[T; LANES]]) {
    let mut row = 0;
    while row < sums.len() {
        let (a, sums) = (a.from(row, 0), &mut sums[row..]);
        row += match sums.len() {
            ROWS.. if S::SUMS >= ROWS => tile::<T, S, ROWS>(s, a, panel, sums),
            3.. if S::SUMS >= 3 => tile::<T, S, 3>(s, a, panel, sums),
            2.. => tile::<T, S, 2>(s, a, panel, sums),
            _ => tile::<T, S, 1>(s, a, panel, sums),
        };
    }
}

/// Continues the sums of `M` rows and returns `M`.
#[inline(always)]
fn tile<T: Number, S: Vectors<T>, const M: usize>(
    s: S,
    a: View<T>,
    panel: &[[T; LANES]],
    sums: &mut [[T; LANES]],
) -> usize {
    let last = (M - 1) * a.rows + panel.len().saturating_sub(1) * a.columns;
    assert!(panel.is_empty() || last < a.data.len(), "a row of the left matrix is missing");
    let mut registers = [[s.splat(T::default()); 1]; M];
    for m in 0..M {
        registers[m][0] = s.read(&sums[m]);
    }
    for (step, b) in panel.iter().enumerate() {
        let b = s.read(b);
        for m in 0..M {
            // SAFETY: `m < M` and `step < panel.len()`, so the index is at most `last`, which was checked.
            let x = s.splat(unsafe { *a.data.get_unchecked(m * a.rows + step * a.columns) });
            registers[m][0] = s.add(registers[m][0], s.mul(x, b));
        }
    }
    for (sums, [done]) in sums.iter_mut().zip(s.arrays(&registers)) {
        *sums = done;
    }
    M
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Rng;

    fn numbers<T: From<f32>>(count: usize, seed: u64) -> Vec<T> {
        let mut rng = Rng::new(seed);
        (0..count).map(|_| T::from(rng.uniform(-1.0, 1.0) as f32)).collect()
    }

    /// The definition: one accumulator per element, in the order of the depth.
    fn by_hand<T: Number>(a: View<T>, b: View<T>, e: Extent) -> Vec<T> {
        let element = |i: usize, j: usize| {
            let term = |k: usize| a.data[i * a.rows + k * a.columns] * b.data[k * b.rows + j * b.columns];
            (0..e.depth).fold(T::default(), |sum, k| sum + term(k))
        };
        (0..e.rows).flat_map(|i| (0..e.columns).map(move |j| (i, j))).map(|(i, j)| element(i, j)).collect()
    }

    /// Matrices both ways round, with the extent of their product.
    fn check_all<T: Number + From<f32>>(check: impl Fn(View<T>, View<T>, Extent)) {
        for extent in [[1, 1, 1], [6, 5, 16], [7, 3, 17], [50, 40, 33], [103, 9, 5], [50, 300, 70], [3, 600, 100]] {
            let [rows, depth, columns] = extent;
            let extent = Extent { rows, depth, columns };
            let (a, b) = (numbers(rows * depth, 1), numbers(depth * columns, 2));
            check(View::of(&a, depth), View::of(&b, columns), extent);
            check(View::of(&a, rows).transposed(), View::of(&b, depth).transposed(), extent);
        }
    }

    fn every_instruction_set<T: Number + From<f32> + AddAssign + std::fmt::Debug>() {
        check_all(|a: View<T>, b: View<T>, extent| {
            let stride = extent.columns + 3;
            let before: Vec<T> = numbers(extent.rows * stride, 3);
            let mut expected = before.clone();
            for (row, sums) in expected.chunks_mut(stride).zip(by_hand(a, b, extent).chunks(extent.columns)) {
                row.iter_mut().zip(sums).for_each(|(c, &sum)| *c += sum);
            }
            for set in InstructionSet::all() {
                let mut found = before.clone();
                T::run(set, Band { c: &mut found, stride, a, b, extent, first_column: 0 });
                assert_eq!(found, expected, "{}", set.name());
            }
        });
    }

    #[test]
    fn products_have_the_bits_of_plain_loops_with_every_instruction_set() {
        every_instruction_set::<f32>();
        every_instruction_set::<f64>();
    }

    #[test]
    fn threads_share_products() {
        check_all(|a: View<f32>, b: View<f32>, extent| {
            let expected = by_hand(a, b, extent);
            let zeros = vec![0f32; expected.len()];
            let (mut alone, mut shared, mut upper) = (zeros.clone(), zeros, vec![0f64; expected.len()]);
            add_product(&mut alone, extent.columns, a, b, extent);
            add_product_in_parallel(&mut shared, extent.columns, a, b, extent);
            add_upper_product(&mut upper, extent.columns, a, b, extent);
            assert_eq!(alone, expected);
            assert_eq!(shared, expected);
            for (at, (&upper, &expected)) in upper.iter().zip(&expected).enumerate() {
                let (row, column) = (at / extent.columns, at % extent.columns);
                assert!(column < row || upper == f64::from(expected), "row {row}, column {column}");
            }
        });
    }
}
