//! Layers in float32, forward and backward, on some pictures at a time, with the matrix products and factorizations that they
//! and their users stand on. All sums have a fixed order, so that no result depends on the number of threads or the width of
//! vectors.

mod backward;
mod basis;
mod layer;
mod linear;
mod logits;
mod moves;
mod patches;
mod product;
#[cfg(feature = "train")]
mod sweep;
// Quantization needs only a few of them.
#[cfg_attr(not(feature = "train"), expect(dead_code, unused_imports))]
mod vectors;

pub(crate) use backward::{Pass, Ready, backward};
pub(crate) use basis::BasisFit;
#[cfg(feature = "train")]
pub(crate) use layer::rank;
pub(crate) use layer::{Conv, Layer, affine, float_layer, geometry, layer, quantizer};
pub(crate) use linear::{Factor, mirror, solve_small, times};
pub(crate) use logits::best;
#[cfg(feature = "train")]
pub(crate) use moves::Move;
pub(crate) use patches::Geometry;
pub(crate) use product::{Extent, View, add_product_in_parallel, add_upper_product};
#[cfg(feature = "train")]
pub(crate) use sweep::{Product, Start, Sweep, WeightGradient};
#[cfg(feature = "train")]
pub(crate) use vectors::{InstructionSet, LANES, LEVELS, Number, Vectors, Work, rounded_up};
