//! What an explanation says, as data.

use crate::backend::Clock;
use crate::bench::model::Modelled;
use crate::bench::report::{Device, Float32Baseline, Stats, StepTime};
use serde::{Deserialize, Serialize};

/// The version of an [`Explanation`]'s JSON schema.
pub(super) const SCHEMA: u32 = 1;

/// Where the time of a network goes. Times are in seconds per batch, rates per second, sizes in bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The schema's version, 1. Within one version, fields are only ever added.
    pub schema: u32,
    /// The device.
    pub device: Device,
    /// Name of the model, or id of the network in the zoo.
    pub model: String,
    /// As in [`crate::bench::report::Cell::source`].
    pub source: String,
    /// Bits of weights and activations.
    pub bits: String,
    /// Input height, width and channels.
    pub input: [usize; 3],
    /// Images per batch.
    pub batch: usize,
    /// SHA-256 of the logits, which are right.
    pub digest: String,
    /// Time of whole runs, from pixels on the host to logits on the host.
    pub wall: Stats,
    /// From the median time.
    pub images_per_second: f64,
    /// Reasons to doubt the times; empty if there are none.
    pub noise: Vec<String>,
    /// Why nothing follows from the device's peaks, if so. Then bounds and shares are 0, and there are no sentences.
    #[serde(default)]
    pub doubt: Option<String>,
    /// How the launches were timed.
    pub clock: Clock,
    /// The launches in order.
    pub launches: Vec<Launch>,
    /// The launches grouped by what they compute, and the time outside of launches.
    pub groups: Vec<Group>,
    /// The fraction of the popcount peak that all 3x3 bit convolutions reach together; absent if there are none.
    pub square_share: Option<f64>,
    /// Why the launches that take most of the time are not faster.
    pub remarks: Vec<Remark>,
    /// How long other bit widths would take; empty without bit convolutions.
    pub predictions: Vec<Prediction>,
    /// The float32 baseline on the same device, if that was measured.
    #[serde(rename = "rival")]
    pub float32: Option<Float32Baseline>,
    /// Sentences that say why it is as fast as it is, and what fewer bits would change.
    pub answers: Vec<String>,
    /// What the network would take on other devices, by the model of time. Not derived from the figures; empty unless added.
    #[serde(default)]
    pub modelled: Vec<Modelled>,
}

/// A launch, with what is derived from its figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// Its figures.
    #[serde(flatten)]
    pub step: StepTime,
    /// The least seconds it can take, given what limits it.
    pub least: f64,
    /// Operations per byte of memory: bit operations (an AND and a count for each bit of a word) or products of bytes.
    pub intensity: f64,
}

/// Launches of one sort. If launches take longer when timed one by one than a whole run does, their times are scaled to
/// the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// "bit convolutions", "float layers", "other kernels" or "outside of launches".
    pub name: String,
    /// How many there are.
    pub launches: usize,
    /// Their time.
    pub seconds: f64,
    /// Their time as a fraction of a whole run's.
    pub share: f64,
    /// The least seconds they can take together, scaled as `seconds` is; 0 outside of launches.
    pub least: f64,
}

/// Why a launch is not faster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Remark {
    /// The layer it belongs to.
    pub layer: String,
    /// The name of its kernel.
    pub kernel: String,
    /// Its time.
    pub seconds: f64,
    /// A sentence.
    pub reason: String,
}

/// How long a run would take at other bit widths: the times of bit convolutions are scaled with the product of their
/// planes, and all else stays the same.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Bits of the weights.
    pub weights: usize,
    /// Bits of the activations; absent if these are float and stay so.
    pub activations: Option<usize>,
    /// The predicted time.
    pub seconds: f64,
    /// How many times as fast as the measured run that is.
    pub speedup: f64,
}
