//! NEON (all 64-bit ARM processors).

use super::operations::{LANES, LEVELS, Scalar, Vectors, Work};
use super::registers::vectors;
use crate::instructions::enable_features;
use std::arch::aarch64::*;

/// Four registers of four numbers each, or eight of two with 64 bits.
#[derive(Clone, Copy)]
pub(crate) struct Neon(());

enable_features!(pub(crate) Neon: Work<R> where <R: Scalar> Vectors<R>, is_aarch64_feature_detected, ["neon"]);

vectors! {
    impl Vectors<f32> for Neon;
    registers = [0, 1, 2, 3] of float32x4_t, 4 numbers each;
    sums = 6;
    splat = vdupq_n_f32;
    load = vld1q_f32;
    store = vst1q_f32;
    add = vaddq_f32;
    sub = vsubq_f32;
    mul = vmulq_f32;
    multiply_add = |a, b, c| vfmaq_f32(c, a, b);
    where_above = |x, t, a, b| vbslq_f32(vcgtq_f32(x, t), a, b);
    {
        #[inline(always)]
        fn store_codes(self, v: Self::V, to: &mut [u8; LANES]) {
            // SAFETY: `self` is the proof that the processor has NEON; `to` has sixteen bytes.
            unsafe {
                let words = |k: usize| vcombine_u16(vmovn_u32(vcvtq_u32_f32(v[k])), vmovn_u32(vcvtq_u32_f32(v[k + 1])));
                vst1q_u8(to.as_mut_ptr(), vcombine_u8(vmovn_u16(words(0)), vmovn_u16(words(2))));
            }
        }

        /// Looks the four bytes of each number up in a table of all levels' bytes.
        #[inline(always)]
        fn look_up(self, levels: &[f32; LEVELS], codes: &[u8; LANES]) -> Self::V {
            const FIRST: [[u8; LANES]; 4] = [first(0), first(4), first(8), first(12)];
            const BYTE: [u8; LANES] = [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3];
            // SAFETY: `self` is the proof that the processor has NEON; all arrays are as long as what is read.
            unsafe {
                let bytes = levels.as_ptr().cast::<u8>();
                let table = uint8x16x4_t(
                    vld1q_u8(bytes),
                    vld1q_u8(bytes.add(LANES)),
                    vld1q_u8(bytes.add(2 * LANES)),
                    vld1q_u8(bytes.add(3 * LANES)),
                );
                let starts = vshlq_n_u8::<2>(vld1q_u8(codes.as_ptr()));
                std::array::from_fn(|k| {
                    let own = vqtbl1q_u8(starts, vld1q_u8(FIRST[k].as_ptr()));
                    vreinterpretq_f32_u8(vqtbl4q_u8(table, vaddq_u8(own, vld1q_u8(BYTE.as_ptr()))))
                })
            }
        }
    }
}

vectors! {
    impl Vectors<f64> for Neon;
    registers = [0, 1, 2, 3, 4, 5, 6, 7] of float64x2_t, 2 numbers each;
    sums = 2;
    splat = vdupq_n_f64;
    load = vld1q_f64;
    store = vst1q_f64;
    add = vaddq_f64;
    sub = vsubq_f64;
    mul = vmulq_f64;
    multiply_add = |a, b, c| vfmaq_f64(c, a, b);
    where_above = |x, t, a, b| vbslq_f64(vcgtq_f64(x, t), a, b);
    {}
}

/// Four lanes from `lane` on, each four times.
const fn first(lane: u8) -> [u8; LANES] {
    let mut all = [0; LANES];
    let mut at = 0;
    while at < LANES {
        all[at] = lane + at as u8 / 4;
        at += 1;
    }
    all
}
