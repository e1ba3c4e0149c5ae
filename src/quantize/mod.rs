//! Quantization without training: a float network becomes one with learned bit planes, by some pictures without labels.
//!
//! Layer by layer, in the order in which the network runs ([`run`]): a quantizer of activations gets the basis with the
//! least error for what the already quantized part gives it ([`qem`]); a convolution gets codes and bases whose outputs, on
//! these inputs, are as near as possible to the float network's ([`problem`], [`codes`]).
//!
//! All sums have a fixed order, in [`float`](crate::float) too, so that the result does not depend on the number of threads or
//! the width of vectors.

mod agreement;
mod auto;
mod bits;
mod codes;
mod kept;
mod layer;
mod moments;
mod network;
mod options;
mod pictures;
mod place;
mod problem;
mod qem;
mod report;
mod run;
mod stored;
mod tape;
mod tune;

pub use agreement::Agreement;
pub use auto::{Choice, ChosenLayer, Costs, FileSize, Price, choose};
pub use bits::{Bits, LayerBits};
pub use kept::kept_in_float;
pub use layer::Errors;
pub use options::{Method, QuantizeOptions};
pub use pictures::Pictures;
pub use place::is_end;
pub use report::{LayerReport, QuantizeReport, QuantizerReport};
pub use run::{ALL_LAYERS, Quantized, count_layers, quantize};
pub use tune::Tuning;
