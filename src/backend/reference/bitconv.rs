//! Reference of `shaders/bitconv.wgsl`.

use super::epilogue::Finisher;
use crate::backend::arena::{Arena, Output};
use crate::fixed::normalise;
use crate::lower::{BitConv, Part};
use crate::quant::words;

/// N_ij = 2 popcount(B_i & A_j) - popcount(A_j) over the taps inside the input, then T = sum C_ij N_ij over all parts.
/// Intermediate high words may wrap (see `lower::bitconv`).
pub(super) fn run(k: &BitConv, arena: &Arena, outputs: &mut [Output]) {
    let shape = outputs[0].spec.shape;
    let mut finisher = Finisher::new(&k.epilogue, arena, shape.c);
    let mut windows: Vec<Window> = k.parts.iter().map(|part| Window::new(k, part)).collect();
    // popcount(B_i & A_j) at index i * activation planes + j; the mask plane M, if there is one, is the last B_i.
    let mut both = vec![0; windows.iter().map(|w| k.stored_planes() * w.part.planes).max().unwrap_or(0)];
    for pixel in 0..shape.pixels() {
        windows.iter_mut().for_each(|w| w.gather(k, arena, pixel / shape.w, pixel % shape.w));
        finisher.pixel(pixel, outputs, |c| {
            let (mut hi, mut lo) = (0, 0);
            let mut weights = &k.weights[c * k.channel_words()..][..k.channel_words()];
            let mut coefficients = &k.coefficients[c * k.channel_pairs()..][..k.channel_pairs()];
            for (p, window) in windows.iter().enumerate() {
                let (own, rest) = weights.split_at(k.part_words(&window.part));
                let (c_own, c_rest) = coefficients.split_at(k.weight_planes * window.part.planes);
                window.count(k, own, k.first_word(c, p), &mut both);
                let ones = window.ones(k, &both);
                for (pair, &[h, l]) in c_own.iter().enumerate() {
                    let n = 2 * both[pair] - ones[pair % window.part.planes];
                    hi = h.wrapping_mul(n).wrapping_add(hi);
                    (hi, lo) = normalise(hi, lo + l * n, k.epilogue.low_bits);
                }
                (weights, coefficients) = (rest, c_rest);
            }
            (hi, lo)
        });
    }
}

/// The input under the window, in one part.
struct Window {
    part: Part,
    /// Words of one tap, `[word][plane]`.
    tap_words: usize,
    /// Tap by tap. Taps outside the input stay 0 and so add nothing to the counts.
    data: Vec<u32>,
    /// popcount(A_j).
    ones: Vec<i32>,
    counter: Counter,
}

impl Window {
    fn new(k: &BitConv, part: &Part) -> Self {
        let tap_words = words(part.channels) * part.planes;
        Window {
            part: *part,
            tap_words,
            data: vec![0; k.window.taps() * tap_words],
            ones: vec![0; part.planes],
            counter: counter(k.stored_planes(), part.planes),
        }
    }

    /// Loads the input under the window at output position (y, x).
    fn gather(&mut self, k: &BitConv, arena: &Arena, y: usize, x: usize) {
        let (input, spec) = (arena.read(k.input), arena.spec(k.input));
        self.data.fill(0);
        for (at, tap) in k.window.inside(spec.shape, y, x) {
            let row = &input[at * spec.pixel_words() + self.part.at..][..self.tap_words];
            self.data[tap * self.tap_words..][..self.tap_words].copy_from_slice(row);
        }
        self.ones.fill(0);
        for words in self.data.chunks_exact(self.part.planes) {
            for (count, word) in self.ones.iter_mut().zip(words) {
                *count += word.count_ones() as i32;
            }
        }
    }

    /// Counts the bits of all plane pairs of one output channel, which reads the part from word `first` on.
    fn count(&self, k: &BitConv, weights: &[u32], first: usize, both: &mut [i32]) {
        both.fill(0);
        let (stored, planes) = (k.stored_planes(), self.part.planes);
        if self.part.words * planes == self.tap_words {
            return (self.counter)(weights, &self.data, stored, planes, both);
        }
        let taps = weights.chunks(self.part.words.max(1) * stored).zip(self.data.chunks(self.tap_words));
        for (weights, data) in taps {
            (self.counter)(weights, &data[first * planes..][..self.part.words * planes], stored, planes, both);
        }
    }

    /// popcount(A_j) over the channels that the output channel reads.
    fn ones<'a>(&'a self, k: &BitConv, both: &'a [i32]) -> &'a [i32] {
        if k.mask.is_some() { &both[k.weight_planes * self.part.planes..] } else { &self.ones }
    }
}

type Counter = fn(&[u32], &[u32], usize, usize, &mut [i32]);

/// The function that counts plane pairs for these numbers of planes; the usual ones have loops of fixed length.
fn counter(w_planes: usize, a_planes: usize) -> Counter {
    match (w_planes, a_planes) {
        (1, 1) => count_fixed::<1, 1>,
        (1, 2) => count_fixed::<1, 2>,
        (2, 1) => count_fixed::<2, 1>,
        (2, 2) => count_fixed::<2, 2>,
        (3, 3) => count_fixed::<3, 3>,
        (4, 4) => count_fixed::<4, 4>,
        (1, 32) => count_fixed::<1, 32>,
        (2, 32) => count_fixed::<2, 32>,
        _ => count,
    }
}

/// Adds popcount(B_i & A_j) to `both` for all i and j. Both operands are `[word][plane]`.
fn count(b: &[u32], a: &[u32], w_planes: usize, a_planes: usize, both: &mut [i32]) {
    for (b, a) in b.chunks_exact(w_planes).zip(a.chunks_exact(a_planes)) {
        for (i, &b) in b.iter().enumerate() {
            for (j, &a) in a.iter().enumerate() {
                both[i * a_planes + j] += (a & b).count_ones() as i32;
            }
        }
    }
}

/// [`count`] with plane counts known at compile time, so that the sums can stay in registers.
fn count_fixed<const W: usize, const A: usize>(b: &[u32], a: &[u32], _: usize, _: usize, both: &mut [i32]) {
    let mut sums = [[0; A]; W];
    for (b, a) in b.as_chunks::<W>().0.iter().zip(a.as_chunks::<A>().0) {
        for (sums, &b) in sums.iter_mut().zip(b) {
            for (sum, &a) in sums.iter_mut().zip(a) {
                *sum += (a & b).count_ones() as i32;
            }
        }
    }
    both.iter_mut().zip(sums.as_flattened()).for_each(|(both, sum)| *both += sum);
}
