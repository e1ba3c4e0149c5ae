//! Arithmetic on sixteen numbers at once: one trait, and an implementation for each instruction set.
//!
//! Lanes hold different results, never parts of one sum, and [`Vectors::multiply_add`] rounds once wherever the processor can
//! do so. Results are thus the same with AVX-512, AVX2 and on ARM; the portable form for other processors rounds twice.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod operations;
mod portable;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod registers;
mod set;
#[cfg(test)]
mod tests;

pub(crate) use operations::{LANES, LEVELS, Vectors, Work, rounded_up};
pub(crate) use set::{InstructionSet, Number};
