//! Compares a model's logits with those that a training framework computed from the same inputs.

use crate::backend::Control;
use crate::error::{Error, Result};
use crate::session::{Batch, Net};

/// When logits count as the same.
///
/// Frameworks compute in 32-bit floats, with errors of about 1e-5 of the logits' spread. A number close to a threshold
/// of a quantizer may get another code there than here. An image with such a code may differ by a tenth of the spread
/// without any mistake in the conversion, so a few images may be off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Largest difference of a logit of an image, in units of the expected logits' standard deviation.
    pub relative: f64,
    /// Share of the images that may differ by more.
    pub outliers: f64,
}

impl Default for Tolerance {
    fn default() -> Self {
        Tolerance { relative: 1e-3, outliers: 0.1 }
    }
}

/// How close a model's logits are to the expected ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// Largest difference of a logit, image by image; NaN if either logit is.
    pub differences: Vec<f64>,
    /// Standard deviation of all expected logits: the unit of relative differences.
    pub spread: f64,
    /// Images of which both have the same most probable class.
    pub same_class: usize,
}

impl Agreement {
    /// Compares logits, image by image; `expected` are as many rows.
    fn of(found: &[Vec<f32>], expected: &[f64]) -> Self {
        let classes = found.first().map_or(1, Vec::len).max(1);
        let pairs = || found.iter().zip(expected.chunks_exact(classes));
        let difference = |(found, expected): (&Vec<f32>, &[f64])| {
            let each = found.iter().zip(expected).map(|(&f, e)| (f64::from(f) - e).abs());
            each.fold(0.0, |most: f64, d| if d > most || d.is_nan() { d } else { most })
        };
        let same = |(found, expected): &(&Vec<f32>, &[f64])| {
            let found: Vec<f64> = found.iter().map(|&v| f64::from(v)).collect();
            best(&found) == best(expected)
        };
        Agreement {
            differences: pairs().map(difference).collect(),
            spread: standard_deviation(expected),
            same_class: pairs().filter(same).count(),
        }
    }

    /// The differences in units of the spread.
    pub fn relative(&self) -> impl Iterator<Item = f64> + '_ {
        // Equal logits agree, whatever the unit.
        self.differences.iter().map(|&d| if d == 0.0 { 0.0 } else { d / self.spread })
    }

    /// The image that differs most, and by how much. NaN is most.
    pub fn worst(&self) -> Option<(usize, f64)> {
        self.differences.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// The median of the images' differences.
    pub fn median(&self) -> f64 {
        let mut sorted = self.differences.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
    }

    /// Images that differ by more than `tolerance` allows.
    pub fn beyond(&self, tolerance: Tolerance) -> Vec<usize> {
        let close = |relative: f64| relative <= tolerance.relative;
        self.relative().enumerate().filter(|&(_, r)| !close(r)).map(|(image, _)| image).collect()
    }

    /// Whether no more images than allowed are beyond `tolerance`.
    pub fn holds(&self, tolerance: Tolerance) -> bool {
        self.beyond(tolerance).len() as f64 <= tolerance.outliers * self.differences.len() as f64
    }
}

fn best(logits: &[f64]) -> Option<usize> {
    // The first of equal ones, as for predictions.
    (0..logits.len()).rev().max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
}

fn standard_deviation(numbers: &[f64]) -> f64 {
    let count = numbers.len().max(1) as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    (numbers.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count).sqrt()
}

/// Runs `batch` and compares with `expected`, the logits `[image, class]` of a training framework.
///
/// # Errors
/// [`Error::Usage`] if these are not as many as the network gives, and those of [`Net::logits`].
pub fn compare_logits(net: &Net, batch: &Batch, expected: &[f64]) -> Result<Agreement> {
    let (images, _) = batch.images(net.model())?;
    let classes = net.model().header().graph.classes();
    if images == 0 || expected.len() != images * classes {
        let expected = expected.len();
        return Err(Error::Usage(format!("{expected} logits are expected, but {images} images have {classes} each")));
    }
    Ok(Agreement::of(&net.logits(batch, &Control::default())?, expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_judged_by_their_largest_difference() {
        let expected = [1.0, -1.0, 1.0, -1.0, -1.0, 1.0];
        let agreement = Agreement::of(&[vec![1.0, -1.0], vec![1.25, -0.5], vec![0.5, 1.0]], &expected);
        assert_eq!((agreement.spread, agreement.same_class), (1.0, 3));
        assert_eq!((agreement.worst(), agreement.median()), (Some((2, 1.5)), 0.5));
        let at = |relative, outliers| Tolerance { relative, outliers };
        assert_eq!(agreement.beyond(at(0.5, 0.0)), [2]);
        assert!(agreement.holds(at(0.5, 0.34)) && !agreement.holds(at(0.5, 0.33)) && agreement.holds(at(1.5, 0.0)));
    }

    #[test]
    fn nothing_hides_a_nan_and_equal_logits_agree() {
        let agreement = Agreement::of(&[vec![0.0, 0.0]], &[f64::NAN, 0.0]);
        assert_eq!(agreement.beyond(Tolerance { relative: 1e9, outliers: 0.0 }), [0]);
        let same = Agreement::of(&[vec![2.0, 2.0]], &[2.0, 2.0]);
        assert!(same.holds(Tolerance { relative: 0.0, outliers: 0.0 }) && same.same_class == 1);
    }
}
