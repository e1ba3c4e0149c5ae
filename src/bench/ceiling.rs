//! What a device can do at best.

use super::report::Peaks;

/// The limits of a device that launches are compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ceiling {
    /// Its peak rates.
    pub peaks: Peaks,
    /// Seconds of a launch that does almost nothing; 0 if the device cannot time launches.
    pub launch: f64,
}

impl Ceiling {
    /// The better of two measurements of one device. Whatever disturbs a probe makes it slower.
    pub(super) fn best(self, other: Ceiling) -> Ceiling {
        let launches = [self.launch, other.launch].into_iter().filter(|seconds| *seconds > 0.0);
        Ceiling {
            peaks: Peaks {
                words: self.peaks.words.max(other.peaks.words),
                byte_products: self.peaks.byte_products.max(other.peaks.byte_products),
                bytes: self.peaks.bytes.max(other.peaks.bytes),
            },
            launch: launches.reduce(f64::min).unwrap_or(0.0),
        }
    }
}
