//! Sums of products of what a convolution reads with itself.
//!
//! At one position of the window, its taps a and b read the pixels q and q + (b - a). So all pairs of taps at the same
//! distance b - a multiply the same pairs of pixels, except near the edges, where pixels are read by some taps only. Pixels
//! that are read by the same taps form a *region*; for each region and distance there is one sum of products, which counts
//! for every pair of taps that the region has at this distance. A window of 3x3 with stride 1 thus has products for 13
//! distances instead of 45 pairs of taps (a, b >= a).

use crate::float::{Extent, Geometry, View, add_product_in_parallel, add_upper_product};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Pairs of pixels whose products are summed in float32 before the sum is added in float64.
const PAIRS: usize = 256;

/// The sums for one group of a convolution.
pub(super) struct Shifts {
    geometry: Geometry,
    group: usize,
    regions: Vec<Region>,
    shifts: Vec<Shift>,
}

/// Pixels (y, x) that are read by the same taps (y, x).
struct Region {
    pixels: Vec<[usize; 2]>,
    taps: Vec<[usize; 2]>,
}

/// The pixels of a region with those at a distance of so many taps.
struct Shift {
    region: usize,
    distance: [isize; 2],
    /// `[inputs, inputs]`: products of the channels of the one pixel and of the other.
    sums: Vec<f64>,
}

impl Shifts {
    pub(super) fn new(geometry: Geometry, group: usize) -> Self {
        let regions = regions(&geometry);
        let [kh, kw] = geometry.window.kernel.map(|k| k as isize);
        // Of a distance and its opposite only one counts, because products are symmetric.
        let distances = (0..kh).flat_map(|y| (1 - kw..kw).map(move |x| [y, x])).filter(|&[y, x]| y > 0 || x >= 0);
        let shift = |distance: [isize; 2]| {
            let region_has = |region: &Region| pairs(&geometry, region, distance).next().is_some();
            let some: Vec<usize> = (0..regions.len()).filter(|&region| region_has(&regions[region])).collect();
            let sums = vec![0.0; geometry.inputs().pow(2)];
            some.into_iter().map(move |region| Shift { region, distance, sums: sums.clone() })
        };
        let shifts = distances.flat_map(shift).collect();
        Shifts { geometry, group, regions, shifts }
    }

    /// Adds pictures.
    pub(super) fn add(&mut self, pictures: &[f32]) {
        let Shifts { geometry, group, regions, shifts } = self;
        shifts.par_iter_mut().for_each(|shift| shift.add(geometry, *group, &regions[shift.region], pictures));
    }

    /// The sums for all pairs of what the window reads, `[depth, depth]`, of which only the upper triangle counts.
    pub(super) fn finish(self) -> Vec<f64> {
        let (inputs, depth) = (self.geometry.inputs(), self.geometry.depth());
        let mut all = vec![0.0; depth * depth];
        for Shift { region, distance, sums } in self.shifts {
            for (a, b) in pairs(&self.geometry, &self.regions[region], distance) {
                let block = all[a * inputs * depth + b * inputs..].chunks_mut(depth);
                for (row, sums) in block.zip(sums.chunks_exact(inputs)) {
                    row.iter_mut().zip(sums).for_each(|(all, sum)| *all += sum);
                }
            }
        }
        all
    }
}

/// Regions of pixels that are read at all.
fn regions(geometry: &Geometry) -> Vec<Region> {
    let Geometry { from, to, window, .. } = geometry;
    let axis = |d: usize, from: usize, to: usize| -> BTreeMap<Vec<usize>, Vec<usize>> {
        let reads = |pixel: usize, tap: usize| (0..to).any(|at| window.source(d, at, tap, from) == Some(pixel));
        let mut by_taps: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for pixel in 0..from {
            let taps = (0..window.kernel[d]).filter(|&tap| reads(pixel, tap)).collect();
            by_taps.entry(taps).or_default().push(pixel);
        }
        by_taps
    };
    let (rows, columns) = (axis(0, from.h, to.h), axis(1, from.w, to.w));
    let both = |y: &[usize], x: &[usize]| y.iter().flat_map(|&y| x.iter().map(move |&x| [y, x])).collect();
    let region = |(taps_y, y): (&Vec<usize>, &Vec<usize>)| {
        columns.iter().map(|(taps_x, x)| Region { pixels: both(y, x), taps: both(taps_y, taps_x) }).collect::<Vec<_>>()
    };
    rows.iter().flat_map(region).collect()
}

/// Numbers of the taps of a region, each with that of the tap at a distance from it.
fn pairs(geometry: &Geometry, region: &Region, distance: [isize; 2]) -> impl Iterator<Item = (usize, usize)> {
    let [kh, kw] = geometry.window.kernel;
    let [dy, dx] = distance;
    region.taps.iter().filter_map(move |&[y, x]| {
        let other_y = y.checked_add_signed(dy).filter(|&y| y < kh)?;
        let other_x = x.checked_add_signed(dx).filter(|&x| x < kw)?;
        Some((y * kw + x, other_y * kw + other_x))
    })
}

impl Shift {
    fn add(&mut self, geometry: &Geometry, group: usize, region: &Region, pictures: &[f32]) {
        let (from, inputs) = (geometry.from, geometry.inputs());
        let [dy, dx] = [0, 1].map(|d| self.distance[d] * geometry.window.dilation[d] as isize);
        let start = |y: usize, x: usize| (y * from.w + x) * from.c + group * inputs;
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for picture in pictures.chunks_exact(from.elements()) {
            for &[y, x] in &region.pixels {
                let other_y = y.checked_add_signed(dy).filter(|&y| y < from.h);
                // Beyond the edge there is padding, whose products are 0.
                if let Some((other_y, other_x)) = other_y.zip(x.checked_add_signed(dx).filter(|&x| x < from.w)) {
                    left.extend_from_slice(&picture[start(y, x)..][..inputs]);
                    right.extend_from_slice(&picture[start(other_y, other_x)..][..inputs]);
                }
                if left.len() == PAIRS * inputs {
                    self.add_products(&left, &right, inputs);
                    left.clear();
                    right.clear();
                }
            }
        }
        if !left.is_empty() {
            self.add_products(&left, &right, inputs);
        }
    }

    fn add_products(&mut self, left: &[f32], right: &[f32], inputs: usize) {
        let extent = Extent { rows: inputs, depth: left.len() / inputs, columns: inputs };
        let (left, right) = (View::of(left, inputs).transposed(), View::of(right, inputs));
        match self.distance {
            [0, 0] => add_upper_product(&mut self.sums, inputs, left, right, extent),
            _ => add_product_in_parallel(&mut self.sums, inputs, left, right, extent),
        }
    }
}
