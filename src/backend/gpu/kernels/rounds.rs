//! How often the loops of one invocation go round at most. Some devices end loops early without a word: Mesa's llvmpipe
//! lets an invocation make 65,535 rounds, all of its loops together. Every launch states a bound
//! ([`Launch::rounds`](super::Launch)), worked out in the order of its shader's loops, so that layers which such a device
//! would compute wrongly are divided among more invocations, or refused.
//!
//! Loops that the host unrolls do not count. Those that a driver unrolls do, because nobody knows which these are.

/// The rounds of a loop that runs its body `times` times, where the loops of the body make `body` rounds. The round that
/// finds the loop at its end counts too.
pub(crate) fn rounds(times: usize, body: usize) -> usize {
    times.saturating_mul(body.saturating_add(1)).saturating_add(1)
}

/// The rounds of a loop over the taps of a window, row by row.
pub(crate) fn rounds_of_taps(kernel: [usize; 2], body: usize) -> usize {
    rounds(kernel[0], rounds(kernel[1], body))
}

/// The smallest number of shares, a power of two up to `most`, among which work must be divided so that none takes more
/// than `limit` rounds.
pub(super) fn shares(most: usize, limit: usize, rounds_with: impl Fn(usize) -> usize) -> Option<usize> {
    std::iter::successors(Some(1), |n| Some(2 * n)).take_while(|n| *n <= most).find(|n| rounds_with(*n) <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_loops_multiply_and_add_their_last_rounds() {
        assert_eq!((rounds(0, 5), rounds(7, 0)), (1, 8));
        assert_eq!(rounds(3, rounds(2, 0)), 3 * 4 + 1);
        assert_eq!(rounds_of_taps([3, 2], 0), 13);
        assert_eq!(rounds(usize::MAX, 2), usize::MAX);
    }

    #[test]
    fn work_is_divided_no_more_than_needed() {
        let with = |n: usize| 1000 / n;
        assert_eq!([1000, 999, 250, 10].map(|limit| shares(64, limit, with)), [Some(1), Some(2), Some(4), None]);
    }
}
