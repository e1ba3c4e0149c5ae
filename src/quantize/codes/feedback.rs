//! *Error feedback* (GPTQ, Frantar et al. 2023, in the form of Chee et al. 2023). With M = R' R for the metric M, R upper
//! triangular, differences e = w* - q cost
//!
//! ```text
//! e M e' = sum over i of R[i][i]^2 (e[i] + sum over j > i of R[i][j] / R[i][i] e[j])^2
//! ```
//!
//! Going from the last input to the first, each term is least for the level nearest to w*[i] plus what the codes that are
//! chosen already ask for. Inputs that vary most come last, so they are chosen first.
//!
//! Inputs are taken in blocks: what the codes of a block ask of all inputs before it is one product of matrices, for all
//! outputs together.

use super::channel::{Channel, Table};
use crate::float::{Extent, View, add_product_in_parallel};
use crate::quantize::problem::Problem;
use rayon::prelude::*;

/// Inputs of a block.
const BLOCK: usize = 48;

/// The codes of the outputs from number `first`, one for each basis.
pub(super) fn choose_codes(problem: &Problem, first: usize, bases: Vec<Vec<f32>>) -> Vec<Channel> {
    let depth = problem.depth;
    let mut outputs: Vec<Output> =
        bases.into_iter().enumerate().map(|(at, basis)| Output::new(problem.target_of(first + at), basis)).collect();
    // Of each output and input i the sum over j > i of R[i][j] e[j], as far as codes are chosen.
    let mut sums = vec![0.0; outputs.len() * depth];
    for start in (0..depth).step_by(BLOCK).rev() {
        let block = Block::new(problem, start);
        let mut differences = vec![0.0; outputs.len() * block.width];
        let rows = sums.par_chunks_exact_mut(depth).zip(differences.par_chunks_exact_mut(block.width));
        outputs.par_iter_mut().zip(rows).for_each(|(output, (sums, differences))| {
            output.choose(&block, &mut sums[start..][..block.width], differences);
        });
        let extent = Extent { rows: outputs.len(), depth: block.width, columns: start };
        let before = View::of(&problem.factor.upper[start..], depth).transposed();
        add_product_in_parallel(&mut sums, depth, View::of(&differences, block.width), before, extent);
    }
    outputs.into_iter().map(|output| output.channel).collect()
}

/// The square of R at a block on its diagonal, with rows and columns exchanged: row j holds R[i][j] for i <= j.
struct Block {
    start: usize,
    width: usize,
    columns: Vec<f64>,
}

impl Block {
    fn new(problem: &Problem, start: usize) -> Self {
        let width = BLOCK.min(problem.depth - start);
        let at = |i: usize, j: usize| problem.factor.upper[(start + i) * problem.depth + start + j];
        Block { start, width, columns: (0..width).flat_map(|j| (0..width).map(move |i| at(i, j))).collect() }
    }
}

struct Output<'a> {
    target: &'a [f64],
    table: Table,
    channel: Channel,
}

impl<'a> Output<'a> {
    fn new(target: &'a [f64], basis: Vec<f32>) -> Self {
        let table = Table::new(&basis);
        Output { target, table, channel: Channel::unset(basis, target.len()) }
    }

    /// Chooses the codes of a block, from the last to the first. `differences` become e.
    fn choose(&mut self, block: &Block, sums: &mut [f64], differences: &mut [f64]) {
        for (j, column) in block.columns.chunks_exact(block.width).enumerate().rev() {
            let at = block.start + j;
            let rank = self.table.rank(self.target[at] + sums[j] / column[j]);
            self.channel.put(at, &self.table, rank);
            differences[j] = self.target[at] - self.channel.weights[at];
            sums[..j].iter_mut().zip(column).for_each(|(sum, r)| *sum += r * differences[j]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::problem;
    use super::*;

    #[test]
    fn blocks_choose_what_one_input_after_the_other_does() {
        for depth in [1, 47, 48, 49, 130] {
            let problem = problem(8, depth);
            let bases: Vec<Vec<f32>> = (1..=2).map(|v| vec![0.1 * v as f32, 0.25 * v as f32]).collect();
            for (at, found) in choose_codes(&problem, 2, bases.clone()).into_iter().enumerate() {
                let (target, table) = (problem.target_of(2 + at), Table::new(&bases[at]));
                let mut expected = Channel::unset(bases[at].clone(), depth);
                for i in (0..depth).rev() {
                    let factor = |j: usize| problem.factor.upper[i * depth + j];
                    let e = |j: usize| target[j] - expected.weights[j];
                    let asked = target[i] + (i + 1..depth).map(|j| factor(j) / factor(i) * e(j)).sum::<f64>();
                    expected.put(i, &table, table.rank(asked));
                }
                assert_eq!(found.codes, expected.codes, "depth {depth}");
                assert_eq!(found.weights, expected.weights, "depth {depth}");
            }
        }
    }
}
