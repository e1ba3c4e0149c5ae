//! Bit convolutions, a tile of pixels by a register of output channels at a time.
//!
//! T = sum C_ij N_ij with N_ij = 2 popcount(B_i & A_j) - popcount(A_j) is summed in doubles here:
//!
//! ```text
//! T = bias + sum_ij (2 C_ij) popcount(B_i & A_j) - sum_j D_j popcount(A_j),   D_j = sum_i C_ij,
//! ```
//!
//! where a grouped convolution has popcount(M & A_j) in place of popcount(A_j), with a mask M that is stored as one
//! more weight plane. All terms are integers. Preparing checks that the sum of their magnitudes stays below 2^53, so
//! every partial sum is exact in any order. Layers that fail the check would be left to the reference, but lowering
//! makes none: it keeps T below 2^47.

mod layer;
mod layout;
mod tile;

pub(super) use layer::BitLayer;

use super::level::Level;
use super::tiles::Tiles;
use crate::backend::arena::{Arena, Output};
use tile::BitWork;

impl BitLayer {
    /// Runs the convolution.
    pub(super) fn run(&self, level: Level, arena: &Arena, outputs: &mut [Output], tiles: &Tiles) {
        let work =
            BitWork { conv: self, input: arena.slack(self.input), targets: self.finisher.targets(arena, outputs) };
        let pairs = if self.most_planes > 2 { self.patch_words } else { 0 };
        let buffer = self.patch_words + pairs + self.finisher.bits_words();
        tiles.run(level, &work, self.gather.output.pixels(), self.channels, buffer);
    }
}
