//! Filter tables: which source samples an output sample is made of, with which integer weights. They are computed with
//! additions, subtractions, multiplications and divisions of f32 and f64 only, which round alike on every CPU.

use std::ops::Range;

use crate::graph::preprocess::Filter;

/// Fraction bits of Pillow's weights: `PRECISION_BITS` of its Resample.c.
pub(crate) const PILLOW_BITS: u32 = 32 - 8 - 2;
/// Fraction bits of OpenCV's weights: `INTER_RESIZE_COEF_BITS` of its resize.cpp.
pub(crate) const OPENCV_BITS: u32 = 11;

/// The weights of the source samples `first`, `first + 1`, ... of one output sample. Positions outside of the source
/// mean the nearest sample inside.
#[derive(Clone, Debug)]
pub(crate) struct Taps {
    pub first: i64,
    pub weights: Vec<i32>,
}

impl Taps {
    /// Source positions of the taps in a source of `len` samples.
    pub(crate) fn positions(&self, len: usize) -> impl Iterator<Item = usize> {
        let last = len as i64 - 1;
        (self.first..).take(self.weights.len()).map(move |at| at.clamp(0, last) as usize)
    }
}

/// Taps of the outputs `window` when `source` samples become `target`.
pub(super) fn table(filter: Filter, source: usize, target: usize, window: Range<usize>) -> Vec<Taps> {
    match filter {
        Filter::PillowBicubic => window.map(|at| pillow(&PILLOW_BICUBIC, source, target, at)).collect(),
        Filter::PillowBilinear => window.map(|at| pillow(&PILLOW_BILINEAR, source, target, at)).collect(),
        Filter::OpencvCubic => window.map(|at| opencv(source, target, at)).collect(),
    }
}

/// A filter of Pillow: a function, and the distance beyond which it is zero.
struct FilterFunction {
    support: f64,
    value: fn(f64) -> f64,
}

const PILLOW_BICUBIC: FilterFunction = FilterFunction { support: 2.0, value: pillow_bicubic };
const PILLOW_BILINEAR: FilterFunction = FilterFunction { support: 1.0, value: pillow_bilinear };

/// `precompute_coeffs` and `normalize_coeffs_8bpc` of Pillow's Resample.c. Casts round towards zero, as in C.
fn pillow(filter: &FilterFunction, source: usize, target: usize, at: usize) -> Taps {
    let scale = source as f64 / target as f64;
    // Shrinking widens the filter, so that every source sample counts.
    let stretch = if scale < 1.0 { 1.0 } else { scale };
    let support = filter.support * stretch;
    let center = (at as f64 + 0.5) * scale;
    let first = ((center - support + 0.5) as i64).max(0);
    let end = ((center + support + 0.5) as i64).min(source as i64);
    let inverse = 1.0 / stretch;
    let real: Vec<f64> = (first..end).map(|x| (filter.value)((x as f64 - center + 0.5) * inverse)).collect();
    let sum: f64 = real.iter().sum();
    let unit = f64::from(1 << PILLOW_BITS);
    let fixed = |w: &f64| {
        let w = if sum == 0.0 { *w } else { w / sum } * unit;
        (if w < 0.0 { w - 0.5 } else { w + 0.5 }) as i32
    };
    Taps { first, weights: real.iter().map(fixed).collect() }
}

/// `bicubic_filter` of Pillow's Resample.c: Keys' cubic with a = -0.5.
fn pillow_bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// `bilinear_filter` of Pillow's Resample.c: a triangle.
fn pillow_bilinear(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 { 1.0 - x } else { 0.0 }
}

/// The table of `cv::resize` in OpenCV's resize.cpp: four taps around the position, which is kept as f32.
fn opencv(source: usize, target: usize, at: usize) -> Taps {
    let scale = 1.0 / (target as f64 / source as f64);
    let position = ((at as f64 + 0.5) * scale - 0.5) as f32;
    let floor = position.floor();
    let unit = (1 << OPENCV_BITS) as f32;
    let weights = opencv_cubic(position - floor).map(|w| (w * unit).round_ties_even() as i32);
    Taps { first: floor as i64 - 1, weights: weights.to_vec() }
}

/// `interpolateCubic` of OpenCV's resize.cpp: Keys' cubic with a = -0.75; the last weight makes the sum one.
fn opencv_cubic(x: f32) -> [f32; 4] {
    const A: f32 = -0.75;
    let before = ((A * (x + 1.0) - 5.0 * A) * (x + 1.0) + 8.0 * A) * (x + 1.0) - 4.0 * A;
    let left = ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let right = ((A + 2.0) * (1.0 - x) - (A + 3.0)) * (1.0 - x) * (1.0 - x) + 1.0;
    [before, left, right, 1.0 - before - left - right]
}
