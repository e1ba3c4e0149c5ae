//! From accumulators T to values and codes, a register of output channels at a time. T is a double here that holds an
//! integer below 2^53 (see `bitconv/`), so one comparison or one scaling does what takes the reference two words.

use super::aligned::{AlignedVec, combine, transpose};
use super::cells::Cells;
use super::codes::{CodeBits, Coder, RankTables};
use super::count::TILE;
use super::lanes::{Lanes, MOST_LANES};
use crate::backend::arena::{Arena, Output};
use crate::fixed::{VALUE_MAX, scale_by_power};
use crate::lower::{Epilogue, Finish, TensorId};
use std::ops::Range;

/// An epilogue with its tables laid out as registers of channels, padded with zeros.
pub(super) struct Finisher {
    channels: usize,
    kind: Kind,
    coder: Option<Coder>,
}

/// What becomes of T.
enum Kind {
    /// It is compared with thresholds: registers `[block][threshold]`.
    Codes(AlignedVec<f64>),
    /// It is scaled to a value.
    Value(Value),
}

/// How T becomes a value.
struct Value {
    /// 2^-shift, a register per block.
    scales: AlignedVec<f64>,
    residual: Option<TensorId>,
    relu: bool,
    /// The tensor of values, if anyone reads them.
    output: Option<TensorId>,
    /// The thresholds, if the value is quantized.
    ranks: Option<RankTables>,
}

/// The tensors that an epilogue reads and writes.
pub(super) struct Targets<'a> {
    values: Option<Cells<'a>>,
    codes: Option<Cells<'a>>,
    /// The residual's words and channels.
    residual: Option<(&'a [u32], usize)>,
}

impl Finisher {
    /// `planes` gives the planes of a tensor of codes. None if out of memory.
    pub(super) fn new(
        epilogue: &Epilogue,
        channels: usize,
        planes: impl Fn(TensorId) -> usize,
        lanes: usize,
    ) -> Option<Self> {
        let coder = |table: &[u16], output: TensorId| Coder::new(table, output, channels, planes(output));
        match &epilogue.finish {
            Finish::Codes { thresholds, codes_of_ranks, output } => {
                let thresholds: Vec<f64> = thresholds.iter().map(|t| combine(*t, epilogue.low_bits)).collect();
                let kind = Kind::Codes(transpose(&thresholds, codes_of_ranks.len() - 1, lanes)?);
                Some(Finisher { channels, kind, coder: Some(coder(codes_of_ranks, *output)) })
            }
            Finish::Value { shifts, residual, relu, output, codes } => {
                let scales: Vec<f64> = shifts.iter().map(|&s| scale_by_power(1.0, -s)).collect();
                let ranks = match codes {
                    Some((ranks, _)) => Some(RankTables::new(ranks, lanes)?),
                    None => None,
                };
                let scales = transpose(&scales, 1, lanes)?;
                let kind = Kind::Value(Value { scales, residual: *residual, relu: *relu, output: *output, ranks });
                Some(Finisher { channels, kind, coder: codes.as_ref().map(|(r, id)| coder(&r.codes_of_ranks, *id)) })
            }
        }
    }

    /// Finds the epilogue's tensors.
    pub(super) fn targets<'a>(&self, arena: &'a Arena, outputs: &'a mut [Output]) -> Targets<'a> {
        let (values, residual) = match self.kind {
            Kind::Codes(_) => (None, None),
            Kind::Value(Value { output, residual, .. }) => (output, residual),
        };
        let codes = self.coder.as_ref().map(|c| c.output);
        let mut targets = Targets {
            values: None,
            codes: None,
            residual: residual.map(|id| (arena.read(id), arena.spec(id).shape.c)),
        };
        for output in outputs {
            let id = Some(output.id);
            let cells = Cells::new(output.data);
            if id == values {
                targets.values = Some(cells);
            } else if id == codes {
                targets.codes = Some(cells);
            }
        }
        targets
    }

    /// Words that the [`CodeBits`] of a tile need.
    pub(super) fn bits_words(&self) -> usize {
        self.coder.as_ref().map_or(0, |coder| CodeBits::words(coder.thresholds()))
    }

