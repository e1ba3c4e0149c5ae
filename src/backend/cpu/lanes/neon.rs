//! NEON, which every 64-bit ARM processor has, with or without `dotprod` (Cortex-A55, -A76, Apple M1 and later).

use super::{Lanes, Work};
use crate::instructions::enable_features;
use std::arch::aarch64::*;
use std::arch::asm;

/// Four lanes. With `DOT`, bytes are multiplied by `dotprod`'s `sdot`.
#[derive(Clone, Copy)]
pub struct Neon<const DOT: bool>(());

enable_features!(pub Neon<false>: Work, is_aarch64_feature_detected, ["neon"]);
enable_features!(pub Neon<true>: Work, is_aarch64_feature_detected, ["neon", "dotprod"]);

/// Bit k of the result is set where lane k is all ones.
#[target_feature(enable = "neon")]
#[inline]
fn mask(lanes: uint32x4_t) -> u32 {
    const BITS: [u32; 4] = [1, 2, 4, 8];
    // SAFETY: the constant is as long as the register.
    let bits = unsafe { vld1q_u32(BITS.as_ptr()) };
    vaddvq_u32(vandq_u32(lanes, bits))
}

impl<const DOT: bool> Lanes for Neon<DOT> {
    const LANES: usize = 4;
    const SUMS: usize = 21;
    /// Each call adds up to 8 to a byte, which holds 255.
    const COUNTS: usize = 31;
    const DOT_FLIP: u32 = 0;
    type Int = int32x4_t;
    type Double = [float64x2_t; 2];
    type Words = [u32; 4];
    type Reals = [f64; 4];

    #[inline(always)]
    fn words(from: &[u32]) -> &[u32; 4] {
        &from.as_chunks().0[0]
    }

    #[inline(always)]
    fn words_mut(from: &mut [u32]) -> &mut [u32; 4] {
        &mut from.as_chunks_mut().0[0]
    }

