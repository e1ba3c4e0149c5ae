//! The results of a benchmark as data: the JSON that `lq-infer bench` writes and reads. Times are in seconds, rates per
//! second, and sizes in bytes. Within one version of the schema, fields are only ever added.

mod csv;
#[cfg(test)]
mod docs;
mod file;
#[cfg(test)]
pub(super) mod sample;
mod stats;

pub(super) use csv::{COLUMNS, csv_line, fields};
pub(super) use stats::median_of;

use crate::backend::Clock;
use serde::{Deserialize, Serialize};

/// The version of this schema.
pub const SCHEMA: u32 = 1;

/// One run of `lq-infer bench` on one machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The version of lq-infer.
    pub version: String,
    /// SHA-256 of the text of all shaders, in hex.
    pub shaders: String,
    /// When the run started: UTC, RFC 3339.
    pub began: String,
    /// Whether this was a short run, whose figures are less precise.
    pub quick: bool,
    /// Whether it ran to the end. An interrupted run holds the cells that were finished.
    pub complete: bool,
    /// The machine.
    pub host: Host,
    /// The devices.
    pub devices: Vec<Device>,
    /// The measurements.
    pub cells: Vec<Cell>,
}

/// The machine that a benchmark ran on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// Name and version of the operating system.
    pub os: String,
    /// The processor's architecture ("x86_64").
    pub architecture: String,
    /// The processor's name.
    pub cpu: String,
    /// How many threads can run at the same time.
    pub threads: usize,
    /// Memory in bytes, if the operating system reports it.
    pub memory: Option<u64>,
}

/// A device that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Identifies a device and API in all runs, whatever other devices there are.
    pub id: String,
    /// The device's name.
    pub name: String,
    /// "cpu", "vulkan", "metal", "dx12" or "gl".
    pub api: String,
    /// The driver and its version; for a CPU, its threads and instruction set.
    pub driver: String,
    /// PCI vendor and device ("10de:2684"), if known.
    pub pci_id: Option<String>,
    /// Whether it presents itself as a GPU but computes on a processor.
    pub software: bool,
    /// Its peak rates; absent if it could not be opened.
    pub peaks: Option<Peaks>,
    /// The time of a launch that does almost nothing. Absent if the device could not be opened, 0 if it cannot time
    /// launches.
    pub launch: Option<f64>,
    /// Why nothing was measured on it, if so.
    pub problem: Option<String>,
}

impl Device {
    /// The name without what follows in parentheses, which is the driver's compiler or the chip.
    pub fn short_name(&self) -> &str {
        self.name.split(" (").next().unwrap_or(&self.name)
    }
}

/// What a device can do per second, as measured by probes that do nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Peaks {
    /// 32-bit words ANDed, their ones counted and added up.
    pub words: f64,
    /// Products of signed bytes, added up.
    #[serde(rename = "macs")]
    pub byte_products: f64,
    /// Bytes read from and written to memory.
    pub bytes: f64,
}

/// One network on one device at one batch size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Index in [`Report::devices`].
    pub device: usize,
    /// Name of the model, or id of the network in the zoo.
    pub model: String,
    /// SHA-256 of the model's file in hex, "bundled", or "random, seed N" for random parameters.
    pub source: String,
    /// Bits of weights and activations ("2/2"); "mixed" where layers differ.
    pub bits: String,
    /// Input height, width and channels.
    pub input: [usize; 3],
    /// Images per batch.
    pub batch: usize,
    /// Bytes of the packed model; absent in reports of earlier versions.
    #[serde(default)]
    pub model_bytes: Option<u64>,
    /// Numbers that training learns, as [`crate::graph::Graph::learned_numbers`] counts them.
    #[serde(default)]
    pub parameters: Option<u64>,
    /// Multiply-accumulates of one image by the layers' definitions.
    #[serde(default)]
    pub network_macs: Option<u64>,
    /// The first inference; absent if the device failed before it.
    pub cold: Option<Cold>,
    /// Whether the logits were right.
    pub digest: DigestCheck,
    /// The timed inferences; absent if the digest is wrong or the device failed, since no figure can be trusted then.
    pub warm: Option<Warm>,
    /// The same network in float32 on the same device, if requested.
    #[serde(rename = "rival")]
    pub float32: Option<Float32Baseline>,
    /// Why there is no figure, if there is none.
    pub problem: Option<String>,
}

