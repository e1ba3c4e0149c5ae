//! Lowering: from real-number semantics to exact integer steps, once, on the host, for all devices alike.
//!
//! The passes, in order:
//! 1. `chain` groups each convolution with the batch norm, addition and ReLU that follow it;
//! 2. `range` bounds every real tensor and gives it a power-of-two scale;
//! 3. `rows` gives the members of concatenations their places side by side;
//! 4. `emit` walks the graph and turns groups into steps, using `affine` (batch norms as gain and shift),
//!    `bitconv` and `limbconv` (integer coefficients with the proof that nothing overflows), `thresholds`
//!    (quantizers as integer comparisons) and `pointwise`.
//!
//! All of it uses IEEE + - * / sqrt on `f64` and integers, so the same model lowers to the same integers everywhere, and
//! the result *defines* the model's output: backends only execute it.

mod affine;
mod bitconv;
mod chain;
mod check;
mod emit;
pub(crate) mod kernels;
mod limbconv;
mod planes;
mod pointwise;
mod program;
mod range;
mod rows;
mod tensors;
#[cfg(test)]
pub(crate) mod tests;
mod thresholds;
mod work;

pub use affine::{Affine, BatchNorm};
pub use bitconv::CARRY_PLANES;
pub use emit::{InputKind, lower};
pub use kernels::*;
pub use program::{Logits, Program, Step};
pub use tensors::{InputForm, PIXEL_ALPHA, PIXEL_OFFSET, Repr, TensorId, TensorSpec, Tensors};
pub use work::Work;
