//! What the model knows about a device.

use crate::backend::gpu::record::{Target, WORKGROUP_SIZE};
use crate::bench::isa::{Class, Mix};

/// A device.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// A short name.
    pub id: &'static str,
    /// What it is called in shops.
    pub name: &'static str,
    /// The part of the name by which drivers can be recognized that report it.
    pub called: &'static str,
    /// The name of its family in Mesa's driver for AMD.
    pub family: Option<&'static str>,
    /// PCI id of the maker.
    pub vendor: u32,
    /// Invocations of its smallest subgroups, and of those that its compiler prefers.
    pub subgroups: [u32; 2],
    /// Whether adding words up before they are counted pays: what a probe would find.
    pub adders: bool,
    /// Whether it multiplies packed bytes.
    pub dots: bool,
    /// Parts with a cache of their own: compute units, streaming multiprocessors, Xe cores.
    pub units: usize,
    /// Parts of a unit that issue instructions.
    pub simds: usize,
    /// Lanes that such a part begins per cycle, of an instruction at full rate.
    pub lanes: f64,
    /// Cycles per second.
    pub clock: f64,
    /// Most waves that such a part holds.
    pub waves: usize,
    /// Registers of such a part for one lane of each of its waves.
    pub registers: usize,
    /// What an instruction costs.
    pub cost: fn(Class) -> Cost,
    /// Until what was asked for arrives.
    pub latency: Latency,
    /// Bytes that a unit's cache gives per cycle.
    pub cache_bytes_per_cycle: f64,
    /// Bytes per second from memory.
    pub memory: f64,
    /// Size of the last cache, and bytes per second from it.
    pub last_cache: [f64; 2],
    /// Seconds between two launches that depend on each other.
    pub launch: f64,
}

/// Multiples of the time that an instruction at full rate takes, on the main pipe and on a second one that runs beside it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// On the main pipe.
    pub main: f64,
    /// On the second one.
    pub second: f64,
}

impl Cost {
    /// An instruction of the main pipe.
    pub const fn main(main: f64) -> Self {
        Cost { main, second: 0.0 }
    }
}

/// Cycles until what an instruction asks for arrives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// Loads of vector registers.
    pub vector: f64,
    /// Loads of scalar registers.
    pub scalar: f64,
    /// The memory of a workgroup.
    pub local: f64,
}

impl Machine {
    /// What kernels are made for on it, in batches of `images` images.
    pub fn target(&self, images: usize) -> Target {
        Target {
            least_subgroup: Some(self.subgroups[0]),
            workgroup_size: WORKGROUP_SIZE,
            simd_units: Target::simd_units_of(self.multiply_adds()),
            images,
            adders: self.adders,
            dots: self.dots,
            // What the Vulkan drivers of all of them allow at least.
            ..Target::plain(65_535)
        }
    }

    /// Fused multiply-adds of floats per second.
    fn multiply_adds(&self) -> f64 {
        let begun = (self.units * self.simds) as f64 * self.lanes * self.clock;
        begun / (self.cost)(Class::Fma).main
    }

    /// What the vector instructions of `mix` cost, in instructions at full rate.
    pub fn issue(&self, mix: &Mix) -> f64 {
        let (mut main, mut second) = (0.0, 0.0);
        for (class, count) in mix.iter().filter(|(class, _)| class.is_vector()) {
            let cost = (self.cost)(class);
            main += cost.main * count;
            second += cost.second * count;
        }
        f64::max(main, second)
    }

    /// Cycles in which a wave of `lanes` lanes begins an instruction at full rate.
    pub fn cycles(&self, lanes: u32) -> f64 {
        f64::from(lanes) / self.lanes
    }
}