/// The float32 baseline: the same network with float weights and activations, computed by shaders of this project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Float32Baseline {
    /// How it was computed ("f32 by WGSL").
    pub name: String,
    /// Time per batch, from numbers on the host to logits on the host.
    pub wall: Stats,
    /// The GPU's share of it.
    pub device: Option<Stats>,
    /// From the median time.
    pub images_per_second: f64,
    /// How many times as long as the quantized network it takes.
    pub times: f64,
    /// Why there is no reliable figure, if so.
    pub problem: Option<String>,
}

impl Cell {
    /// The float32 baseline, if it has figures.
    pub fn timed_float32(&self) -> Option<&Float32Baseline> {
        self.float32.as_ref().filter(|float32| float32.problem.is_none())
    }

    /// Whether the device's logits differ from the reference's.
    pub fn is_wrong(&self) -> bool {
        self.digest.found.as_ref().is_some_and(|found| *found != self.digest.expected)
    }
}

/// The parts of a process's first inference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cold {
    /// Opening and checking the model file, or generating random parameters.
    pub load: f64,
    /// Lowering to integers.
    pub lower: f64,
    /// Preparing the device: kernels, weights and memory.
    pub compile: f64,
    /// Running the first batch.
    pub first_run: f64,
}

/// Whether the device computed the right logits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DigestCheck {
    /// SHA-256 of the reference's logits, in hex.
    pub expected: String,
    /// SHA-256 of this device's logits; absent if it computed none.
    pub found: Option<String>,
    /// What computed the expected logits: "cpu-reference".
    pub against: String,
}

/// Inferences after a warm-up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Warm {
    /// Time per batch, from pixels on the host to logits on the host.
    pub wall: Stats,
    /// From the median wall time.
    pub images_per_second: f64,
    /// The parts of a run on a GPU; absent on CPUs.
    pub parts: Option<Parts>,
    /// Each launch of a run; empty if they were not timed.
    pub steps: Vec<StepTime>,
    /// How the steps were timed.
    pub clock: Clock,
    /// Words per second that the device's probe counted, before and after.
    pub probe: [f64; 2],
    /// Reasons to doubt these figures ("the device became 12 % faster meanwhile"); empty if there are none.
    pub noise: Vec<String>,
}

/// The parts of a run on a GPU, per batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Parts {
    /// Sending the input and the commands to the GPU.
    pub upload: Stats,
    /// From the start of the first kernel to the end of the last, by GPU timestamps; absent if the GPU has none.
    pub device: Option<Stats>,
    /// From when the host learns that the GPU is done until it has the logits.
    pub readback: Stats,
}

/// One launch of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepTime {
    /// The layer it belongs to.
    pub layer: String,
    /// The name of its kernel.
    pub kernel: String,
    /// The median time for a batch.
    pub seconds: f64,
    /// Words ANDed and counted for a batch.
    pub words: f64,
    /// Products of bytes for a batch.
    #[serde(rename = "macs")]
    pub byte_products: f64,
    /// Bytes that must be read and written for a batch.
    pub bytes: f64,
    /// Multiplications for a batch by the layer's definition; 0 except for convolutions and dense layers.
    pub network_macs: f64,
    /// Planes of the weights and of the input, of bit convolutions only. Float activations have 32.
    pub planes: Option<[usize; 2]>,
    /// Height and width of the window, if there is one.
    pub window: Option<[usize; 2]>,
    /// Height, width and channels of its output for one image.
    pub output: [usize; 3],
    /// What limits it, given the device's peaks.
    pub bound: Bound,
    /// The fraction of that peak that it reaches; it can exceed 1, because peaks are measured.
    pub share: f64,
}

/// What limits the speed of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// ANDing words and counting ones.
    Popcount,
    /// Multiplying bytes and adding up.
    #[serde(rename = "macs")]
    ByteProducts,
    /// Reading and writing memory.
    Memory,
    /// Starting the launch itself.
    Launch,
}

/// Statistics of repeated measurements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// How many there are.
    pub count: usize,
    /// The smallest.
    pub least: f64,
    /// The median.
    pub median: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// How far the median of another such run may deviate, relative to the median; see [`Stats::of`].
    pub spread: f64,
}
