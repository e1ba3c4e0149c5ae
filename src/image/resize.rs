//! Resize and centre crop, equal in every bit to Pillow or OpenCV.
//!
//! All filters are separable: rows are filtered first, then columns. Only the samples of the crop are computed, from
//! the filter tables of the whole resized picture, so the result is that of resizing all of it, while the memory is
//! bounded by the crop however long the picture is.

use std::collections::VecDeque;
use std::ops::Range;

use super::pixels::Pixels;
use super::taps::{self, OPENCV_BITS, PILLOW_BITS, Taps};
use crate::error::{Error, Result};
use crate::graph::preprocess::{Filter, Resize};

/// Resizes `pixels` so that the shorter edge becomes `rule.shorter_edge` (or to `rule.stretch`), then crops the centre
/// to `rule.crop`.
///
/// Sizes and crop position are torchvision's (`Resize(int)`, `CenterCrop`); see [`Resize`].
///
/// [`Filter::PillowBicubic`] and [`Filter::PillowBilinear`] equal `Image.resize(size, BICUBIC)` and `BILINEAR`
/// (Resample.c) of Pillow before 12.2, which always filters rows first. Newer versions filter columns first when a
/// tall picture shrinks (12.2: taller than 100 widths; 13.0: than 2.5 widths), which rounds some samples differently.
/// On other pictures they are equal too.
///
/// [`Filter::OpencvCubic`] equals `cv2.resize(..., interpolation=INTER_CUBIC)` (resize.cpp) on x86-64 with IPP off
/// (`cv2.ipp.setUseIPP(False)`). With IPP, or where OpenCV uses fused multiply-add, its own results differ from that
/// by at most 1 in some samples.
///
/// # Errors
/// [`Error::Usage`] if `pixels.rgb` is not `[height, width, 3]`, and what [`Resize::check`] finds wrong with the rule.
pub fn resize_and_crop(pixels: &Pixels, rule: &Resize) -> Result<Pixels> {
    check(pixels, rule)?;
    let [crop_height, crop_width] = rule.crop;
    let [resized_height, resized_width] = resized(pixels, rule)?;
    let rows = taps::table(rule.filter, pixels.height, resized_height, centre(resized_height, crop_height));
    let columns = centre(resized_width, crop_width);
    let vertical = Vertical::new(rule.filter, &columns, resized_width);
    let columns = taps::table(rule.filter, pixels.width, resized_width, columns);
    let mut strip = Strip { pixels, columns: &columns, filter: rule.filter, top: 0, rows: VecDeque::new() };
    let mut rgb = Vec::with_capacity(crop_height * crop_width * 3);
    for taps in &rows {
        strip.cover(taps);
        vertical.combine(&strip, taps, &mut rgb);
    }
    Ok(Pixels { height: crop_height, width: crop_width, rgb })
}

fn check(pixels: &Pixels, rule: &Resize) -> Result<()> {
    let Pixels { height, width, rgb } = pixels;
    let samples = height.checked_mul(*width).and_then(|n| n.checked_mul(3));
    if samples != Some(rgb.len()) || rgb.is_empty() {
        return Err(Error::Usage(format!("a picture of {height} x {width} pixels cannot have {} bytes", rgb.len())));
    }
    rule.check().map_err(Error::Usage)
}

/// Height and width of the whole resized picture.
fn resized(pixels: &Pixels, rule: &Resize) -> Result<[usize; 2]> {
    let shorter = pixels.height.min(pixels.width);
    match rule.stretch {
        Some(edges) => Ok(edges),
        None => {
            Ok([scaled(pixels.height, rule.shorter_edge, shorter)?, scaled(pixels.width, rule.shorter_edge, shorter)?])
        }
    }
}

/// `floor(size * edge / shorter)`, which is `edge` itself for the shorter one.
fn scaled(size: usize, edge: usize, shorter: usize) -> Result<usize> {
    let resized = size as u128 * edge as u128 / shorter as u128;
    // Beyond 2^52 neither program has exact coordinates. No decoded picture comes near that.
    let exact = usize::try_from(resized).ok().filter(|_| resized < 1 << 52);
    exact.ok_or_else(|| Error::Usage(format!("an edge of {size} pixels is too long to resize")))
}

/// The centre `crop` of `size` samples; a half is rounded to even, as Python's `round` does.
fn centre(size: usize, crop: usize) -> Range<usize> {
    let margin = size - crop;
    let half = margin / 2;
    let start = half + (margin % 2) * (half % 2);
    start..start + crop
}

