//! Quantizes values to codes.

use super::cells::Cells;
use super::codes::{CodeBits, Coder, RankTables};
use super::count::TILE;
use super::lanes::Lanes;
use super::level::Level;
use super::tiles::{TileWork, Tiles};
use crate::backend::arena::{Arena, Output};
use crate::lower::{Quantize, TensorId};
use crate::quant::WORD_BITS;
use std::ops::Range;

/// A quantizer with its tables laid out for this machine.
pub(super) struct Quantizer {
    input: TensorId,
    channels: usize,
    ranks: RankTables,
    coder: Coder,
}

impl Quantizer {
    /// None if out of memory.
    pub(super) fn new(k: &Quantize, planes: usize, level: Level) -> Option<Self> {
        let channels = k.ranks.signs.len();
        let coder = Coder::new(&k.ranks.codes_of_ranks, k.output, channels, planes);
        Some(Quantizer { input: k.input, channels, ranks: RankTables::new(&k.ranks, level.lanes())?, coder })
    }

    /// Quantizes the values into `out`.
    pub(super) fn run(&self, level: Level, arena: &Arena, out: &mut Output, tiles: &Tiles) {
        let pixels = out.spec.shape.pixels();
        let work = QuantizeWork { quantizer: self, input: arena.slack(self.input), output: Cells::new(out.data) };
        tiles.run(level, &work, pixels, self.channels, CodeBits::words(self.coder.thresholds()));
    }
}

/// A quantizer with its tensors.
struct QuantizeWork<'a> {
    quantizer: &'a Quantizer,
    input: &'a [u32],
    output: Cells<'a>,
}

impl TileWork for QuantizeWork<'_> {
    /// The last register of a pixel may run past it; the codes of those lanes are not written.
    #[inline(always)]
    fn tile<L: Lanes>(&self, lanes: L, pixels: Range<usize>, groups: Range<usize>, bits: &mut [u32]) {
        let Quantizer { channels, ranks, coder, .. } = self.quantizer;
        let per_group = WORD_BITS / L::LANES;
        let mut bits = CodeBits::new(bits);
        for group in groups {
            for block in group * per_group..channels.div_ceil(L::LANES).min((group + 1) * per_group) {
                let mut values = [lanes.zero(); TILE];
                for (value, pixel) in values.iter_mut().zip(pixels.clone()) {
                    *value = lanes.load(L::words(&self.input[pixel * channels + block * L::LANES..]));
                }
                ranks.compare(lanes, block, &values, &mut bits);
            }
            coder.write(self.output, group, pixels.clone(), &bits);
        }
    }
}
