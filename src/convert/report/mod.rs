//! What a conversion did to each layer: sizes, use of the levels, quantization error, and what looks wrong in it.

mod assemble;
mod few_values;
mod initial;
mod layers;
mod warnings;
mod weights;

pub use layers::{ConversionReport, FLOAT_BITS, LayerKind, LayerReport, Totals};
pub use warnings::{Affected, Problem, Warning};
pub use weights::QuantizedWeights;
pub(super) use weights::WeightStatistics;
