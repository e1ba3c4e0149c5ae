//! Machine code of shaders, as the disassembler of Mesa's driver for AMD (RADV) prints it: which instructions there are, in which
//! loops, and how often these run.

mod class;
mod code;
mod mix;

pub use class::Class;
pub use code::{Code, Sought};
pub use mix::Mix;

#[cfg(test)]
mod tests;
