//! A model of time: what a network would take on devices that are not at hand. It counts instructions in machine code that a
//! compiler made for a device, or for a similar one, and divides them by the rates of that device. Nothing of it is measured;
//! what is assumed stands beside each number (`machines.rs`) and each step of the calculation (`time.rs`).

mod estimate;
mod figures;
mod machine;
mod machines;
mod time;

pub use estimate::{Modelled, ModelledLaunch, elsewhere, modelled};
pub use figures::{Figure, Figures, Loads};
pub use machine::{Cost, Latency, Machine};
pub use machines::{MACHINES, compared, of_family};
pub use time::{Geometry, Resources, Seconds, Shader, seconds};

#[cfg(test)]
mod tests;

/// What the model assumes of every device, in sentences.
pub const ASSUMPTIONS: [&str; 5] = [
    "Instructions are issued at the device's documented rates; those of one invocation wait for memory only, not for each other.",
    "Invocations are spread evenly; the busiest part of the device decides.",
    "Each load costs its latency once per step, unless other waves can run meanwhile.",
    "Tensors are read and written once, from the last cache if a launch fits in it.",
    "Devices of other makers than AMD are taken to execute the operations that the compiler for RDNA 2 chose.",
];
