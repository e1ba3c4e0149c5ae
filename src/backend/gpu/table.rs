//! Per-channel numbers in the order in which shaders read them. Either four neighbouring channels, a quad, make a vector,
//! and each quad has a fixed number of such vectors, its rows. Or neighbouring invocations read the numbers of
//! neighbouring channels, and the rows are those of a span of channels. The buffer and the constants that number the rows
//! come from one list.

use super::header::Header;

/// Channels of a quad: shaders process four neighbouring channels as one vector.
pub(super) const QUAD: usize = 4;
/// Quads whose codes fill one word per plane.
pub(super) const GROUP_QUADS: usize = 8;

/// A table with a number per row and channel.
pub(super) struct Table<'a> {
    channels: usize,
    /// Channels that lie side by side: those of a quad or of a span.
    together: usize,
    /// Words of an element of the buffer.
    element: usize,
    rows: Vec<Box<dyn Fn(usize) -> i32 + 'a>>,
    /// What each row has for channels past the last one.
    padding: Vec<i32>,
    tail: Vec<u32>,
    /// Name of the constant for each part of the tail, and where it begins, in words.
    tails: Vec<(&'static str, usize)>,
}

impl<'a> Table<'a> {
    /// A table without rows, of vectors of a quad.
    pub(super) fn new(channels: usize) -> Self {
        Self::of(channels, QUAD, QUAD)
    }

    /// A table without rows, of words, with `span` channels side by side.
    pub(super) fn of_spans(channels: usize, span: usize) -> Self {
        Self::of(channels, span, 1)
    }

    fn of(channels: usize, together: usize, element: usize) -> Self {
        let (rows, padding, tail, tails) = Default::default();
        Table { channels, together, element, rows, padding, tail, tails }
    }

    /// Adds a row and returns its index. `padding` is what channels past the last one have.
    pub(super) fn row(&mut self, padding: i32, number: impl Fn(usize) -> i32 + 'a) -> usize {
        self.rows.push(Box::new(number));
        self.padding.push(padding);
        self.rows.len() - 1
    }

    /// Adds words behind the quads, starting at a whole vector; the constant `name` says at which.
    pub(super) fn tail(&mut self, name: &'static str, words: Vec<u32>) {
        self.tails.push((name, self.tail.len()));
        self.tail.extend(words);
        self.tail.resize(self.tail.len().next_multiple_of(QUAD), 0);
    }

    /// Rows so far.
    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Quads of channels.
    pub(super) fn quads(&self) -> usize {
        self.channels.div_ceil(QUAD)
    }

    /// Words of all rows.
    fn row_words(&self) -> usize {
        self.channels.next_multiple_of(self.together) * self.rows.len()
    }

    /// Adds the constants ROWS and QUADS, and those of the tails (in elements).
    pub(super) fn describe(&self, header: &mut Header) {
        header.number("ROWS", self.rows.len()).shape("QUADS", self.quads());
        for &(name, at) in &self.tails {
            header.shape(name, (self.row_words() + at) / self.element);
        }
    }

    /// The buffer.
    pub(super) fn words(&self) -> Vec<u32> {
        let mut words = Vec::with_capacity(self.row_words() + self.tail.len());
        for first in (0..self.channels).step_by(self.together) {
            for (row, padding) in self.rows.iter().zip(&self.padding) {
                let channels = first..first + self.together;
                words.extend(channels.map(|c| if c < self.channels { row(c) } else { *padding } as u32));
            }
        }
        words.extend(&self.tail);
        words.resize(words.len().max(QUAD), 0);
        words
    }
}

/// Weights `[out][row]` as vectors of four output channels: `[quad][row]`. Channels past the last are 0.
pub(super) fn quad_weights(weights: &[u32], channels: usize) -> Vec<u32> {
    let row = weights.len() / channels.max(1);
    let at = |c: usize, i: usize| if c < channels { weights[c * row + i] } else { 0 };
    let quads = 0..channels.div_ceil(QUAD);
    quads.flat_map(|q| (0..row).flat_map(move |i| (0..QUAD).map(move |k| at(q * QUAD + k, i)))).collect()
}

/// Bits of the codes by rank: bit `r % 32` of word `plane * words + r / 32` is bit `plane` of the code of rank r.
/// Returns the words and how many there are per plane.
pub(super) fn code_bits(codes_of_ranks: &[u16], bits: usize) -> (Vec<u32>, usize) {
    let per_plane = codes_of_ranks.len().div_ceil(32);
    let mut words = vec![0; bits * per_plane];
    for (rank, code) in codes_of_ranks.iter().enumerate() {
        for plane in 0..bits {
            words[plane * per_plane + rank / 32] |= u32::from(code >> plane & 1) << (rank % 32);
        }
    }
    (words, per_plane)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quads_interleave_channels_and_pad() {
        assert_eq!(
            quad_weights(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 5),
            [1, 3, 5, 7, 2, 4, 6, 8, 9, 0, 0, 0, 10, 0, 0, 0]
        );
        let mut table = Table::new(5);
        assert_eq!(table.row(7, |c| c as i32), 0);
        assert_eq!(table.row(-1, |c| 10 * c as i32), 1);
        table.tail("CODES", vec![99]);
        let expect: Vec<u32> =
            [0, 1, 2, 3, 0, 10, 20, 30, 4, 7, 7, 7, 40, -1, -1, -1, 99, 0, 0, 0].map(|v: i32| v as u32).to_vec();
        assert_eq!(table.words(), expect);
    }

    #[test]
    fn spans_hold_more_channels_than_quads() {
        let mut table = Table::of_spans(10, 8);
        table.row(7, |c| c as i32);
        table.row(-1, |c| 10 * c as i32);
        table.tail("CODES", vec![99]);
        let words = table.words();
        assert_eq!(words[..8], [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(words[16..20], [8, 9, 7, 7]);
        assert_eq!((words[24], words[26] as i32, words[32], words.len()), (80, -1, 99, 36));
    }

    #[test]
    fn code_bits_are_indexed_by_rank() {
        assert_eq!(code_bits(&[0, 2, 1, 3], 2), (vec![0b1100, 0b1010], 1));
        assert_eq!(code_bits(&[1; 64], 6).1, 2);
    }
}
