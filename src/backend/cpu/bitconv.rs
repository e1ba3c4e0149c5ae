//! Reference of `shaders/bitconv.wgsl`.

use super::epilogue::Finisher;
use super::{Arena, Output, inside};
use crate::lower::BitConv;
use crate::quant::words;

/// popcount(B_i & A_j) or N_ij, at index i * activation planes + j; up to 8 x 8 planes.
type Pairs = [i32; 64];

/// N_ij = 2 popcount(B_i & A_j) - popcount(A_j) over the taps inside the input, T = sum C_ij N_ij.
pub fn run(k: &BitConv, arena: &Arena, outputs: &mut [Output]) {
    let (input, spec) = (arena.read(k.input), arena.spec(k.input));
    let (w_planes, a_planes) = (k.weight_planes, k.activation_planes);
    let pairs = w_planes * a_planes;
    let pixel_words = spec.pixel_words();
    let channel_words = k.window.taps() * words(spec.shape.c) * w_planes;
    let channels = k.weights.len() / channel_words;
    let [height, width] = [outputs[0].spec.shape.h, outputs[0].spec.shape.w];
    let counts = counter(w_planes, a_planes);
    let mut finisher = Finisher::new(&k.epilogue, arena, channels);
    // The words under the window, tap by tap; taps outside the input stay 0 and so count nothing.
    let mut window = vec![0; k.window.taps() * pixel_words];
    for pixel in 0..height * width {
        window.fill(0);
        for (at, tap) in inside(&k.window, spec.shape, pixel / width, pixel % width) {
            window[tap * pixel_words..][..pixel_words].copy_from_slice(&input[at * pixel_words..][..pixel_words]);
        }
        let ones = plane_counts(&window, a_planes);
        finisher.pixel(pixel, outputs, |c| {
            let weights = &k.weights[c * channel_words..][..channel_words];
            let both = counts(weights, &window, w_planes, a_planes);
            let coefficients = &k.coefficients[c * pairs..][..pairs];
            let terms = coefficients.iter().zip(both).enumerate().map(|(p, (&[h, l], both))| {
                let n = 2 * both - ones[p % a_planes];
                (h * n, l * n)
            });
            terms.fold((0, 0), |(hi, lo), (h, l)| (hi + h, lo + l))
        });
    }
}

/// popcount(A_j) per activation plane.
fn plane_counts(window: &[u32], planes: usize) -> [i32; 8] {
    let mut ones = [0; 8];
    for words in window.chunks_exact(planes) {
        for (count, word) in ones.iter_mut().zip(words) {
            *count += word.count_ones() as i32;
        }
    }
    ones
}

type Counter = fn(&[u32], &[u32], usize, usize) -> Pairs;

/// The pair counter for these plane counts, with loops of known length for the usual ones.
fn counter(w_planes: usize, a_planes: usize) -> Counter {
    match (w_planes, a_planes) {
        (1, 1) => count_fixed::<1, 1>,
        (1, 2) => count_fixed::<1, 2>,
        (2, 1) => count_fixed::<2, 1>,
        (2, 2) => count_fixed::<2, 2>,
        (3, 3) => count_fixed::<3, 3>,
        (4, 4) => count_fixed::<4, 4>,
        _ => count,
    }
}

/// popcount(B_i & A_j) for all i and j; both operands are `[word][plane]`.
#[inline(always)]
fn count(b: &[u32], a: &[u32], w_planes: usize, a_planes: usize) -> Pairs {
    let mut both = [0; 64];
    for (b, a) in b.chunks_exact(w_planes).zip(a.chunks_exact(a_planes)) {
        for (i, &b) in b.iter().enumerate() {
            for (j, &a) in a.iter().enumerate() {
                both[i * a_planes + j] += (a & b).count_ones() as i32;
            }
        }
    }
    both
}

fn count_fixed<const W: usize, const A: usize>(b: &[u32], a: &[u32], _: usize, _: usize) -> Pairs {
    count(b, a, W, A)
}
