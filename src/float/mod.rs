//! Layers in float32, forward and backward, on some pictures at a time, with the matrix products and factorizations that they
//! and their users stand on. All sums have a fixed order, so that no result depends on the number of threads or the width of
//! vectors.

mod backward;
mod basis;
mod layer;
mod linear;
mod moves;
mod patches;
mod product;
mod sweep;
mod vectors;

pub(crate) use backward::{Pass, Ready, backward};
pub(crate) use basis::BasisFit;
pub(crate) use layer::{Conv, Layer, affine, float_layer, geometry, layer, quantizer, rank};
pub(crate) use linear::{Factor, mirror, solve_small, times};
pub(crate) use moves::Move;
pub(crate) use patches::Geometry;
pub(crate) use product::{Extent, View, add_upper_product};
pub(crate) use sweep::{Product, Start, Sweep, WeightGradient};
pub(crate) use vectors::{InstructionSet, LANES, LEVELS, Number, Vectors, Work, rounded_up};
