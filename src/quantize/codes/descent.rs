//! *Descent*. A change of one weight by d changes the cost by M[i][i] d^2 - 2 d g[i], where g = (w* - q) M. So the best
//! level for it is the one nearest to q[i] + g[i] / M[i][i]. Weights take turns, in the order of error feedback, until none
//! changes or [`SWEEPS`] are over. Then the basis is refitted and it starts again, until that improves nothing or [`ROUNDS`]
//! are over.

use super::channel::{Channel, Table};
use super::refit::Refitted;
use crate::quantize::problem::Problem;

/// Rounds of descent and refit.
const ROUNDS: usize = 6;
/// Turns of all weights in one descent.
const SWEEPS: usize = 12;
/// By how much a round has to lower the cost for another one to follow.
const LEAST_GAIN: f64 = 1e-6;

/// Descent and refit in turns.
pub(super) fn descend(problem: &Problem, output: usize, mut best: Refitted) -> Refitted {
    for _ in 0..ROUNDS {
        let channel = one_descent(problem, &best.channel, best.gradient(problem, output));
        let next = best.clone().with_codes(problem, output, channel);
        let goes_on = next.cost < best.cost * (1.0 - LEAST_GAIN);
        if next.cost < best.cost {
            best = next;
        }
        if !goes_on {
            break;
        }
    }
    best
}

pub(super) fn one_descent(problem: &Problem, channel: &Channel, mut gradient: Vec<f64>) -> Channel {
    let (depth, table) = (problem.depth, Table::new(&channel.basis));
    let mut channel = channel.clone();
    for _ in 0..SWEEPS {
        let mut changed = false;
        for i in (0..depth).rev() {
            let row = &problem.metric[i * depth..][..depth];
            let rank = table.rank(channel.weights[i] + gradient[i] / row[i]);
            let change = table.values[rank] - channel.weights[i];
            if change * (2.0 * gradient[i] - change * row[i]) > 0.0 {
                channel.put(i, &table, rank);
                gradient.iter_mut().zip(row).for_each(|(g, m)| *g -= change * m);
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    channel
}
