//! The fast CPU backend: the reference's results, computed with SIMD instructions and threads.

// Loops over constant ranges are unrolled and keep what they index in registers; iterators are not always.
#![allow(clippy::needless_range_loop)]

mod aligned;
mod bitconv;
mod cells;
mod codes;
mod conversions;
mod count;
mod device;
mod epilogue;
mod gather;
mod lanes;
mod level;
mod limbconv;
mod net;
mod pointwise;
mod pool;
mod probe;
mod quantize;
mod step;
mod threads;
mod tiles;

pub use device::Cpu;
pub use level::Level;
pub use net::CpuNet;