    /// Finishes a block of channels of a tile; [`Finisher::group`] then writes the codes.
    #[inline(always)]
    pub(super) fn block<L: Lanes>(
        &self,
        lanes: L,
        targets: &Targets,
        block: usize,
        pixels: Range<usize>,
        sums: &[L::Double; TILE],
        bits: &mut CodeBits,
    ) {
        match &self.kind {
            Kind::Codes(thresholds) => {
                let count = self.coder.as_ref().map_or(0, Coder::thresholds);
                let registers: &[L::Reals] = bytemuck::cast_slice(thresholds.as_slice());
                let registers = &registers[block * count..][..count];
                bits.compare(L::LANES, block, registers, |t, threshold| {
                    lanes.real_above(sums[t], lanes.load_reals(threshold))
                });
            }
            Kind::Value(value) => {
                let values = value.all(lanes, targets, block, pixels, self.channels, sums);
                if let Some(ranks) = &value.ranks {
                    ranks.compare(lanes, block, &values, bits);
                }
            }
        }
    }

    /// Writes the codes of a group of 32 channels for a tile.
    #[inline(always)]
    pub(super) fn group(&self, targets: &Targets, group: usize, pixels: Range<usize>, bits: &CodeBits) {
        if let (Some(coder), Some(cells)) = (&self.coder, targets.codes) {
            coder.write(cells, group, pixels, bits);
        }
    }
}

impl Value {
    /// The values of a block of channels for a tile, stored if anyone reads them.
    #[inline(always)]
    fn all<L: Lanes>(
        &self,
        lanes: L,
        targets: &Targets,
        block: usize,
        pixels: Range<usize>,
        channels: usize,
        sums: &[L::Double; TILE],
    ) -> [L::Int; TILE] {
        let scales: &[L::Reals] = bytemuck::cast_slice(self.scales.as_slice());
        let scale = lanes.load_reals(&scales[block]);
        let least = lanes.splat(if self.relu { 0 } else { -VALUE_MAX });
        let mut values = [lanes.zero(); TILE];
        for t in 0..TILE {
            values[t] = lanes.floor_scaled(sums[t], scale, f64::from(VALUE_MAX));
        }
        for (value, pixel) in values.iter_mut().zip(pixels) {
            *value = lanes.max(targets.add::<L>(lanes, pixel, block, *value), least);
            if let Some(cells) = targets.values {
                // SAFETY: only one thread computes this block of channels of this pixel.
                unsafe { store_block(lanes, cells, pixel, channels, block, *value) };
            }
        }
        values
    }
}

/// Stores the values of a block of channels of one pixel.
///
/// # Safety
/// Nothing else may read or write these words at the same time.
#[inline(always)]
pub(super) unsafe fn store_block<L: Lanes>(
    lanes: L,
    cells: Cells,
    pixel: usize,
    channels: usize,
    block: usize,
    value: L::Int,
) {
    let first = block * L::LANES;
    let count = L::LANES.min(channels - first);
    let start = pixel * channels + first;
    // SAFETY: the caller promises exclusive access.
    let out = unsafe { cells.words(start..start + count) };
    if count == L::LANES {
        return lanes.store(value, L::words_mut(out));
    }
    let mut whole = [0; MOST_LANES];
    lanes.store(value, L::words_mut(&mut whole));
    out.copy_from_slice(&whole[..count]);
}

impl Targets<'_> {
    /// Adds the residual, if there is one, and saturates.
    #[inline(always)]
    fn add<L: Lanes>(&self, lanes: L, pixel: usize, block: usize, value: L::Int) -> L::Int {
        let Some((data, channels)) = self.residual else { return value };
        let first = block * L::LANES;
        if first >= channels {
            return value;
        }
        let row = &data[pixel * channels + first..];
        let addend = if first + L::LANES <= channels {
            lanes.load(L::words(row))
        } else {
            let mut part = [0; MOST_LANES];
            part[..channels - first].copy_from_slice(&row[..channels - first]);
            lanes.load(L::words(&part))
        };
        let sum = lanes.add(value, addend);
        lanes.max(lanes.min(sum, lanes.splat(VALUE_MAX)), lanes.splat(-VALUE_MAX))
    }
}
