//! The devices that the model knows. Sizes, clocks and bandwidths are the makers' figures; clocks are those under load that
//! their data sheets name ("game" or "boost" clock). Everything else is said where it stands.

use super::machine::{Cost, Latency, Machine};
use crate::bench::isa::Class;

const AMD: u32 = 0x1002;
const NVIDIA: u32 = 0x10de;
const INTEL: u32 = 0x8086;

/// RDNA: products of 32 bits and reciprocals at a quarter of the rate, floats of 64 bits at a sixteenth; counting, dot products
/// and conversions at the full one (the costs that Mesa's compiler for it assumes, `aco_statistics.cpp`).
fn rdna(class: Class) -> Cost {
    Cost::main(match class {
        Class::Multiply | Class::Special => 4.0,
        Class::Double => 16.0,
        _ => 1.0,
    })
}

/// Vega is like RDNA, but converts at a quarter of the rate (same source).
fn vega(class: Class) -> Cost {
    if class == Class::Convert { Cost::main(4.0) } else { rdna(class) }
}

/// Polaris also fuses multiplications with additions at a quarter of the rate; it multiplies and adds at the full one where
/// rounding twice will do (same source).
fn polaris(class: Class) -> Cost {
    if class == Class::Fma { Cost::main(4.0) } else { vega(class) }
}

/// Ampere and Hopper, relative to 64 integer operations per multiprocessor and cycle (the table of throughputs in NVIDIA's CUDA
/// programming guide, 8.6 and 9.0): floats twice as many; counting, conversions and reciprocals a quarter as many, on a pipe of
/// their own; exchanges between lanes half as many. What AMD adds while it counts is an addition of three numbers for two
/// counts.
fn nvidia(class: Class) -> Cost {
    match class {
        Class::Count => Cost { main: 0.5, second: 4.0 },
        Class::Convert | Class::Special => Cost { main: 0.0, second: 4.0 },
        Class::Fma | Class::Float => Cost::main(0.5),
        Class::Lane => Cost::main(2.0),
        Class::Double => Cost::main(32.0),
        _ => Cost::main(1.0),
    }
}

/// Xe-HPG: counting takes an addition of its own; reciprocals have a pipe of their own, with half the rate (what Mesa's compiler
/// assumes, `brw_ir_performance.cpp`). A product of 32 bits is made of several; a quarter of the rate is assumed.
fn xe(class: Class) -> Cost {
    match class {
        Class::Count => Cost::main(2.0),
        Class::Multiply => Cost::main(4.0),
        Class::Special => Cost { main: 0.0, second: 2.0 },
        Class::Double => Cost::main(16.0),
        _ => Cost::main(1.0),
    }
}

/// Cycles on AMD: loads mostly hit the second cache at the first touch and the first one afterwards. Assumed.
const AMD_LATENCY: Latency = Latency { vector: 200.0, scalar: 60.0, local: 60.0 };
/// The same for NVIDIA, whose first cache takes some 35 cycles and the second some 250. Assumed; it has no scalar loads.
const NVIDIA_LATENCY: Latency = Latency { vector: 150.0, scalar: 150.0, local: 30.0 };
/// The same for Intel. Assumed.
const INTEL_LATENCY: Latency = Latency { vector: 250.0, scalar: 250.0, local: 60.0 };

/// Emptying the device, a barrier with its flush of caches and filling the device again, for drivers of Vulkan. Assumed.
const AMD_LAUNCH: f64 = 5e-6;
/// The same, from runs of ResNet-18 on an H200 (driver 580) with a single picture: 24 launches took 28 to 48 us more than with
/// 3 us each (`benches/record/2026-11-27-h200.md`).
const NVIDIA_LAUNCH: f64 = 4.5e-6;
/// The same. Assumed.
const INTEL_LAUNCH: f64 = 8e-6;

const GCN: Machine = Machine {
    id: "rx-580",
    name: "AMD Radeon RX 580",
    called: "RX 580",
    family: Some("polaris10"),
    vendor: AMD,
    subgroups: [64, 64],
    adders: false,
    dots: false,
    units: 36,
    simds: 4,
    lanes: 16.0,
    clock: 1.34e9,
    waves: 10,
    registers: 256,
    cost: polaris,
    latency: AMD_LATENCY,
    cache_bytes_per_cycle: 64.0,
    memory: 256e9,
    last_cache: [2e6, 800e9],
    launch: AMD_LAUNCH,
};

