//! What one thread could do at best: the ceilings that bit convolutions and limb convolutions are compared with.

use super::lanes::{Lanes, Work};
use std::marker::PhantomData;

/// Weight and activation registers; each pair has a sum, as in the inner loop of a convolution.
const WEIGHTS: usize = 4;
const ACTIVATIONS: usize = 5;
/// Rounds between two looks at how much is left.
const ROUNDS: usize = 30;

/// What is done with a sum, a register of weights and one of activations. All must be `#[inline(always)]`, see [`Work`].
pub trait Operation {
    /// How much it does for a lane.
    const EACH: usize;
    fn step<L: Lanes>(lanes: L, sum: L::Int, weights: L::Int, activations: L::Int) -> L::Int;
    /// What the sum of one turn is.
    fn end<L: Lanes>(lanes: L, sum: L::Int) -> L::Int;
}

/// ANDs, counts and adds words.
pub struct Count;

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

/// Adds products of bytes.
pub struct Dot;

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

/// Does an operation with every pair of registers over and over, about so much, and nothing else but moving on the weights,
/// which is one operation in ten or twenty. Gives how much it was, and a result, so that nothing is optimised away.
pub struct Repeat<O> {
    amount: u64,
    operation: PhantomData<O>,
}

impl<O> Repeat<O> {
    pub fn new(amount: u64) -> Self {
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
