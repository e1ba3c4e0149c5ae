//! What steps are given.

use crate::float::InstructionSet;
use crate::train::parts::Scratch;

/// A tensor of all pictures.
#[derive(Clone, Copy)]
pub(in crate::train) enum Value<'a, R> {
    Numbers(&'a [R]),
    /// Codes of a quantizer, and the level of each code.
    Codes(&'a [u8], &'a [R]),
}

/// How a batch is run.
pub(in crate::train) struct Run<'a, R> {
    pub pictures: usize,
    pub set: InstructionSet,
    /// Whether batch norms use the statistics of the batch and bases move.
    pub training: bool,
    /// How far bases move towards those that suit the batch best.
    pub rate: f64,
    pub scratch: &'a Scratch<R>,
}

/// Where the gradient of an input goes.
pub(in crate::train) struct Into<'a, R> {
    pub numbers: &'a mut [R],
    /// Whether it is added to what is there.
    pub adds: bool,
}

/// Which of the layers that a step computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::train) enum Place {
    /// A convolution, or a batch norm.
    Layer,
    /// A quantizer.
    Quantizer,
}
