//! Measures the peak rate of one thread, with which convolutions are compared.

use super::lanes::{Lanes, Work};
use std::marker::PhantomData;

/// Registers of weights. Each pair of a weight and an activation register has its own accumulator, as in the inner
/// loop of a convolution.
const WEIGHTS: usize = 4;
/// Registers of activations.
const ACTIVATIONS: usize = 5;
/// Repetitions between two checks of how much is left to do.
const ROUNDS: usize = 30;

/// An operation on an accumulator, a register of weights and one of activations. All functions must be
/// `#[inline(always)]`, see [`Work`].
pub(super) trait Operation {
    /// How many operations one step does per lane.
    const EACH: usize;
    /// Accumulates once.
    fn step<L: Lanes>(lanes: L, sum: L::Int, weights: L::Int, activations: L::Int) -> L::Int;
    /// The result of one round of steps.
    fn end<L: Lanes>(lanes: L, sum: L::Int) -> L::Int;
}

/// ANDs words, counts their ones and adds these up.
pub(super) struct Count;

impl Operation for Count {
    const EACH: usize = 1;

    #[inline(always)]
    fn step<L: Lanes>(lanes: L, sum: L::Int, weights: L::Int, activations: L::Int) -> L::Int {
        lanes.count(sum, lanes.and(weights, activations))
    }

    #[inline(always)]
    fn end<L: Lanes>(lanes: L, sum: L::Int) -> L::Int {
        lanes.counted(sum)
    }
}

/// Adds up products of bytes.
pub(super) struct Dot;

impl Operation for Dot {
    const EACH: usize = 4;

    #[inline(always)]
    fn step<L: Lanes>(lanes: L, sum: L::Int, weights: L::Int, activations: L::Int) -> L::Int {
        lanes.dot(sum, activations, weights)
    }

    #[inline(always)]
    fn end<L: Lanes>(_: L, sum: L::Int) -> L::Int {
        sum
    }
}

/// Repeats an operation on every pair of registers, `amount` times or a little more, and does nothing else but change
/// the weights, which is one instruction in ten or twenty. Returns how many operations it did, and a result so that
/// nothing is optimized away.
pub(super) struct Repeat<O> {
    amount: u64,
    operation: PhantomData<O>,
}

impl<O> Repeat<O> {
    /// At least `amount` operations.
    pub(super) fn new(amount: u64) -> Self {
        Repeat { amount, operation: PhantomData }
    }
}

impl<O: Operation> Work for Repeat<O> {
    type Output = (u64, u32);

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> (u64, u32) {
        let per_turn = (ROUNDS * WEIGHTS * ACTIVATIONS * L::LANES * O::EACH) as u64;
        let turns = self.amount.div_ceil(per_turn);
        let mut weights = [lanes.zero(); WEIGHTS];
        let mut activations = [lanes.zero(); ACTIVATIONS];
        for i in 0..WEIGHTS {
            weights[i] = lanes.splat(0x1234_5678 + i as i32);
        }
        for j in 0..ACTIVATIONS {
            activations[j] = lanes.splat(0x6543_2100 + j as i32);
        }
        let next = lanes.splat(0x0101_0101);
        let mut total = lanes.zero();
        for _ in 0..turns {
            let mut sums = [[lanes.zero(); ACTIVATIONS]; WEIGHTS];
            for _ in 0..ROUNDS {
                for i in 0..WEIGHTS {
                    weights[i] = lanes.add(weights[i], next);
                    for j in 0..ACTIVATIONS {
                        sums[i][j] = O::step(lanes, sums[i][j], weights[i], activations[j]);
                    }
                }
            }
            for i in 0..WEIGHTS {
                for j in 0..ACTIVATIONS {
                    total = lanes.add(total, O::end(lanes, sums[i][j]));
                }
            }
        }
        let mut held = [0; super::lanes::MOST_LANES];
        lanes.store(total, L::words_mut(&mut held));
        (turns * per_turn, held[0])
    }
}
