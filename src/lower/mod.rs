//! Lowering: from real-number semantics to exact integer steps. It happens once, on the host, and is the same for all
//! devices.
//!
//! The passes, in order:
//! 1. `chain` groups each convolution with the batch norm, addition and ReLU that follow it;
//! 2. `range` bounds every real tensor and gives it a power-of-two scale;
//! 3. `rows` lays out the members of concatenations side by side;
//! 4. `emit` walks the graph and turns groups into steps, using `affine` (batch norms as gain and shift),
//!    `bitconv` and `limbconv` (integer coefficients with the proof that nothing overflows), `planes` (weights in the
//!    order of the input), `thresholds` (quantizers as integer comparisons) and `pointwise` (batch norms on values).
//!
//! All of it uses integers and IEEE + - * / sqrt on `f64`, so a model lowers to the same integers everywhere. The
//! result *defines* the model's output: backends only execute it.

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
