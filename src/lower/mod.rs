//! Lowering: from real-number semantics to exact integer steps, once, on the host, for all devices alike.
//!
//! The passes, in order:
//! 1. `chain` groups each convolution with the batch norm, addition and ReLU that follow it;
//! 2. `range` bounds every real tensor and gives it a power-of-two scale;
//! 3. `emit` walks the graph and turns groups into steps, using `affine` (batch norms as gain and shift),
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
mod limbconv;
mod pointwise;
mod program;
mod range;
mod thresholds;

pub use emit::{InputKind, lower};
pub use program::{
    AvgPool, BitConv, Epilogue, Finish, InputForm, Kernel, LimbConv, LimbSum, Logits, MaxPool, PIXEL_ALPHA,
    PIXEL_OFFSET, Pointwise, Program, Quantize, Ranks, Repr, Split, Step, TensorId, TensorSpec,
};
