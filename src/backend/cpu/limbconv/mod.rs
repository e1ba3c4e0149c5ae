//! Limb convolutions, a tile of pixels by a register of output channels at a time.
//!
//! The sums D_d of products of limbs are those of the reference. To combine them, T = floor(sum D_d 256^d / 256^drop),
//! the dropped digits are carried in integers and the others are added in doubles. Preparing checks that the magnitudes
//! of all terms sum to less than 2^53, so that this is exact in any order.

mod layer;
mod layout;
mod pixels;
mod tile;

pub(super) use layer::LimbLayer;

use super::aligned::{combine, transpose};
use super::cells::Cells;
use super::epilogue::Finisher;
use super::level::Level;
use super::tiles::Tiles;
use crate::backend::arena::{Arena, Output};
use crate::fixed::{LIMB_LANES, VALUE_LIMBS};
use crate::lower::{LimbConv, LimbSum, Repr, TensorId, TensorSpec};
use layer::{Combiner, End};
use layout::LimbLayout;
use tile::{Ends, LimbWork};

impl LimbLayer {
    /// A convolution with an epilogue; `picture` says whether its input is a picture. None if its sums are not exact in
    /// doubles, or if out of memory.
    pub(super) fn conv(
        k: &LimbConv,
        picture: bool,
        spec: impl Fn(TensorId) -> TensorSpec,
        output: TensorId,
        level: Level,
    ) -> Option<Self> {
        let layout = LimbLayout {
            window: k.window,
            input: k.input,
            weights: &k.weights,
            words: k.words,
            first_words: k.first_words.as_deref(),
            limbs: limbs(&spec(k.input))?,
            channels: spec(output).shape.c,
            lanes: level.lanes(),
            flip: level.dot_flip(),
            // Patches of pictures are written as bytes and read as words.
            picture: picture && k.words == 1 && k.first_words.is_none() && cfg!(target_endian = "little"),
        };
        let l = k.epilogue.low_bits;
        let biases: Vec<f64> = k.epilogue.bias.iter().map(|&b| combine(b, l)).collect();
        if !(0..layout.channels).all(|c| layout.is_exact(c, k.drop, biases[c])) {
            return None;
        }
        let finisher = Finisher::new(&k.epilogue, layout.channels, |id| spec(id).planes(), layout.lanes)?;
        let end = End::Combined(Box::new(Combiner {
            dropped: k.drop,
            biases: transpose(&biases, 1, layout.lanes)?,
            finisher,
        }));
        layout.prepare(&spec(k.input), &spec(output), end)
    }

    /// A convolution whose sums are the result. None if out of memory.
    pub(super) fn sums(k: &LimbSum, spec: impl Fn(TensorId) -> TensorSpec, level: Level) -> Option<Self> {
        let input = spec(k.input);
        let layout = LimbLayout {
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
        layout.prepare(&input, &spec(k.output), End::Sums)
    }

    /// Runs the convolution.
    pub(super) fn run(&self, level: Level, arena: &Arena, outputs: &mut [Output], tiles: &Tiles) {
        let input = arena.slack(self.input);
        let end = match &self.end {
            End::Combined(combiner) => Ends::Combined(combiner, combiner.finisher.targets(arena, outputs)),
            End::Sums => Ends::Sums(Cells::new(outputs[0].data)),
        };
        let work = LimbWork { conv: self, input, end };
        let bits = match &self.end {
            End::Combined(combiner) => combiner.finisher.bits_words(),
            End::Sums => 0,
        };
        tiles.run(level, &work, self.gather.output.pixels(), self.channels, self.patch_words + bits);
    }
}

/// The limbs of the input, if this kernel supports them: one (pixels) or those of values.
fn limbs(spec: &TensorSpec) -> Option<usize> {
    match spec.repr {
        Repr::Limbs { limbs, .. } if limbs == 1 || limbs == VALUE_LIMBS => Some(limbs),
        _ => None,
    }
}
