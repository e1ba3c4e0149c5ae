//! Reference of `shaders/limbconv.wgsl`.

use super::epilogue::Finisher;
use crate::backend::arena::{Arena, Output};
use crate::fixed::{LIMB_LANES, WEIGHT_LIMBS, dot4};
use crate::lower::{LimbConv, LimbSum, Repr, TensorSpec};
use crate::tensor::Window;

/// Most diagonals: four input limbs by [`WEIGHT_LIMBS`] weight limbs.
const MAX_DIAGONALS: usize = 4 + WEIGHT_LIMBS - 1;

/// Convolution of limbs with an epilogue.
pub(super) fn run(k: &LimbConv, arena: &Arena, outputs: &mut [Output]) {
    let conv = Diagonals::new(arena.read(k.input), arena.spec(k.input), &k.window, &k.weights, k.words);
    let shape = outputs[0].spec.shape;
    let mut finisher = Finisher::new(&k.epilogue, arena, shape.c);
    for pixel in 0..shape.pixels() {
        let taps: Vec<_> = k.window.inside(conv.spec.shape, pixel / shape.w, pixel % shape.w).collect();
        finisher.pixel(pixel, outputs, |c| {
            let first = k.first_words.as_ref().map_or(0, |f| f[c] as usize);
            combine(&conv.channel(&taps, c, first)[..conv.count], k.drop)
        });
    }
}

/// Convolution of limbs whose result is the diagonals.
pub(super) fn run_sums(k: &LimbSum, arena: &Arena, output: &mut [u32]) {
    let spec = arena.spec(k.input);
    let conv = Diagonals::new(arena.read(k.input), spec, &k.window, &k.weights, spec.shape.c.div_ceil(LIMB_LANES));
    let taps: Vec<_> = k.window.inside(conv.spec.shape, 0, 0).collect();
    for (c, sums) in output.chunks_exact_mut(conv.count).enumerate() {
        for (sum, d) in sums.iter_mut().zip(conv.channel(&taps, c, 0)) {
            *sum = d as u32;
        }
    }
}

struct Diagonals<'a> {
    input: &'a [u32],
    spec: &'a TensorSpec,
    weights: &'a [u32],
    taps: usize,
    /// Words of four channels that an output channel multiplies, per tap.
    words: usize,
    limbs: usize,
    /// Number of diagonals for these limbs.
    count: usize,
}

impl<'a> Diagonals<'a> {
    fn new(input: &'a [u32], spec: &'a TensorSpec, window: &Window, weights: &'a [u32], words: usize) -> Self {
        let limbs = if let Repr::Limbs { limbs, .. } = spec.repr { limbs } else { 1 };
        Diagonals { input, spec, weights, taps: window.taps(), words, limbs, count: limbs + WEIGHT_LIMBS - 1 }
    }

    /// D_d = sum over taps and p + q = d of x_p W_q for output channel `c`, which reads from word `first` on.
    fn channel(&self, taps: &[(usize, usize)], c: usize, first: usize) -> [i32; MAX_DIAGONALS] {
        let pixel_words = self.spec.pixel_words();
        let tap_words = self.words * WEIGHT_LIMBS;
        let mut sums = [0; MAX_DIAGONALS];
        for &(at, tap) in taps {
            let row = &self.input[at * pixel_words..][..pixel_words];
            let x = row[first * self.limbs..].chunks_exact(self.limbs);
            let w = self.weights[(c * self.taps + tap) * tap_words..][..tap_words].chunks_exact(WEIGHT_LIMBS);
            for (x, w) in x.zip(w) {
                for (p, &x) in x.iter().enumerate() {
                    for (q, &w) in w.iter().enumerate() {
                        sums[p + q] += dot4(x, w);
                    }
                }
            }
        }
        sums
    }
}

/// Combines diagonals: floor((sum D_d 256^d) / 256^drop) as two words with a 16-bit low word. The high word is proved
/// to fit; intermediate sums may wrap.
fn combine(diagonals: &[i32], drop: usize) -> (i32, i32) {
    let (mut carry, mut hi, mut lo) = (0, 0i32, 0);
    for (d, &sum) in diagonals.iter().enumerate() {
        let sum = sum + carry;
        carry = 0;
        if d < drop + 2 {
            carry = sum >> 8;
            if d >= drop {
                lo |= (sum & 255) << (8 * (d - drop));
            }
        } else {
            hi = hi.wrapping_add(sum.wrapping_shl(8 * (d - drop - 2) as u32));
        }
    }
    // If there are fewer diagonals than digits, the last carry still has to reach the high word.
    for d in diagonals.len()..drop + 2 {
        if d >= drop {
            lo |= (carry & 255) << (8 * (d - drop));
        }
        carry >>= 8;
    }
    (hi.wrapping_add(carry), lo)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::combine_diagonals;

    #[test]
    fn combining_is_floor_division() {
        let cases: [&[i32]; 5] = [
            &[1, 2, 3],
            &[-1, -70_000, 5_000],
            &[i32::MAX / 2, -i32::MAX / 2, 77],
            &[-5, 1 << 30, -(1 << 29), 1 << 28, 12_345, -3],
            &[3, -4, 5, -6, 7, -8],
        ];
        for diagonals in cases {
            for drop in 0..6 {
                let exact = combine_diagonals(diagonals) >> (8 * drop);
                if i32::try_from(exact >> 16).is_ok() {
                    let (hi, lo) = combine(diagonals, drop);
                    assert_eq!((i128::from(hi) << 16) + i128::from(lo), exact, "{diagonals:?} drop {drop}");
                }
            }
        }
    }
}
