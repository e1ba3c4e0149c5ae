//! Limb convolutions, a tile of pixels by a register of output channels at a time.
//!
//! The sums D_d of products of limbs are those of the reference. Joining them, T = floor(sum D_d 256^d / 256^drop), carries
//! the dropped digits in integers and adds the rest in doubles: preparing checks that the magnitudes of all terms stay below
//! 2^53, so that this is exact in any order.

mod pixels;
mod source;
mod tile;

use super::aligned::{Aligned, join, transpose};
use super::cells::Cells;
use super::epilogue::Finisher;
use super::gather::{Gather, Span};
use super::level::Level;
use super::tiles::Tiles;
use crate::backend::arena::{Arena, Output};
use crate::fixed::{LIMB_LANES, VALUE_LIMBS};
use crate::lower::{LimbConv, LimbSum, Repr, TensorId, TensorSpec};
use pixels::Inside;
use source::Source;
use tile::{Ends, Run};

/// Limbs in this machine's layout, and what becomes of their sums.
pub struct Prepared {
    input: TensorId,
    gather: Gather,
    channels: usize,
    limbs: usize,
    /// For each block of channels: what it reads, and the first register of its weights.
    spans: Vec<Span>,
    starts: Vec<usize>,
    /// Registers `[block][tap][word][WEIGHT_LIMBS]`.
    weights: Aligned<u32>,
    /// For pictures: which taps are inside, for each output pixel. Rows are those of `pixels.rs` then.
    inside: Option<Inside>,
    /// What the sums D_d start with, registers `[case of the output pixel][block][diagonal]`: it takes off what unsigned products
    /// add, and adds what alpha does.
    offsets: Aligned<u32>,
    row_words: usize,
    end: End,
}

enum End {
    /// Joined, for an epilogue with a bias per channel.
    Joined(Box<Joined>),
    Sums,
}

struct Joined {
    drop: usize,
    /// Registers, one a block.
    biases: Aligned<f64>,
    finisher: Finisher,
}

impl Prepared {
    /// With an epilogue; `picture` is whether the input are pixels. None if the layer's sums are not exact in doubles, or there is no
    /// memory.
    pub fn conv(
        k: &LimbConv,
        picture: bool,
        spec: impl Fn(TensorId) -> TensorSpec,
        output: TensorId,
        level: Level,
    ) -> Option<Self> {
        let source = Source {
            window: k.window,
            input: k.input,
            weights: &k.weights,
            words: k.words,
            first_words: k.first_words.as_deref(),
            limbs: limbs(&spec(k.input))?,
            channels: spec(output).shape.c,
            lanes: level.lanes(),
            flip: level.dot_flip(),
            // Bytes of a row are those of its words in this order only.
            picture: picture && k.words == 1 && k.first_words.is_none() && cfg!(target_endian = "little"),
        };
        let l = k.epilogue.low_bits;
        let biases: Vec<f64> = k.epilogue.bias.iter().map(|&b| join(b, l)).collect();
        if !(0..source.channels).all(|c| source.is_exact(c, k.drop, biases[c])) {
            return None;
        }
        let finisher = Finisher::new(&k.epilogue, source.channels, |id| spec(id).planes(), source.lanes)?;
        let end =
            End::Joined(Box::new(Joined { drop: k.drop, biases: transpose(&biases, 1, source.lanes)?, finisher }));
        source.prepare(&spec(k.input), &spec(output), end)
    }

    /// Whose sums are the result.
    pub fn sums(k: &LimbSum, spec: impl Fn(TensorId) -> TensorSpec, level: Level) -> Option<Self> {
        let input = spec(k.input);
        let source = Source {
            window: k.window,
            input: k.input,
            weights: &k.weights,
            words: input.shape.c.div_ceil(LIMB_LANES),
            first_words: None,
            limbs: limbs(&input)?,
            channels: spec(k.output).shape.c,
            lanes: level.lanes(),
            flip: level.dot_flip(),
            picture: false,
        };
        source.prepare(&input, &spec(k.output), End::Sums)
    }

    pub fn run(&self, level: Level, arena: &Arena, outputs: &mut [Output], tiles: &Tiles) {
        let input = arena.slack(self.input);
        let end = match &self.end {
            End::Joined(joined) => Ends::Joined(joined, joined.finisher.targets(arena, outputs)),
            End::Sums => Ends::Sums(Cells::new(outputs[0].data)),
        };
        let run = Run { conv: self, input, end };
        let bits = match &self.end {
            End::Joined(joined) => joined.finisher.bits_words(),
            End::Sums => 0,
        };
        tiles.run(level, &run, self.gather.output.pixels(), self.channels, self.row_words + bits);
    }
}

/// Limbs of an input that this kernel takes: one (pixels) or those of values.
fn limbs(spec: &TensorSpec) -> Option<usize> {
    match spec.repr {
        Repr::Limbs { limbs, .. } if limbs == 1 || limbs == VALUE_LIMBS => Some(limbs),
        _ => None,
    }
}