const RX_6800: Machine = Machine {
    id: "rx-6800",
    name: "AMD Radeon RX 6800",
    called: "RX 6800",
    family: Some("navi21"),
    subgroups: [32, 64],
    dots: true,
    units: 60,
    simds: 2,
    lanes: 32.0,
    clock: 2.1e9,
    waves: 16,
    registers: 512,
    cost: rdna,
    cache_bytes_per_cycle: 128.0,
    memory: 512e9,
    last_cache: [128e6, 1.9e12],
    ..GCN
};

const RTX_3060: Machine = Machine {
    id: "rtx-3060",
    name: "NVIDIA GeForce RTX 3060",
    called: "RTX 3060",
    family: None,
    vendor: NVIDIA,
    subgroups: [32, 32],
    adders: true,
    dots: true,
    units: 28,
    simds: 4,
    lanes: 16.0,
    clock: 1.78e9,
    waves: 12,
    registers: 512,
    cost: nvidia,
    latency: NVIDIA_LATENCY,
    cache_bytes_per_cycle: 128.0,
    memory: 360e9,
    last_cache: [3e6, 1.2e12],
    launch: NVIDIA_LAUNCH,
};

const H100: Machine = Machine {
    id: "h100",
    name: "NVIDIA H100 SXM",
    called: "H100",
    units: 132,
    clock: 1.83e9,
    waves: 16,
    memory: 3.35e12,
    last_cache: [50e6, 5.5e12],
    ..RTX_3060
};

/// All devices. The bandwidths of last caches are what others have measured, rounded.
pub const MACHINES: [Machine; 9] = [
    GCN,
    Machine {
        id: "vega-64",
        name: "AMD Radeon RX Vega 64",
        called: "Vega 64",
        family: Some("vega10"),
        units: 64,
        clock: 1.55e9,
        cost: vega,
        memory: 484e9,
        last_cache: [4e6, 1.2e12],
        ..GCN
    },
    Machine {
        id: "rx-5700-xt",
        name: "AMD Radeon RX 5700 XT",
        called: "RX 5700",
        family: Some("navi10"),
        // Multiplies packed bytes from the next of its chips on (Navi 12 and 14).
        dots: false,
        units: 40,
        clock: 1.76e9,
        waves: 20,
        memory: 448e9,
        last_cache: [4e6, 1.5e12],
        ..RX_6800
    },
    RX_6800,
    Machine {
        id: "rx-7900-xtx",
        name: "AMD Radeon RX 7900 XTX",
        called: "RX 7900",
        family: Some("gfx1100"),
        units: 96,
        clock: 2.3e9,
        registers: 768,
        memory: 960e9,
        last_cache: [96e6, 3.4e12],
        ..RX_6800
    },
    RTX_3060,
    H100,
    Machine { id: "h200", name: "NVIDIA H200 SXM", called: "H200", memory: 4.8e12, ..H100 },
    Machine {
        id: "arc-a770",
        name: "Intel Arc A770",
        called: "A770",
        family: None,
        vendor: INTEL,
        subgroups: [8, 16],
        adders: false,
        dots: true,
        units: 32,
        simds: 16,
        lanes: 8.0,
        clock: 2.1e9,
        waves: 8,
        // Each thread has 128 registers of 32 bytes: 64 for a lane of sixteen.
        registers: 8 * 64,
        cost: xe,
        latency: INTEL_LATENCY,
        cache_bytes_per_cycle: 64.0,
        memory: 560e9,
        last_cache: [16e6, 1.5e12],
        launch: INTEL_LAUNCH,
    },
];

/// Those that tables compare.
const COMPARED: [&str; 4] = ["rx-6800", "rtx-3060", "h100", "arc-a770"];

/// The devices that tables compare, after the one that `device`, the name that a driver reports, stands for.
pub fn compared(device: &str) -> Vec<&'static Machine> {
    const ALL: &[Machine] = &MACHINES;
    let own = ALL.iter().filter(|machine| device.contains(machine.called));
    let others = ALL.iter().filter(|machine| COMPARED.contains(&machine.id) && !device.contains(machine.called));
    own.chain(others).collect()
}

/// The device that stands for a family of Mesa's driver for AMD.
pub fn of_family(family: &str) -> Option<&'static Machine> {
    const ALL: &[Machine] = &MACHINES;
    ALL.iter().find(|machine| machine.family == Some(family))
}
