//! Numbers that training moves.

use crate::float::Number;

/// Numbers that training moves, their gradient, and the optimizer's memory.
pub(super) struct Parameter<R> {
    pub values: Vec<R>,
    pub gradient: Vec<R>,
    pub momentum: Vec<R>,
    /// Whether weight decay applies: to weights, but not to biases and batch norms.
    pub decays: bool,
}

impl<R: Number> Parameter<R> {
    pub(super) fn new(values: Vec<R>, decays: bool) -> Self {
        let zeros = vec![R::default(); values.len()];
        Parameter { gradient: zeros.clone(), momentum: zeros, values, decays }
    }
}

/// What a step keeps from batch to batch.
pub(super) enum Kept<'a, R> {
    /// Numbers that the optimizer moves.
    Parameter(&'a mut Parameter<R>),
    /// Averages of what batches were like.
    Statistic(&'a mut Vec<R>),
    /// The basis of a quantizer: of activations, or `[out, bits]` of weights.
    Basis(&'a mut Vec<f32>),
}

/// What kept numbers are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// `[out, kh, kw, in]`.
    Weight,
    Bias,
    Gamma,
    Beta,
    Mean,
    Variance,
    Basis,
}
