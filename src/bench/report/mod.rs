//! What a benchmark found, as data: the JSON that `lq-infer bench` writes and reads. Times are seconds, rates are per second,
//! sizes are bytes. Fields are only added within a version of the schema.

mod csv;
#[cfg(test)]
mod docs;
mod file;
#[cfg(test)]
pub(super) mod sample;
mod stats;

pub(super) use csv::{COLUMNS, csv_line, fields};

use crate::backend::Clock;
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
    /// What it can do at best; absent if it could not be opened.
    pub peaks: Option<Peaks>,
    /// What a launch takes that does next to nothing; absent if it could not be opened, 0 if launches cannot be timed.
    pub launch: Option<f64>,
    /// Why nothing was measured on it, if nothing was.
    pub problem: Option<String>,
}

impl Device {
    /// The name without what follows it in brackets, which is the driver's compiler or the chip.
    pub fn short_name(&self) -> &str {
        self.name.split(" (").next().unwrap_or(&self.name)
    }
}

/// What a device does per second at best, by probes that do nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Peaks {
    /// 32-bit words that it ANDs, counts and adds.
    pub words: f64,
    /// Products of signed bytes that it adds up.
    pub macs: f64,
    /// Bytes that it reads and writes in memory.
    pub bytes: f64,
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
    /// The same network in float32 on the same device; absent unless it was asked for.
    pub rival: Option<Rival>,
    /// Why there is no figure, if there is none.
    pub problem: Option<String>,
}

/// The network with float weights and activations, by shaders of our own: what low bit widths are compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rival {
    /// What computed it ("f32 by WGSL").
    pub name: String,
    /// From the host's numbers to its logits, per batch.
    pub wall: Stats,
    /// The GPU's part.
    pub device: Option<Stats>,
    pub images_per_second: f64,
    /// How many times as long it takes as the quantized network.
    pub times: f64,
    /// Why there is no figure, or none to rely on, if so.
    pub problem: Option<String>,
}

impl Cell {
    /// The network in float32, if there are figures of it.
    pub fn timed_rival(&self) -> Option<&Rival> {
        self.rival.as_ref().filter(|rival| rival.problem.is_none())
    }

    /// Whether the device computed other logits than the reference.
    pub fn is_wrong(&self) -> bool {
        self.digest.found.as_ref().is_some_and(|found| *found != self.digest.expected)
    }
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
    /// Where the time of a run on a GPU goes; absent on CPUs.
    pub parts: Option<Parts>,
    /// Each launch of a run; empty if they were not timed.
    pub steps: Vec<StepTime>,
    /// What the steps were timed with.
    pub clock: Clock,
    /// Words that the device's probe counted per second, before and after.
    pub probe: [f64; 2],
    /// Why these figures should not be relied on ("the device's clock rose by 12 % meanwhile"); none if they may.
    pub noise: Vec<String>,
}

/// Parts of a run on a GPU, per batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Parts {
    /// Sending the input and the commands.
    pub upload: Stats,
    /// From the beginning of the first kernel to the end of the last, by the GPU's timestamps; absent if it has none.
    pub device: Option<Stats>,
    /// From the GPU's end, as the host hears of it, to the host's logits.
    pub readback: Stats,
}

/// One launch of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepTime {
    /// The layer it belongs to.
    pub layer: String,
    pub kernel: String,
    /// The median for a batch.
    pub seconds: f64,
    /// Work for a batch: words that are ANDed and counted, products of bytes, bytes read and written at least.
    pub words: f64,
    pub macs: f64,
    pub bytes: f64,
    /// Multiplications of the layer by its definition, for a batch; 0 but for convolutions and dense layers.
    pub network_macs: f64,
    /// Planes of the weights and of the input; absent but for bit convolutions. 32 of the input are those of float activations.
    pub planes: Option<[usize; 2]>,
    /// Height and width of the window; absent where there is none.
    pub window: Option<[usize; 2]>,
    /// Height, width and channels of what it makes of an image.
    pub output: [usize; 3],
    /// What it cannot be faster than, given the device's peaks.
    pub bound: Bound,
    /// How much of that peak it reaches, 0 to 1 (more is possible: peaks are measured).
    pub share: f64,
}

/// What bounds the speed of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// ANDing and counting words.
    Popcount,
    /// Multiplying and adding bytes.
    Macs,
    /// Reading and writing memory.
    Memory,
    /// Starting it at all.
    Launch,
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
