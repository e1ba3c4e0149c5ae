//! What resizing and cropping a picture comes to: which rows and columns of the picture each output sample is made of, with
//! which weights. `resize.rs` follows it on the host, the shaders in `shaders/texture/` on GPUs.

use super::taps::{self, OPENCV_BITS, PILLOW_BITS, Taps};
use crate::error::{Error, Result};
use crate::graph::preprocess::{Filter, Resize};
use std::ops::Range;

/// A resize and crop of pictures of one size. All filters are separable: rows are filtered first, then columns.
#[derive(Clone, Debug)]
pub(crate) struct Separable {
    /// Height and width of the picture.
    pub source: [usize; 2],
    /// For each column of the crop the columns of the picture.
    pub columns: Vec<Taps>,
    /// For each row of the crop the rows of the picture.
    pub rows: Vec<Taps>,
    /// What is rounded, and when.
    pub rounding: Rounding,
}

/// What becomes of sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// Sums with [`PILLOW_BITS`] fraction bits are rounded to bytes in both directions.
    Pillow,
    /// Sums with [`OPENCV_BITS`] fraction bits are left as they are along rows; the sums along columns of the first
    /// `vector` samples of a row are computed in f32, the others in integers.
    Opencv {
        /// Samples, three for each pixel.
        vector: usize,
    },
}

impl Rounding {
    /// Fraction bits of what is rounded to bytes in the end.
    pub(crate) fn bits(self) -> u32 {
        match self {
            Rounding::Pillow => PILLOW_BITS,
            Rounding::Opencv { .. } => 2 * OPENCV_BITS,
        }
    }
}

impl Separable {
    /// That of `rule` for pictures of `height` x `width`. Sizes and crop position are torchvision's (`Resize(int)`,
    /// `CenterCrop`); see [`Resize`].
    ///
    /// # Errors
    /// [`Error::Usage`] if the picture is empty or too long, and what [`Resize::check`] finds wrong with the rule.
    pub(crate) fn new(source: [usize; 2], rule: &Resize) -> Result<Self> {
        rule.check().map_err(Error::Usage)?;
        let [crop_height, crop_width] = rule.crop;
        let [height, width] = resized(source, rule)?;
        let columns = centre(width, crop_width);
        let rounding = match rule.filter {
            Filter::PillowBicubic | Filter::PillowBilinear => Rounding::Pillow,
            // OpenCV's vertical pass works on groups of 8 samples in f32, and on the remainder of a resized row in
            // integers.
            Filter::OpencvCubic => {
                Rounding::Opencv { vector: (width * 3 / 8 * 8).saturating_sub(columns.start * 3).min(crop_width * 3) }
            }
        };
        Ok(Separable {
            source,
            columns: taps::table(rule.filter, source[1], width, columns),
            rows: taps::table(rule.filter, source[0], height, centre(height, crop_height)),
            rounding,
        })
    }

    /// Pictures of `height` x `width` as they are.
    pub(crate) fn as_is(source: [usize; 2]) -> Self {
        let [rows, columns] = source.map(|length| {
            (0..length).map(|at| Taps { first: at as i64, weights: vec![1 << PILLOW_BITS] }).collect::<Vec<Taps>>()
        });
        Separable { source, columns, rows, rounding: Rounding::Pillow }
    }

    /// The rows of the picture that some row of the crop needs.
    pub(crate) fn needed_rows(&self) -> Range<usize> {
        let all = || self.rows.iter().map(|taps| rows_of(taps, self.source[0]));
        let first = all().map(|rows| rows.start).min().unwrap_or(0);
        first..all().map(|rows| rows.end).max().unwrap_or(first)
    }
}

/// The rows that `taps` read, of a picture of `height` rows.
pub(super) fn rows_of(taps: &Taps, height: usize) -> Range<usize> {
    let (mut first, mut end) = (height, 0);
    for at in taps.positions(height) {
        (first, end) = (first.min(at), end.max(at + 1));
    }
    first..end
}

/// Height and width of the whole resized picture.
fn resized([height, width]: [usize; 2], rule: &Resize) -> Result<[usize; 2]> {
    let shorter = height.min(width);
    if shorter == 0 {
        return Err(Error::Usage(format!("a picture of {height} x {width} pixels is empty")));
    }
    match rule.stretch {
        Some(edges) => Ok(edges),
        None => Ok([scaled(height, rule.shorter_edge, shorter)?, scaled(width, rule.shorter_edge, shorter)?]),
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
