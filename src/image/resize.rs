//! Resize and centre crop, equal in every bit to Pillow or OpenCV.
//!
//! Only the samples of the crop are computed, from the filter tables of the whole resized picture, so the result is that of
//! resizing all of it, while the memory is bounded by the crop however long the picture is.

use super::pixels::Pixels;
use super::separable::{Rounding, Separable, rows_of};
use super::taps::{OPENCV_BITS, PILLOW_BITS, Taps};
use crate::error::{Error, Result};
use crate::graph::preprocess::Resize;
use std::collections::VecDeque;
use std::ops::Range;

/// Resizes `pixels` so that the shorter edge becomes `rule.shorter_edge` (or to `rule.stretch`), then crops the centre
/// to `rule.crop`.
///
/// Sizes and crop position are torchvision's (`Resize(int)`, `CenterCrop`); see [`Resize`].
///
/// Of the [filters](crate::graph::preprocess::Filter), `PillowBicubic` and `PillowBilinear` equal `Image.resize(size, BICUBIC)`
/// and `BILINEAR` (Resample.c) of Pillow before 12.2, which always filters rows first. Newer versions filter columns first when a
/// tall picture shrinks (12.2: taller than 100 widths; 13.0: than 2.5 widths), which rounds some samples differently.
/// On other pictures they are equal too.
///
/// `OpencvCubic` equals `cv2.resize(..., interpolation=INTER_CUBIC)` (resize.cpp) on x86-64 with IPP off
/// (`cv2.ipp.setUseIPP(False)`). With IPP, or where OpenCV uses fused multiply-add, its own results differ from that
/// by at most 1 in some samples.
///
/// # Errors
/// [`Error::Usage`] if `pixels.rgb` is not `[height, width, 3]`, and what [`Resize::check`] finds wrong with the rule.
pub fn resize_and_crop(pixels: &Pixels, rule: &Resize) -> Result<Pixels> {
    let Pixels { height, width, rgb } = pixels;
    let samples = height.checked_mul(*width).and_then(|n| n.checked_mul(3));
    if samples != Some(rgb.len()) || rgb.is_empty() {
        return Err(Error::Usage(format!("a picture of {height} x {width} pixels cannot have {} bytes", rgb.len())));
    }
    let how = Separable::new([*height, *width], rule)?;
    let mut strip = Strip { pixels, how: &how, top: 0, rows: VecDeque::new() };
    let mut rgb = Vec::with_capacity(how.rows.len() * how.columns.len() * 3);
    for taps in &how.rows {
        strip.cover(taps);
        strip.combine(taps, &mut rgb);
    }
    Ok(Pixels { height: how.rows.len(), width: how.columns.len(), rgb })
}

/// `sum / 2^bits` to the nearest byte. No sum of any filter overflows: weights in absolute value add up to at
/// most 1.25 (Pillow) and 1.375^2 (OpenCV) in units of 2^22, times 255.
fn to_byte(sum: i32, bits: u32) -> i32 {
    ((sum + (1 << (bits - 1))) >> bits).clamp(0, 255)
}

/// The horizontally filtered source rows `top..` that the current output row needs.
struct Strip<'a> {
    pixels: &'a Pixels,
    how: &'a Separable,
    top: usize,
    rows: VecDeque<Vec<i32>>,
}

impl Strip<'_> {
    /// Drops the rows above those of `taps` and adds the missing ones; output rows come from top to bottom.
    fn cover(&mut self, taps: &Taps) {
        let Range { start, end } = rows_of(taps, self.pixels.height);
        let done = start.saturating_sub(self.top).min(self.rows.len());
        self.rows.drain(..done);
        self.top = start;
        for y in start + self.rows.len()..end {
            let row = self.filtered(y);
            self.rows.push_back(row);
        }
    }

    /// Source row `y` as `[columns, 3]`: bytes (Pillow), or sums with 11 fraction bits (OpenCV).
    fn filtered(&self, y: usize) -> Vec<i32> {
        let width = self.pixels.width;
        let row = &self.pixels.rgb[y * width * 3..][..width * 3];
        let mut out = Vec::with_capacity(self.how.columns.len() * 3);
        for taps in &self.how.columns {
            let mut sums = [0i32; 3];
            for (x, weight) in taps.positions(width).zip(&taps.weights) {
                for (sum, sample) in sums.iter_mut().zip(&row[x * 3..][..3]) {
                    *sum += weight * i32::from(*sample);
                }
            }
            out.extend(match self.how.rounding {
                Rounding::Pillow => sums.map(|sum| to_byte(sum, PILLOW_BITS)),
                Rounding::Opencv { .. } => sums,
            });
        }
        out
    }

    /// The filtered row that each tap reads.
    fn taps<'s>(&'s self, taps: &Taps) -> Vec<&'s [i32]> {
        taps.positions(self.pixels.height).map(|y| self.rows[y - self.top].as_slice()).collect()
    }

    /// The vertical pass: appends one output row.
    fn combine(&self, taps: &Taps, out: &mut Vec<u8>) {
        let rows = self.taps(taps);
        let weights = &taps.weights;
        let vector = if let Rounding::Opencv { vector } = self.how.rounding { vector } else { 0 };
        if let ([a, b, c, d], [wa, wb, wc, wd]) = (&rows[..], &weights[..]) {
            let quads = a.iter().zip(*b).zip(c.iter().zip(*d)).take(vector);
            out.extend(quads.map(|((a, b), (c, d))| opencv_vector([*a, *b, *c, *d], [*wa, *wb, *wc, *wd])));
        }
        for x in vector..self.how.columns.len() * 3 {
            let sum = rows.iter().zip(weights).map(|(row, weight)| row[x] * weight).sum();
            out.push(to_byte(sum, self.how.rounding.bits()) as u8);
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
