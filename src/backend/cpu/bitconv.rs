//! Reference of `shaders/bitconv.wgsl`.

use super::epilogue::Finisher;
use super::{Arena, Output, inside};
use crate::lower::BitConv;
use crate::quant::words;

/// N_ij = 2 popcount(B_i & A_j) - popcount(A_j) over the taps inside the input, T = sum C_ij N_ij.
pub fn run(k: &BitConv, arena: &Arena, outputs: &mut [Output]) {
    let (input, spec) = (arena.read(k.input), arena.spec(k.input));
    let (w_planes, a_planes) = (k.weight_planes, k.activation_planes);
    let (words, pixel_words) = (words(spec.shape.c), spec.pixel_words());
    let channel_words = k.window.taps() * words * w_planes;
    let channels = k.weights.len() / channel_words;
    let [height, width] = [outputs[0].spec.shape.h, outputs[0].spec.shape.w];
    let mut finisher = Finisher::new(&k.epilogue, arena, channels);
    for pixel in 0..height * width {
        let taps: Vec<_> = inside(&k.window, spec.shape, pixel / width, pixel % width).collect();
        let ones = plane_counts(&taps, input, pixel_words, a_planes);
        finisher.pixel(pixel, outputs, |c| {
            let weights = &k.weights[c * channel_words..][..channel_words];
            let mut both = [0i32; 64];
            for &(at, tap) in &taps {
                let a = input[at * pixel_words..][..pixel_words].chunks_exact(a_planes);
                let b = weights[tap * words * w_planes..][..words * w_planes].chunks_exact(w_planes);
                for (a, b) in a.zip(b) {
                    for (i, &b) in b.iter().enumerate() {
                        for (j, &a) in a.iter().enumerate() {
                            both[i * a_planes + j] += (a & b).count_ones() as i32;
                        }
                    }
                }
            }
            let pairs = w_planes * a_planes;
            let coefficients = &k.coefficients[c * pairs..][..pairs];
            let terms = coefficients.iter().enumerate().map(|(p, &[h, l])| {
                let n = 2 * both[p] - ones[p % a_planes];
                (h * n, l * n)
            });
            terms.fold((0, 0), |(hi, lo), (h, l)| (hi + h, lo + l))
        });
    }
}

/// popcount(A_j) over the window, per activation plane.
fn plane_counts(taps: &[(usize, usize)], input: &[u32], pixel_words: usize, planes: usize) -> [i32; 8] {
    let mut ones = [0; 8];
    for &(at, _) in taps {
        for (w, word) in input[at * pixel_words..][..pixel_words].iter().enumerate() {
            ones[w % planes] += word.count_ones() as i32;
        }
    }
    ones
}