    #[inline(always)]
    fn load(self, from: &[u32; 4]) -> int32x4_t {
        // SAFETY: `self` is the proof that the processor has NEON; `from` is as long as the register.
        unsafe { vld1q_s32(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(self, v: int32x4_t, to: &mut [u32; 4]) {
        // SAFETY: `self` is the proof that the processor has NEON; `to` is as long as the register.
        unsafe { vst1q_s32(to.as_mut_ptr().cast(), v) }
    }

    #[inline(always)]
    fn splat(self, v: i32) -> int32x4_t {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { vdupq_n_s32(v) }
    }

    #[inline(always)]
    fn and(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { vandq_s32(a, b) }
    }

    #[inline(always)]
    fn xor(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { veorq_s32(a, b) }
    }

    #[inline(always)]
    fn add(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { vaddq_s32(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { vsubq_s32(a, b) }
    }

    #[inline(always)]
    fn min(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { vminq_s32(a, b) }
    }

    #[inline(always)]
    fn max(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { vmaxq_s32(a, b) }
    }

    #[inline(always)]
    fn shift_right<const BITS: u32>(self, a: int32x4_t) -> int32x4_t {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { vshlq_s32(a, vdupq_n_s32(-(BITS as i32))) }
    }

    #[inline(always)]
    fn above(self, a: int32x4_t, b: int32x4_t) -> u32 {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { mask(vcgtq_s32(a, b)) }
    }

    #[inline(always)]
    fn count(self, sums: int32x4_t, x: int32x4_t) -> int32x4_t {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe {
            let ones = vcntq_u8(vreinterpretq_u8_s32(x));
            vreinterpretq_s32_u8(vaddq_u8(vreinterpretq_u8_s32(sums), ones))
        }
    }

    #[inline(always)]
    fn counted(self, sums: int32x4_t) -> int32x4_t {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { vreinterpretq_s32_u32(vpaddlq_u16(vpaddlq_u8(vreinterpretq_u8_s32(sums)))) }
    }

    /// Assembly, because the standard library's intrinsic for `sdot` is not stable yet.
    #[inline(always)]
    fn dot(self, sum: int32x4_t, x: int32x4_t, w: int32x4_t) -> int32x4_t {
        // SAFETY: `self` is the proof that the processor has NEON, and `dotprod` if `DOT`.
        unsafe {
            if DOT {
                let mut sum = sum;
                asm!(
                    // The assembler must be told in case this is not inlined into a function that has the feature.
                    ".arch_extension dotprod",
                    "sdot {sum:v}.4s, {x:v}.16b, {w:v}.16b",
                    sum = inout(vreg) sum,
                    x = in(vreg) x,
                    w = in(vreg) w,
                    options(pure, nomem, nostack, preserves_flags)
                );
                return sum;
            }
            let (x, w) = (vreinterpretq_s8_s32(x), vreinterpretq_s8_s32(w));
            let low = vpaddlq_s16(vmull_s8(vget_low_s8(x), vget_low_s8(w)));
            let high = vpaddlq_s16(vmull_high_s8(x, w));
            vaddq_s32(sum, vpaddq_s32(low, high))
        }
    }

    #[inline(always)]
    fn without_fourths(self, from: &[u32; 4], flip: u32, to: &mut [u8; 16]) {
        const ORDER: [u8; 16] = [0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 255, 255, 255, 255];
        // SAFETY: `self` is the proof that the processor has NEON; `from`, `ORDER` and `to` are 16 bytes each.
        unsafe {
            let words = vreinterpretq_u8_u32(vld1q_u32(from.as_ptr()));
            let bytes = vqtbl1q_u8(words, vld1q_u8(ORDER.as_ptr()));
            vst1q_u8(to.as_mut_ptr(), veorq_u8(bytes, vreinterpretq_u8_u32(vdupq_n_u32(flip))));
        }
    }

    #[inline(always)]
    fn sum_pairs(self, a: int32x4_t) -> [u32; 2] {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe {
            let pair = vadd_s32(vget_low_s32(a), vget_high_s32(a));
            [vget_lane_s32::<0>(pair) as u32, vget_lane_s32::<1>(pair) as u32]
        }
    }

    #[inline(always)]
    fn load_reals(self, from: &[f64; 4]) -> [float64x2_t; 2] {
        // SAFETY: `self` is the proof that the processor has NEON; `from` is as long as both registers together.
        unsafe { [vld1q_f64(from.as_ptr()), vld1q_f64(from[2..].as_ptr())] }
    }

    #[inline(always)]
    fn real(self, v: int32x4_t) -> [float64x2_t; 2] {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { [vmovl_s32(vget_low_s32(v)), vmovl_high_s32(v)].map(|half| vcvtq_f64_s64(half)) }
    }

    #[inline(always)]
    fn splat_real(self, v: f64) -> [float64x2_t; 2] {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { [vdupq_n_f64(v); 2] }
    }

    #[inline(always)]
    fn multiply_add(self, a: [float64x2_t; 2], b: [float64x2_t; 2], c: [float64x2_t; 2]) -> [float64x2_t; 2] {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { [vfmaq_f64(c[0], a[0], b[0]), vfmaq_f64(c[1], a[1], b[1])] }
    }

    #[inline(always)]
    fn real_above(self, a: [float64x2_t; 2], b: [float64x2_t; 2]) -> u32 {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe {
            let (low, high) = (vcgtq_f64(a[0], b[0]), vcgtq_f64(a[1], b[1]));
            mask(vcombine_u32(vmovn_u64(low), vmovn_u64(high)))
        }
    }

    #[inline(always)]
    fn floor_scaled(self, a: [float64x2_t; 2], b: [float64x2_t; 2], limit: f64) -> int32x4_t {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe {
            let (least, most) = (vdupq_n_f64(-limit), vdupq_n_f64(limit));
            let floor =
                |a: float64x2_t, b: float64x2_t| vcvtmq_s64_f64(vmaxq_f64(least, vminq_f64(most, vmulq_f64(a, b))));
            vcombine_s32(vmovn_s64(floor(a[0], b[0])), vmovn_s64(floor(a[1], b[1])))
        }
    }
}
