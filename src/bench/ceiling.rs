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
