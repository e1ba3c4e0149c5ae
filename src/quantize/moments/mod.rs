//! Means and covariances of what a convolution reads and of what it should give.

mod shifts;

use crate::float::{Extent, Geometry, View, add_product_in_parallel, add_upper_product, mirror};
use rayon::prelude::*;
use shifts::{Shifts, TERMS};

/// Sums over all positions of all pictures, for one group of a convolution.
pub(super) struct Moments {
    geometry: Geometry,
    group: usize,
    count: f64,
    /// Sums of what is read and of what is wanted.
    sums: Vec<f64>,
    /// Sums of squares of what is wanted. There is one for each output so that additions do not wait for each other.
    squares: Vec<f64>,
    /// Absent if only means are asked for.
    products: Option<Products>,
}

/// Sums of products.
struct Products {
    /// Of what is read with itself.
    own: Own,
    /// Of what is read with what is wanted, `[depth, outputs]`.
    cross: Vec<f64>,
}

enum Own {
    /// Pairs of taps share products.
    Shared(Shifts),
    /// Each pair by itself: `[depth, depth]`, of which only the upper triangle counts.
    Each(Vec<f64>),
}

/// What [`Moments`] come to.
pub(super) struct Statistics {
    /// Means of what is read, `[depth]`, and of what is wanted, `[outputs]`.
    pub read: Vec<f64>,
    pub wanted: Vec<f64>,
    /// The sum of the outputs' variances.
    pub power: f64,
    /// The covariance of what is read, `[depth, depth]`, and with what is wanted, `[outputs, depth]`.
    pub covariance: Vec<f64>,
    pub cross: Vec<f64>,
}

impl Moments {
    /// Nothing yet. `whole` asks for covariances.
    pub(super) fn new(geometry: Geometry, group: usize, whole: bool) -> Self {
        let (depth, outputs) = (geometry.depth(), geometry.outputs());
        let each = || Own::Each(vec![0.0; depth * depth]);
        let products = || Products {
            own: Shifts::new(geometry, group).map_or_else(each, Own::Shared),
            cross: vec![0.0; depth * outputs],
        };
        Moments {
            geometry,
            group,
            count: 0.0,
            sums: vec![0.0; depth + outputs],
            squares: vec![0.0; outputs],
            products: whole.then(products),
        }
    }

    /// Adds pictures, of which `read` and `wanted` hold the tensors.
    pub(super) fn add(&mut self, read: &[f32], wanted: &[f32]) {
        if let Some(Products { own: Own::Shared(shifts), .. }) = &mut self.products {
            shifts.add(read);
        }
        let Geometry { from, to, .. } = self.geometry;
        let (depth, outputs) = (self.geometry.depth(), self.geometry.outputs());
        let width = depth + outputs;
        let positions = wanted.len() / to.c;
        let mut rows = vec![0f32; TERMS * width];
        for first in (0..positions).step_by(TERMS) {
            let rows = &mut rows[..TERMS.min(positions - first) * width];
            rows.par_chunks_mut(width).enumerate().for_each(|(at, row)| {
                let position = first + at;
                let picture = &read[position / to.pixels() * from.elements()..][..from.elements()];
                self.geometry.fill(picture, self.group, position % to.pixels(), row, width);
                row[depth..].copy_from_slice(&wanted[position * to.c + self.group * outputs..][..outputs]);
            });
            self.add_rows(rows, width);
        }
    }

    /// Adds positions, each with what is read and what is wanted.
    fn add_rows(&mut self, rows: &[f32], width: usize) {
        let (depth, outputs) = (self.geometry.depth(), self.geometry.outputs());
        for row in rows.chunks_exact(width) {
            self.sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
            self.squares.iter_mut().zip(&row[depth..]).for_each(|(sum, &y)| *sum += f64::from(y) * f64::from(y));
        }
        let count = rows.len() / width;
        self.count += count as f64;
        if let Some(Products { own, cross }) = &mut self.products {
            let (read, wanted) = (View::of(rows, width), View::of(&rows[depth..], width));
            let extent = |columns| Extent { rows: depth, depth: count, columns };
            add_product_in_parallel(cross, outputs, read.transposed(), wanted, extent(outputs));
            if let Own::Each(sums) = own {
                add_upper_product(sums, depth, read.transposed(), read, extent(depth));
            }
        }
    }

