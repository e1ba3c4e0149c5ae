//! What the general convolutions, `shaders/bitconv.wgsl` and `shaders/limbconv.wgsl`, have in common.

use super::super::header::Header;
use super::super::table::quad_weights;
use super::launch::Launch;
use crate::lower::TensorId;

/// How many neighbouring pixels an invocation computes: as many as `most` accumulators allow, with the least waste at
/// the end of a row.
pub(super) fn tile(width: usize, accumulators_per_pixel: usize, most: usize) -> usize {
    let most = (most / accumulators_per_pixel).clamp(1, 8).min(width);
    // At least half of what fits: a prime width would otherwise fall back to single pixels.
    (most.div_ceil(2)..=most).rev().min_by_key(|t| width.div_ceil(*t) * t).unwrap_or(1)
}

/// Adds the constants of tiles of `tile` pixels, whose codes have `planes` planes.
pub(super) fn tiles(header: &mut Header, tile: usize, width: usize, planes: usize) {
    header.number("TILE", tile).shape("TILES", width.div_ceil(tile)).number("TILE_BITS", (tile * planes).max(1));
}

/// Adds the buffers that both kernels read.
pub(super) fn connect(
    launch: &mut Launch,
    input: TensorId,
    element: &'static str,
    weights: &[u32],
    channels: usize,
    table: Vec<u32>,
) {
    launch.read("input", element, input);
    launch.read("weights", "vec4<u32>", quad_weights(weights, channels));
    launch.read("table", "vec4<i32>", table);
}
