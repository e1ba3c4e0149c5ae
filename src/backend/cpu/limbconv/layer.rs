//! A limb convolution with everything that running it needs.

use super::pixels::Inside;
use crate::backend::cpu::aligned::AlignedVec;
use crate::backend::cpu::epilogue::Finisher;
use crate::backend::cpu::gather::{Gather, Span};
use crate::lower::TensorId;

/// A limb convolution laid out for this machine.
pub(crate) struct LimbLayer {
    pub input: TensorId,
    pub gather: Gather,
    pub channels: usize,
    /// Limbs of the input.
    pub limbs: usize,
    /// For each block of channels, what it reads.
    pub spans: Vec<Span>,
    /// For each block of channels the first register of its weights, and then the number of all registers.
    pub starts: Vec<usize>,
    /// Registers `[block][tap][word][WEIGHT_LIMBS]`.
    pub weights: AlignedVec<u32>,
    /// For pictures, which taps are inside for each output pixel. The patches are then those of `pixels.rs`.
    pub inside: Option<Inside>,
    /// Initial values of the sums D_d, registers `[case of the output pixel][block][diagonal]`. They subtract what
    /// flipped bytes add and add what alpha contributes.
    pub offsets: AlignedVec<u32>,
    /// Words that the patches of a tile need at most.
    pub patch_words: usize,
    pub end: End,
}

/// What becomes of the sums D_d.
pub(crate) enum End {
    /// They are combined to T, for an epilogue.
    Combined(Box<Combiner>),
    /// They are the result.
    Sums,
}

/// Combines the sums D_d to T and finishes it.
pub(crate) struct Combiner {
    /// Digits of T that are dropped.
    pub dropped: usize,
    /// A register per block.
    pub biases: AlignedVec<f64>,
    pub finisher: Finisher,
}
