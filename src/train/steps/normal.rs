//! The batch norm of a step (Ioffe and Szegedy 2015), as an affine function of each channel.
//!
//! In training, y = gamma x^ + beta with x^ = (x - m) / s, where m and s^2 + epsilon are mean and variance of the batch. With
//! gradients g of y over n numbers of a channel, beta has the gradient sum g, gamma has sum g x^, and x has
//! gamma / s (g - sum g / n - x^ sum g x^ / n), since m and s depend on x.

use super::call::Run;
use crate::float::{LANES, Number, Vectors, Work, rounded_up};
use crate::train::parameter::Parameter;
use crate::train::parts::{PARTS, ranges};
use rayon::prelude::*;

/// How much of the averages of mean and variance a batch leaves, as in the original code and in PyTorch.
const KEPT: f64 = 0.9;

/// A batch norm.
pub(in crate::train) struct Norm<R> {
    pub gamma: Parameter<R>,
    pub beta: Parameter<R>,
    /// Averages over the batches.
    pub mean: Vec<R>,
    pub variance: Vec<R>,
    epsilon: f64,
    /// Of the last batch.
    pub(super) now: Affine<R>,
}

/// y = factor x + summand and x^ = (x - mean) inverse for each channel, with zeros up to the width of vectors.
pub(super) struct Affine<R> {
    pub factor: Vec<R>,
    pub summand: Vec<R>,
    pub mean: Vec<R>,
    pub inverse: Vec<R>,
}

impl<R: Number> Affine<R> {
    /// y = x, with x^ = 0.
    pub(super) fn identity(channels: usize) -> Self {
        let zeros = vec![R::default(); rounded_up(channels)];
        let mut factor = zeros.clone();
        factor[..channels].fill(R::of(1.0));
        Affine { factor, summand: zeros.clone(), mean: zeros.clone(), inverse: zeros }
    }
}

impl<R: Number> Norm<R> {
    pub(in crate::train) fn new(channels: usize, epsilon: f64) -> Self {
        let all = |x: f64| vec![R::of(x); channels];
        Norm {
            gamma: Parameter::new(all(1.0), false),
            beta: Parameter::new(all(0.0), false),
            mean: all(0.0),
            variance: all(1.0),
            epsilon,
            now: Affine::identity(channels),
        }
    }

    /// Makes the affine function: of the statistics of `x` in training, else of their averages.
    pub(super) fn prepare(&mut self, run: &Run<R>, x: &[R]) {
        let channels = self.mean.len();
        let rows = x.len() / channels;
        let sums = if run.training { moments(run, x, channels) } else { Vec::new() };
        for c in 0..channels {
            let (mean, variance) = match sums.get(c) {
                Some([sum, squares]) => {
                    let mean = sum / rows as f64;
                    (mean, (squares / rows as f64 - mean * mean).max(0.0))
                }
                None => (self.mean[c].double(), self.variance[c].double()),
            };
            let inverse = 1.0 / (variance + self.epsilon).sqrt();
            let factor = self.gamma.values[c].double() * inverse;
            self.now.factor[c] = R::of(factor);
            self.now.summand[c] = R::of(self.beta.values[c].double() - factor * mean);
            (self.now.mean[c], self.now.inverse[c]) = (R::of(mean), R::of(inverse));
            if run.training {
                // The average is of the variance of all pictures, of which the batch is a sample.
                let unbiased = variance * rows as f64 / (rows.max(2) - 1) as f64;
                let average = |old: R, new: f64| R::of(KEPT * old.double() + (1.0 - KEPT) * new);
                self.mean[c] = average(self.mean[c], mean);
                self.variance[c] = average(self.variance[c], unbiased);
            }
        }
    }
}

/// The sum of each channel, and that of its squares.
fn moments<R: Number>(run: &Run<R>, x: &[R], channels: usize) -> Vec<[f64; 2]> {
    let ranges = ranges(x.len() / channels, PARTS);
    let part = |rows: &std::ops::Range<usize>| {
        R::run(run.set, Moments { x: &x[rows.start * channels..rows.end * channels], channels })
    };
    added(ranges.par_iter().map(part).collect())
}

/// The sums of all parts, in their order.
pub(super) fn added(parts: Vec<Vec<[f64; 2]>>) -> Vec<[f64; 2]> {
    let add = |mut all: Vec<[f64; 2]>, part: Vec<[f64; 2]>| {
        all.iter_mut().zip(part).for_each(|(all, part)| *all = [all[0] + part[0], all[1] + part[1]]);
        all
    };
    parts.into_iter().reduce(add).unwrap_or_default()
}

/// Rows whose numbers are summed in vectors before they are added to sums in float64.
pub(super) fn block(channels: usize) -> usize {
    (8192 / channels.max(1)).max(64)
}

/// Sums of numbers and of their squares.
struct Moments<'a, R> {
    x: &'a [R],
    channels: usize,
}

impl<R: Number> Work<R> for Moments<'_, R> {
    type Output = Vec<[f64; 2]>;

    #[inline(always)]
    fn run<S: Vectors<R>>(self, s: S) -> Vec<[f64; 2]> {
        let Moments { x, channels } = self;
        let mut all = vec![[0f64; 2]; channels];
        for block in x.chunks(block(channels) * channels) {
            for first in (0..channels).step_by(LANES) {
                let lanes = LANES.min(channels - first);
                let (mut sum, mut squares) = (s.splat(R::default()), s.splat(R::default()));
                let mut at = first;
                while at < block.len() {
                    let x = s.read_some(&block[at..at + lanes]);
                    sum = s.add(sum, x);
                    squares = s.multiply_add(x, x, squares);
                    at += channels;
                }
                flush(s, [sum, squares], &mut all[first..first + lanes]);
            }
        }
        all
    }
}

/// Adds the lanes of two vectors to sums.
#[inline(always)]
pub(super) fn flush<R: Number, S: Vectors<R>>(s: S, vectors: [S::V; 2], sums: &mut [[f64; 2]]) {
    let [a, b] = [s.array(vectors[0]), s.array(vectors[1])];
    for (at, sum) in sums.iter_mut().enumerate() {
        *sum = [sum[0] + a[at].double(), sum[1] + b[at].double()];
    }
}
