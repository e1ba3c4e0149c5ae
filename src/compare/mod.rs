//! A converted model against its training framework: activation codes and logits for the same inputs.

mod codes;
mod logits;

pub use codes::{CodeDifference, LayerCodes, RecordedCodes, compare_codes};
pub use logits::{Agreement, Tolerance, compare_logits};