/// `sum / 2^bits` to the nearest byte. No sum of any filter overflows: weights in absolute value add up to at
/// most 1.25 (Pillow) and 1.375^2 (OpenCV) in units of 2^22, times 255.
fn to_byte(sum: i32, bits: u32) -> i32 {
    ((sum + (1 << (bits - 1))) >> bits).clamp(0, 255)
}

/// The horizontally filtered source rows `top..` that the current output row needs.
struct Strip<'a> {
    pixels: &'a Pixels,
    columns: &'a [Taps],
    filter: Filter,
    top: usize,
    rows: VecDeque<Vec<i32>>,
}

impl Strip<'_> {
    /// Drops the rows above those of `taps` and adds the missing ones; output rows come from top to bottom.
    fn cover(&mut self, taps: &Taps) {
        let (mut first, mut end) = (self.pixels.height, 0);
        for at in taps.positions(self.pixels.height) {
            (first, end) = (first.min(at), end.max(at + 1));
        }
        let done = first.saturating_sub(self.top).min(self.rows.len());
        self.rows.drain(..done);
        self.top = first;
        for y in first + self.rows.len()..end {
            let row = self.filtered(y);
            self.rows.push_back(row);
        }
    }

    /// Source row `y` as `[columns, 3]`: bytes (Pillow), or sums with 11 fraction bits (OpenCV).
    fn filtered(&self, y: usize) -> Vec<i32> {
        let width = self.pixels.width;
        let row = &self.pixels.rgb[y * width * 3..][..width * 3];
        let mut out = Vec::with_capacity(self.columns.len() * 3);
        for taps in self.columns {
            let mut sums = [0i32; 3];
            for (x, weight) in taps.positions(width).zip(&taps.weights) {
                for (sum, sample) in sums.iter_mut().zip(&row[x * 3..][..3]) {
                    *sum += weight * i32::from(*sample);
                }
            }
            out.extend(match self.filter {
                Filter::PillowBicubic | Filter::PillowBilinear => sums.map(|sum| to_byte(sum, PILLOW_BITS)),
                Filter::OpencvCubic => sums,
            });
        }
        out
    }

    /// The filtered row that each tap reads.
    fn taps<'s>(&'s self, taps: &Taps) -> Vec<&'s [i32]> {
        taps.positions(self.pixels.height).map(|y| self.rows[y - self.top].as_slice()).collect()
    }
}

/// The vertical pass.
struct Vertical {
    /// Samples from the left of the crop that OpenCV computes in f32.
    vector: usize,
    bits: u32,
}

impl Vertical {
    /// OpenCV's vertical pass works on groups of 8 samples in f32, and on the remainder of a resized row in integers.
    fn new(filter: Filter, columns: &Range<usize>, resized_width: usize) -> Self {
        let samples = (columns.end - columns.start) * 3;
        match filter {
            Filter::PillowBicubic | Filter::PillowBilinear => Vertical { vector: 0, bits: PILLOW_BITS },
            Filter::OpencvCubic => {
                let vector = (resized_width * 3 / 8 * 8).saturating_sub(columns.start * 3).min(samples);
                Vertical { vector, bits: 2 * OPENCV_BITS }
            }
        }
    }

    /// Appends one output row.
    fn combine(&self, strip: &Strip, taps: &Taps, out: &mut Vec<u8>) {
        let rows = strip.taps(taps);
        let weights = &taps.weights;
        if let ([a, b, c, d], [wa, wb, wc, wd]) = (&rows[..], &weights[..]) {
            let quads = a.iter().zip(*b).zip(c.iter().zip(*d)).take(self.vector);
            out.extend(quads.map(|((a, b), (c, d))| opencv_vector([*a, *b, *c, *d], [*wa, *wb, *wc, *wd])));
        }
        for x in self.vector..strip.columns.len() * 3 {
            let sum = rows.iter().zip(weights).map(|(row, weight)| row[x] * weight).sum();
            out.push(to_byte(sum, self.bits) as u8);
        }
    }
}

/// `VResizeCubicVec_32s8u` of OpenCV's resize.cpp: the same sum in f32 in this order, a half rounded to even. Rust
/// never fuses the operations, so the rounding is the same on every CPU.
fn opencv_vector(samples: [i32; 4], weights: [i32; 4]) -> u8 {
    let unit = 1.0 / (1 << (2 * OPENCV_BITS)) as f32;
    let [a, b, c, d] = std::array::from_fn(|i| samples[i] as f32 * (weights[i] as f32 * unit));
    // A float cast to u8 saturates.
    (a + (b + (c + d))).round_ties_even() as u8
}
