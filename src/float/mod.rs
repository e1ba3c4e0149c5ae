//! Layers in float32, forward and backward, on some pictures at a time, with the matrix products and factorizations that they
//! and their users stand on. All sums have a fixed order, so that no result depends on the number of threads or the width of
//! vectors.

mod backward;
mod layer;
mod linear;
mod patches;
mod product;

pub(crate) use backward::{Pass, Ready, backward};
pub(crate) use layer::{Conv, Layer, affine, float_layer, geometry, layer, quantizer};
pub(crate) use linear::{Factor, mirror, solve_small, times};
pub(crate) use patches::Geometry;
pub(crate) use product::{Extent, View, add_upper_product};
