//! Plain loops over arrays, which the compiler vectorizes with whatever the target is known to have.

use super::{Lanes, Work};

/// Eight lanes.
#[derive(Clone, Copy)]
pub struct Portable;

impl Portable {
    /// Always available.
    pub fn detect() -> Option<Self> {
        Some(Portable)
    }

    /// Runs `work`.
    pub fn run<W: Work>(self, work: W) -> W::Output {
        work.run(self)
    }
}

const N: usize = 8;

#[inline(always)]
fn each<A: Copy, B: Copy, C: Copy + Default>(a: [A; N], b: [B; N], f: impl Fn(A, B) -> C) -> [C; N] {
    let mut out = [C::default(); N];
    for k in 0..N {
        out[k] = f(a[k], b[k]);
    }
    out
}

/// As the arrays' own `map`, which the compiler does not always inline.
#[inline(always)]
fn map<A: Copy, B: Copy + Default>(a: [A; N], f: impl Fn(A) -> B) -> [B; N] {
    let mut out = [B::default(); N];
    for k in 0..N {
        out[k] = f(a[k]);
    }
    out
}

#[inline(always)]
fn bits(flags: [bool; N]) -> u32 {
    let mut mask = 0;
    for (k, flag) in flags.into_iter().enumerate() {
        mask |= u32::from(flag) << k;
    }
    mask
}

/// The number of ones in each byte, without a popcount instruction.
#[inline(always)]
fn byte_ones(x: i32) -> i32 {
    let x = x as u32;
    let twos = x - (x >> 1 & 0x5555_5555);
    let fours = (twos & 0x3333_3333) + (twos >> 2 & 0x3333_3333);
    ((fours + (fours >> 4)) & 0x0f0f_0f0f) as i32
}

#[inline(always)]
fn sum_of_bytes(x: i32) -> i32 {
    let x = x as u32;
    let pairs = (x & 0x00ff_00ff) + (x >> 8 & 0x00ff_00ff);
    ((pairs & 0xffff) + (pairs >> 16)) as i32
}

/// floor(x) for |x| < 2^31, without calling the C library: the low 32 bits of the sum are x rounded to an integer.
#[inline(always)]
fn floor(x: f64) -> i32 {
    const SHIFT: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52
    let sum = x + SHIFT;
    sum.to_bits() as i32 - i32::from(sum - SHIFT > x)
}

impl Lanes for Portable {
    const LANES: usize = N;
    const SUMS: usize = 12;
    /// Each call adds up to 8 to a byte, which holds 255.
    const COUNTS: usize = 31;
    const DOT_FLIP: u32 = 0;
    type Int = [i32; N];
    type Double = [f64; N];
    type Words = [u32; N];
    type Reals = [f64; N];

    #[inline(always)]
    fn words(from: &[u32]) -> &[u32; N] {
        &from.as_chunks().0[0]
    }

    #[inline(always)]
    fn words_mut(from: &mut [u32]) -> &mut [u32; N] {
        &mut from.as_chunks_mut().0[0]
    }

    #[inline(always)]
    fn load(self, from: &[u32; N]) -> [i32; N] {
        map(*from, |w| w as i32)
    }

    #[inline(always)]
    fn store(self, v: [i32; N], to: &mut [u32; N]) {
        *to = map(v, |v| v as u32);
    }

    #[inline(always)]
    fn splat(self, v: i32) -> [i32; N] {
        [v; N]
    }

    #[inline(always)]
    fn and(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        each(a, b, |a, b| a & b)
    }

    #[inline(always)]
    fn xor(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        each(a, b, |a, b| a ^ b)
    }

    #[inline(always)]
    fn add(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        each(a, b, i32::wrapping_add)
    }

    #[inline(always)]
    fn sub(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        each(a, b, i32::wrapping_sub)
    }

    #[inline(always)]
    fn min(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        each(a, b, |a, b| a.min(b))
    }

    #[inline(always)]
    fn max(self, a: [i32; N], b: [i32; N]) -> [i32; N] {
        each(a, b, |a, b| a.max(b))
    }

    #[inline(always)]
    fn shift_right<const BITS: u32>(self, a: [i32; N]) -> [i32; N] {
        map(a, |a| a >> BITS)
    }

    #[inline(always)]
    fn above(self, a: [i32; N], b: [i32; N]) -> u32 {
        bits(each(a, b, |a, b| a > b))
    }

    #[inline(always)]
    fn count(self, sums: [i32; N], x: [i32; N]) -> [i32; N] {
        self.add(sums, map(x, byte_ones))
    }

    #[inline(always)]
    fn counted(self, sums: [i32; N]) -> [i32; N] {
        map(sums, sum_of_bytes)
    }

    #[inline(always)]
    fn dot(self, sum: [i32; N], x: [i32; N], w: [i32; N]) -> [i32; N] {
        self.add(sum, each(x, w, |x, w| crate::fixed::dot4(x as u32, w as u32)))
    }

    #[inline(always)]
    fn without_fourths(self, from: &[u32; 4], flip: u32, to: &mut [u8; 16]) {
        for (to, word) in to.chunks_exact_mut(3).zip(from) {
            to.copy_from_slice(&(word ^ flip).to_le_bytes()[..3]);
        }
    }

    #[inline(always)]
    fn sum_pairs(self, a: [i32; N]) -> [u32; 2] {
        let mut sums = [0; 2];
        for k in 0..N {
            sums[k % 2] += a[k] as u32;
        }
        sums
    }

    #[inline(always)]
    fn load_reals(self, from: &[f64; N]) -> [f64; N] {
        *from
    }

    #[inline(always)]
    fn real(self, v: [i32; N]) -> [f64; N] {
        map(v, f64::from)
    }

    #[inline(always)]
    fn splat_real(self, v: f64) -> [f64; N] {
        [v; N]
    }

    #[inline(always)]
    fn multiply_add(self, a: [f64; N], b: [f64; N], c: [f64; N]) -> [f64; N] {
        each(each(a, b, |a, b| a * b), c, |ab, c| ab + c)
    }

    #[inline(always)]
    fn real_above(self, a: [f64; N], b: [f64; N]) -> u32 {
        bits(each(a, b, |a, b| a > b))
    }

    #[inline(always)]
    fn floor_scaled(self, a: [f64; N], b: [f64; N], limit: f64) -> [i32; N] {
        each(a, b, |a, b| floor((a * b).clamp(-limit, limit)))
    }
}