    /// Means and covariances.
    pub(super) fn finish(self) -> Statistics {
        let depth = self.geometry.depth();
        let means: Vec<f64> = self.sums.iter().map(|sum| sum / self.count).collect();
        let (read, wanted) = means.split_at(depth);
        let (mut covariance, mut cross) = (Vec::new(), Vec::new());
        if let Some(Products { own, cross: products }) = self.products {
            covariance = match own {
                Own::Shared(shifts) => shifts.finish(),
                Own::Each(sums) => sums,
            };
            for (row, &mean) in covariance.chunks_exact_mut(depth).zip(read) {
                row.iter_mut().zip(read).for_each(|(product, other)| *product = *product / self.count - mean * other);
            }
            mirror(&mut covariance, depth);
            let centred = |j: usize, i: usize| products[i * wanted.len() + j] / self.count - read[i] * wanted[j];
            cross =
                (0..wanted.len()).flat_map(|j| (0..depth).map(move |i| (j, i))).map(|(j, i)| centred(j, i)).collect();
        }
        let squares = self.squares.iter().sum::<f64>() / self.count;
        let power = squares - wanted.iter().map(|m| m * m).sum::<f64>();
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
        let sparse = Window { dilation: [2, 1], ..Window::padded(3, 1, 2) };
        let oblong = Window { kernel: [2, 5], before: [0, 3], after: [1, 2], ..Window::padded(1, 1, 0) };
        // Window, input, groups, and whether pairs of taps share products.
        for (window, [h, w, c], groups, shared) in [
            (Window::padded(3, 1, 1), [7, 6, 50], 1, true),
            (Window::padded(3, 1, 1), [4, 4, 16], 2, true),
            (Window::padded(3, 1, 0), [4, 5, 8], 1, true),
            (sparse, [6, 5, 16], 2, true),
            (oblong, [3, 4, 16], 2, true),
            (Window::padded(3, 2, 1), [5, 4, 16], 2, true),
            (Window::padded(3, 2, 1), [32, 30, 8], 1, false),
            (Window::padded(2, 3, 0), [5, 8, 8], 1, false),
            (Window::padded(3, 1, 1), [5, 4, 4], 4, false),
            (Window::padded(1, 2, 0), [5, 4, 8], 1, false),
            (Window::padded(3, 1, 1), [1, 1, 8], 1, false),
            (Window::padded(3, 1, 0), [3, 3, 8], 1, false),
        ] {
            let from = Shape { h, w, c };
            let [h, w] = window.output([h, w]).unwrap();
            let geometry = Geometry { from, to: Shape { h, w, c: 8 }, window, groups };
            assert_eq!(Shifts::new(geometry, 0).is_some(), shared, "{window} of {from}");
            check(geometry);
        }
    }

    fn check(geometry: Geometry) {
        let Geometry { from, to, window, groups } = geometry;
        let (inputs, outputs, depth) = (geometry.inputs(), geometry.outputs(), geometry.depth());
        let mut rng = Rng::new(1);
        let mut random = |count| (0..count).map(|_| rng.uniform(-1.0, 2.0) as f32).collect::<Vec<f32>>();
        let pictures = 12;
        let (read, wanted) = (random(pictures * from.elements()), random(pictures * to.elements()));
        for group in 0..groups {
            let mut moments = Moments::new(geometry, group, true);
            moments.add(&read[..7 * from.elements()], &wanted[..7 * to.elements()]);
            moments.add(&read[7 * from.elements()..], &wanted[7 * to.elements()..]);
            let found = moments.finish();
            let mut means = Moments::new(geometry, group, false);
            means.add(&read, &wanted);
            let means = means.finish();
            assert!(means.covariance.is_empty() && means.cross.is_empty());
            assert_eq!((&means.read, &means.wanted, means.power), (&found.read, &found.wanted, found.power));
            // Every row by itself, then sums in float64.
            let mut rows: Vec<Vec<f64>> = Vec::new();
            for (picture, pixel) in (0..pictures).flat_map(|p| (0..to.pixels()).map(move |x| (p, x))) {
                let mut row = vec![0.0; depth];
                for (at, tap) in window.inside(from, pixel / to.w, pixel % to.w) {
                    for c in 0..inputs {
                        row[tap * inputs + c] =
                            f64::from(read[(picture * from.pixels() + at) * from.c + group * inputs + c]);
                    }
                }
                let wanted = &wanted[(picture * to.pixels() + pixel) * to.c + group * outputs..][..outputs];
                row.extend(wanted.iter().map(|&y| f64::from(y)));
                rows.push(row);
            }
            let count = rows.len() as f64;
            let means: Vec<f64> =
                (0..depth + outputs).map(|i| rows.iter().map(|row| row[i]).sum::<f64>() / count).collect();
            let covariance = |i: usize, j: usize| {
                rows.iter().map(|row| (row[i] - means[i]) * (row[j] - means[j])).sum::<f64>() / count
            };
            let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-5, "{a} for {b}, {window}");
            (0..depth).for_each(|i| close(found.read[i], means[i]));
            (0..outputs).for_each(|o| close(found.wanted[o], means[depth + o]));
            for i in 0..depth {
                (0..depth).for_each(|j| close(found.covariance[i * depth + j], covariance(i, j)));
                (0..outputs).for_each(|o| close(found.cross[o * depth + i], covariance(i, depth + o)));
            }
            close(found.power, (depth..depth + outputs).map(|i| covariance(i, i)).sum());
        }
    }
}
