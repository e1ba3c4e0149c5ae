//! Means and covariances of what a convolution reads and of what it should give.

use crate::float::{Extent, Geometry, View, add_upper_product, mirror};
use rayon::prelude::*;

/// Rows that are summed in float32 before the sum is added in float64.
const ROWS: usize = 256;

/// Sums over all positions of all pictures, for one group of a convolution.
pub(super) struct Moments {
    geometry: Geometry,
    group: usize,
    count: f64,
    /// Sums of what is read and of what is wanted.
    sums: Vec<f64>,
    /// Sum of squares of what is wanted.
    squares: f64,
    /// `[depth, depth + outputs]`: products of what is read with itself (of which only the upper triangle) and with what
    /// is wanted. Empty if only means are asked for.
    products: Vec<f64>,
}

/// What [`Moments`] come to.
pub(super) struct Statistics {
    /// Means of what is read, `[depth]`, and of what is wanted, `[outputs]`.
    pub read: Vec<f64>,
    pub wanted: Vec<f64>,
    /// Mean variance of what is wanted, all outputs together.
    pub power: f64,
    /// The covariance of what is read, `[depth, depth]`, and with what is wanted, `[outputs, depth]`.
    pub covariance: Vec<f64>,
    pub cross: Vec<f64>,
}

impl Moments {
    /// Nothing yet. `whole` asks for covariances.
    pub(super) fn new(geometry: Geometry, group: usize, whole: bool) -> Self {
        let (depth, outputs) = (geometry.depth(), geometry.outputs());
        let products = if whole { vec![0.0; depth * (depth + outputs)] } else { Vec::new() };
        Moments { geometry, group, count: 0.0, sums: vec![0.0; depth + outputs], squares: 0.0, products }
    }

    /// Adds pictures, of which `read` and `wanted` hold the tensors.
    pub(super) fn add(&mut self, read: &[f32], wanted: &[f32]) {
        let Geometry { from, to, .. } = self.geometry;
        let (depth, outputs) = (self.geometry.depth(), self.geometry.outputs());
        let width = depth + outputs;
        let positions = wanted.len() / to.c;
        let mut rows = vec![0f32; ROWS * width];
        for first in (0..positions).step_by(ROWS) {
            let rows = &mut rows[..ROWS.min(positions - first) * width];
            rows.par_chunks_mut(width).enumerate().for_each(|(at, row)| {
                let position = first + at;
                let picture = &read[position / to.pixels() * from.elements()..][..from.elements()];
                self.geometry.fill(picture, self.group, position % to.pixels(), row, width);
                row[depth..].copy_from_slice(&wanted[position * to.c + self.group * outputs..][..outputs]);
            });
            for row in rows.chunks_exact(width) {
                self.sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
                self.squares += row[depth..].iter().map(|&y| f64::from(y) * f64::from(y)).sum::<f64>();
            }
            self.count += (rows.len() / width) as f64;
            if !self.products.is_empty() {
                let extent = Extent { rows: depth, depth: rows.len() / width, columns: width };
                let rows = View::of(rows, width);
                add_upper_product(&mut self.products, width, rows.transposed(), rows, extent);
            }
        }
    }

    /// Means and covariances.
    pub(super) fn finish(self) -> Statistics {
        let (depth, outputs) = (self.geometry.depth(), self.geometry.outputs());
        let means: Vec<f64> = self.sums.iter().map(|sum| sum / self.count).collect();
        let (read, wanted) = means.split_at(depth);
        let (mut covariance, mut cross) = (Vec::new(), Vec::new());
        if !self.products.is_empty() {
            let width = depth + outputs;
            let centred = |i: usize, j: usize| self.products[i * width + j] / self.count - read[i] * means[j];
            covariance = vec![0.0; depth * depth];
            cross = vec![0.0; outputs * depth];
            for i in 0..depth {
                (i..depth).for_each(|j| covariance[i * depth + j] = centred(i, j));
                (0..outputs).for_each(|j| cross[j * depth + i] = centred(i, depth + j));
            }
            mirror(&mut covariance, depth);
        }
        let power = self.squares / self.count - wanted.iter().map(|m| m * m).sum::<f64>();
        Statistics { power: power.max(0.0), covariance, cross, read: read.to_vec(), wanted: wanted.to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Rng;
    use crate::tensor::{Shape, Window};

    #[test]
    fn statistics_are_those_of_plain_loops() {
        let (from, window, groups) = (Shape { h: 5, w: 4, c: 4 }, Window::padded(3, 2, 1), 2);
        let to = Shape { h: 3, w: 2, c: 6 };
        let geometry = Geometry { from, to, window, groups };
        let mut rng = Rng::new(1);
        let mut random = |count| (0..count).map(|_| rng.uniform(-1.0, 2.0) as f32).collect::<Vec<f32>>();
        let pictures = 60;
        let (read, wanted) = (random(pictures * from.elements()), random(pictures * to.elements()));
        for group in 0..groups {
            let mut moments = Moments::new(geometry, group, true);
            moments.add(&read[..20 * from.elements()], &wanted[..20 * to.elements()]);
            moments.add(&read[20 * from.elements()..], &wanted[20 * to.elements()..]);
            let found = moments.finish();
            // Every row by itself, then sums in float64.
            let mut rows: Vec<Vec<f64>> = Vec::new();
            for (picture, pixel) in (0..pictures).flat_map(|p| (0..to.pixels()).map(move |x| (p, x))) {
                let mut row = vec![0.0; 3 * 3 * 2 + 3];
                for (at, tap) in window.inside(from, pixel / to.w, pixel % to.w) {
                    for c in 0..2 {
                        row[tap * 2 + c] = f64::from(read[(picture * from.pixels() + at) * 4 + group * 2 + c]);
                    }
                }
                (0..3)
                    .for_each(|o| row[18 + o] = f64::from(wanted[(picture * to.pixels() + pixel) * 6 + group * 3 + o]));
                rows.push(row);
            }
            let count = rows.len() as f64;
            let mean = |i: usize| rows.iter().map(|row| row[i]).sum::<f64>() / count;
            let covariance = |i: usize, j: usize| {
                rows.iter().map(|row| (row[i] - mean(i)) * (row[j] - mean(j))).sum::<f64>() / count
            };
            let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-5, "{a} for {b}");
            (0..18).for_each(|i| close(found.read[i], mean(i)));
            for i in 0..18 {
                (0..18).for_each(|j| close(found.covariance[i * 18 + j], covariance(i, j)));
                (0..3).for_each(|o| close(found.cross[o * 18 + i], covariance(i, 18 + o)));
            }
            close(found.power, (18..21).map(|i| covariance(i, i)).sum());
            close(found.wanted[1], mean(19));
        }
    }
}
