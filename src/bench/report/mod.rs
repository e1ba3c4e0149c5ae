//! What a benchmark found, as data: the JSON that `lq-infer bench` writes and reads. Times are seconds, rates are per second,
//! sizes are bytes. Fields are only added within a version of the schema.

mod file;
mod stats;

use serde::{Deserialize, Serialize};

/// Version of this schema.
pub const SCHEMA: u32 = 1;

/// One run of `lq-infer bench` on one machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Version of lq-infer.
    pub version: String,
    /// SHA-256 of all shaders' text, in hex.
    pub shaders: String,
    /// When the run began: UTC, RFC 3339.
    pub began: String,
    /// Whether it was asked to be short; its figures are rougher.
    pub quick: bool,
    /// Whether it got to its end; a run that was interrupted holds the cells that were done.
    pub complete: bool,
    pub host: Host,
    pub devices: Vec<Device>,
    pub cells: Vec<Cell>,
}

/// The machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// Name and version of the system.
    pub os: String,
    /// Its processor architecture ("x86_64").
    pub architecture: String,
    /// Name of the processor.
    pub cpu: String,
    /// Threads that run at once.
    pub threads: usize,
    /// Memory in bytes, where the system tells.
    pub memory: Option<u64>,
}

/// A device that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// The same for the same device and API in every run, whatever else is there.
    pub id: String,
    pub name: String,
    /// "cpu", "vulkan", "metal", "dx12" or "gl".
    pub api: String,
    /// Driver and its version; for a CPU its threads and instructions.
    pub driver: String,
    pub pci_id: Option<String>,
    /// Whether it computes on a processor although it presents itself as a GPU.
    pub software: bool,
    /// 32-bit words that it ANDs, counts and adds per second at best; absent if it could not be opened.
    pub peak_words: Option<f64>,
    /// Why nothing was measured on it, if nothing was.
    pub problem: Option<String>,
}

/// One network on one device at one batch size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Index in [`Report::devices`].
    pub device: usize,
    /// Name of the model, or id of the network of the zoo.
    pub model: String,
    /// SHA-256 of the model's file in hex, "bundled", or "random, seed N" for random parameters.
    pub source: String,
    /// Bits of weights and activations ("2/2"); "mixed" where layers differ.
    pub bits: String,
    /// Input height, width and channels.
    pub input: [usize; 3],
    pub batch: usize,
    pub cold: Option<Cold>,
    pub digest: DigestCheck,
    /// Absent if the digest is wrong or the device failed: then there is no figure to trust.
    pub warm: Option<Warm>,
    /// Why there is no figure, if there is none.
    pub problem: Option<String>,
}

/// A process's first inference, in its parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cold {
    /// Opening and checking the model's file, or making random parameters.
    pub load: f64,
    /// To integers.
    pub lower: f64,
    /// Kernels, weights and memory of the device.
    pub compile: f64,
    /// The first batch.
    pub first_run: f64,
}

/// Whether the device computed the right numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DigestCheck {
    /// SHA-256 of the reference's logits, in hex.
    pub expected: String,
    /// Of this device's; absent if it gave none.
    pub found: Option<String>,
    /// What computed the expected one: "cpu-reference".
    pub against: String,
}

/// Inferences after the first ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Warm {
    /// From the host's pixels to its logits, per batch.
    pub wall: Stats,
    /// By the median wall time.
    pub images_per_second: f64,
    /// Words that the device's probe counted per second, before and after.
    pub probe: [f64; 2],
    /// Why these figures should not be relied on ("the device's clock rose by 12 % meanwhile"); none if they may.
    pub noise: Vec<String>,
}

/// Many measurements of one thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    pub count: usize,
    pub least: f64,
    pub median: f64,
    pub p95: f64,
    pub p99: f64,
    /// By how much the median of another such run may differ, as a fraction of it; see [`Stats::of`].
    pub spread: f64,
}
