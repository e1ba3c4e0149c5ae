//! What one thread could do at best: the ceiling that bit convolutions are compared with.

use super::lanes::{Lanes, Work};

/// Weight and activation registers; each pair has a sum, as in the inner loop of a bit convolution.
const WEIGHTS: usize = 4;
const ACTIVATIONS: usize = 5;
/// Rounds between two looks at how many words are left.
const ROUNDS: usize = 30;

/// ANDs, counts and adds about so many words in registers, and nothing else but moving on the weights, which is one
/// operation in sixteen. Gives how many words they were, and what they held, so that nothing is optimised away.
pub struct Popcounts {
    pub words: u64,
}

impl Work for Popcounts {
    type Output = (u64, u32);

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> (u64, u32) {
        let per_turn = (ROUNDS * WEIGHTS * ACTIVATIONS * L::LANES) as u64;
        let turns = self.words.div_ceil(per_turn);
        let mut weights = [lanes.zero(); WEIGHTS];
        let mut activations = [lanes.zero(); ACTIVATIONS];
        for i in 0..WEIGHTS {
            weights[i] = lanes.splat(0x1234_5678 + i as i32);
        }
        for j in 0..ACTIVATIONS {
            activations[j] = lanes.splat(0x6543_2100 + j as i32);
        }
        let step = lanes.splat(0x0101_0101);
        let mut total = lanes.zero();
        for _ in 0..turns {
            let mut sums = [[lanes.zero(); ACTIVATIONS]; WEIGHTS];
            for _ in 0..ROUNDS {
                for i in 0..WEIGHTS {
                    weights[i] = lanes.add(weights[i], step);
                    for j in 0..ACTIVATIONS {
                        sums[i][j] = lanes.count(sums[i][j], lanes.and(weights[i], activations[j]));
                    }
                }
            }
            for i in 0..WEIGHTS {
                for j in 0..ACTIVATIONS {
                    total = lanes.add(total, lanes.counted(sums[i][j]));
                }
            }
        }
        let mut held = [0; super::lanes::MOST_LANES];
        lanes.store(total, L::words_mut(&mut held));
        (turns * per_turn, held[0])
    }
}
