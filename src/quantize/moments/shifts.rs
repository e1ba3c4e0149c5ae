//! Second moments of what a convolution's window reads: sums of products of pairs of its inputs.
//!
//! At one position of the window, its taps a and b read the pixels q and q + (b - a). So all pairs of taps at the same
//! distance b - a multiply the same pairs of pixels, except near the edges, where pixels are read by some taps only.
//! Pixels that are read by the same taps form a *region*. For each region and distance there is one sum of products, which
//! counts for every pair of taps that the region has at this distance. A window of 3x3 with stride 1 thus has products for
//! 13 distances instead of 45 pairs of taps.

use crate::float::{Extent, Geometry, View, add_product_in_parallel, add_upper_product};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Products that are summed in float32 before the sum is added in float64.
pub(super) const TERMS: usize = 256;
/// With fewer channels, products would be too small for vectors.
const LEAST_INPUTS: usize = 8;

/// The sums for one group of a convolution.
pub(super) struct Shifts {
    geometry: Geometry,
    group: usize,
    regions: Vec<Region>,
    shifts: Vec<Shift>,
}

/// Pixels and the taps that read them, each as row and column.
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
    /// No sums yet. `None` if pairs of taps have too few products in common for this to be faster.
    pub(super) fn new(geometry: Geometry, group: usize) -> Option<Self> {
        let taps = geometry.window.taps();
        if taps == 1 || geometry.to.pixels() == 1 || geometry.inputs() < LEAST_INPUTS {
            return None;
        }
        let regions = regions(&geometry);
        let (mut found, mut products) = (Vec::new(), 0);
        for distance in distances(&geometry) {
            for (at, region) in regions.iter().enumerate() {
                let has_partner = |&&pixel: &&[usize; 2]| partner(&geometry, pixel, distance).is_some();
                let count = region.pixels.iter().filter(has_partner).count();
                if count > 0 && pairs(&geometry, region, distance).next().is_some() {
                    found.push((at, distance));
                    products += count;
                }
            }
            if found.len() > 2 * taps * taps {
                return None;
            }
        }
        if 3 * products > geometry.to.pixels() * taps * (taps + 1) {
            return None;
        }
        let sums = || vec![0.0; geometry.inputs().pow(2)];
        let shifts = found.into_iter().map(|(region, distance)| Shift { region, distance, sums: sums() }).collect();
        Some(Shifts { geometry, group, regions, shifts })
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

/// All distances of taps. Of a distance and its opposite there is only one, because products are symmetric.
fn distances(geometry: &Geometry) -> impl Iterator<Item = [isize; 2]> {
    let [kh, kw] = geometry.window.kernel.map(|k| k as isize);
    (0..kh).flat_map(move |y| (1 - kw..kw).map(move |x| [y, x])).filter(|&[y, x]| y > 0 || x >= 0)
}

/// The regions of pixels that are read at all.
fn regions(geometry: &Geometry) -> Vec<Region> {
    let Geometry { from, to, window, .. } = geometry;
    let axis = |d: usize, from: usize, to: usize| -> BTreeMap<Vec<usize>, Vec<usize>> {
        let reads = |pixel: usize, tap: usize| (0..to).any(|at| window.source(d, at, tap, from) == Some(pixel));
        let mut by_taps: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for pixel in 0..from {
            let taps: Vec<usize> = (0..window.kernel[d]).filter(|&tap| reads(pixel, tap)).collect();
            if !taps.is_empty() {
                by_taps.entry(taps).or_default().push(pixel);
            }
        }
        by_taps
    };
    let (rows, columns) = (axis(0, from.h, to.h), axis(1, from.w, to.w));
    let both = |y: &[usize], x: &[usize]| y.iter().flat_map(|&y| x.iter().map(move |&x| [y, x])).collect();
    let mut regions = Vec::new();
    for (taps_y, y) in &rows {
        regions.extend(columns.iter().map(|(taps_x, x)| Region { pixels: both(y, x), taps: both(taps_y, taps_x) }));
    }
    regions
}

/// Pairs of tap numbers: one of the region, and the one at a distance from it.
fn pairs(geometry: &Geometry, region: &Region, distance: [isize; 2]) -> impl Iterator<Item = (usize, usize)> {
    let [_, kw] = geometry.window.kernel;
    let number = move |[y, x]: [usize; 2]| y * kw + x;
    let other = move |tap: [usize; 2]| moved(tap, distance, geometry.window.kernel);
    region.taps.iter().filter_map(move |&tap| Some((number(tap), number(other(tap)?))))
}

/// The pixel at a distance of so many taps. Beyond the edges there is padding, whose products are 0.
fn partner(geometry: &Geometry, pixel: [usize; 2], distance: [isize; 2]) -> Option<[usize; 2]> {
    let by = [0, 1].map(|d| distance[d] * geometry.window.dilation[d] as isize);
    moved(pixel, by, [geometry.from.h, geometry.from.w])
}

fn moved([y, x]: [usize; 2], [dy, dx]: [isize; 2], [height, width]: [usize; 2]) -> Option<[usize; 2]> {
    let y = y.checked_add_signed(dy).filter(|&y| y < height)?;
    Some([y, x.checked_add_signed(dx).filter(|&x| x < width)?])
}

impl Shift {
    fn add(&mut self, geometry: &Geometry, group: usize, region: &Region, pictures: &[f32]) {
        let (from, inputs) = (geometry.from, geometry.inputs());
        let start = |[y, x]: [usize; 2]| (y * from.w + x) * from.c + group * inputs;
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for picture in pictures.chunks_exact(from.elements()) {
            for &pixel in &region.pixels {
                if let Some(other) = partner(geometry, pixel, self.distance) {
                    left.extend_from_slice(&picture[start(pixel)..][..inputs]);
                    right.extend_from_slice(&picture[start(other)..][..inputs]);
                }
                if left.len() == TERMS * inputs {
                    self.add_products(&left, &right, inputs);
                    left.clear();
                    right.clear();
                }
            }
        }
        self.add_products(&left, &right, inputs);
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
