//! Weights of convolutions in groups, for four output channels at a time.
//!
//! In a program every output channel reads the words of its own group. On a GPU all channels of a quad read the same
//! words: from the first that any of them needs on, and as many as the quad with the widest span needs. Weights of
//! words that a channel does not read are 0.

use super::super::table::QUAD;

/// The words of one part of the input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    /// Words that an output channel reads.
    pub words: usize,
    /// Words there are.
    pub total: usize,
}

/// Weights arranged so that all channels of a quad read the same words.
pub(super) struct QuadWeights {
    /// For each output channel `[part][tap, words, stored]`.
    pub weights: Vec<u32>,
    /// Words that every quad reads of each part.
    pub words: Vec<usize>,
    /// The first of them, `[quad, part]`.
    pub first: Vec<usize>,
}

/// Aligns weights `[out][part][tap, words, stored]`, where output channel c reads part p from word `first(c, p)` on.
pub(super) fn align(
    weights: &[u32],
    channels: usize,
    taps: usize,
    stored: usize,
    parts: &[Reach],
    first: impl Fn(usize, usize) -> usize,
) -> QuadWeights {
    let members = |quad: usize| quad * QUAD..channels.min((quad + 1) * QUAD);
    let quads = channels.div_ceil(QUAD);
    let start = |quad: usize, p: usize| members(quad).map(|c| first(c, p)).min().unwrap_or(0);
    let end = |quad: usize, p: usize| members(quad).map(|c| first(c, p) + parts[p].words).max().unwrap_or(0);
    let widest = |p: usize| (0..quads).map(|q| end(q, p) - start(q, p)).max().unwrap_or(0);
    let words: Vec<usize> = (0..parts.len()).map(widest).collect();
    let fitted = |quad: usize, p: usize| start(quad, p).min(parts[p].total - words[p]);
    let mut aligned = QuadWeights { weights: Vec::new(), first: Vec::new(), words: words.clone() };
    aligned.first.extend((0..quads).flat_map(|q| (0..parts.len()).map(move |p| (q, p))).map(|(q, p)| fitted(q, p)));
    let mut rest = weights;
    for c in 0..channels {
        for (p, part) in parts.iter().enumerate() {
            for _ in 0..taps {
                let (own, behind) = rest.split_at(part.words * stored);
                rest = behind;
                let begin = aligned.weights.len();
                aligned.weights.resize(begin + words[p] * stored, 0);
                let at = begin + (first(c, p) - fitted(c / QUAD, p)) * stored;
                aligned.weights[at..][..own.len()].copy_from_slice(own);
            }
        }
    }
    aligned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quads_read_from_their_first_channels_first_word() {
        // Six channels, one tap, two words each of seven; the second quad must begin early enough to end inside.
        let first = [0, 0, 1, 1, 5, 5];
        let weights: Vec<u32> = (1..=12).collect();
        let aligned = align(&weights, 6, 1, 1, &[Reach { words: 2, total: 7 }], |c, _| first[c]);
        assert_eq!((aligned.words, aligned.first), (vec![3], vec![0, 4]));
        assert_eq!(aligned.weights, [1, 2, 0, 3, 4, 0, 0, 5, 6, 0, 7, 8, 0, 9, 10, 0, 11, 12]);
    }
}
