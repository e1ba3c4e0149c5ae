//! NEON (all 64-bit ARM processors).

use super::operations::{LANES, LEVELS, Scalar, Vectors, Work};
use crate::instructions::enable_features;
use std::arch::aarch64::*;
use std::array::from_fn;

/// Four registers of four numbers each, or eight of two with 64 bits.
#[derive(Clone, Copy)]
pub(crate) struct Neon(());

enable_features!(pub(crate) Neon: Work<R> where <R: Scalar> Vectors<R>, is_aarch64_feature_detected, ["neon"]);

impl Vectors<f32> for Neon {
    const SUMS: usize = 6;
    type V = [float32x4_t; 4];

    #[inline(always)]
    fn splat(self, x: f32) -> [float32x4_t; 4] {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { [vdupq_n_f32(x); 4] }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> [float32x4_t; 4] {
        // SAFETY: `self` is the proof that the processor has NEON; the caller promises sixteen numbers.
        unsafe { from_fn(|k| vld1q_f32(from.add(4 * k))) }
    }

    #[inline(always)]
    unsafe fn store(self, v: [float32x4_t; 4], to: *mut f32) {
        // SAFETY: `self` is the proof that the processor has NEON; the caller promises room for sixteen numbers.
        unsafe { (0..4).for_each(|k| vst1q_f32(to.add(4 * k), v[k])) }
    }

    #[inline(always)]
    fn add(self, a: [float32x4_t; 4], b: [float32x4_t; 4]) -> [float32x4_t; 4] {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { from_fn(|k| vaddq_f32(a[k], b[k])) }
    }

    #[inline(always)]
    fn sub(self, a: [float32x4_t; 4], b: [float32x4_t; 4]) -> [float32x4_t; 4] {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { from_fn(|k| vsubq_f32(a[k], b[k])) }
    }

    #[inline(always)]
    fn mul(self, a: [float32x4_t; 4], b: [float32x4_t; 4]) -> [float32x4_t; 4] {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { from_fn(|k| vmulq_f32(a[k], b[k])) }
    }

    #[inline(always)]
    fn multiply_add(self, a: [float32x4_t; 4], b: [float32x4_t; 4], c: [float32x4_t; 4]) -> [float32x4_t; 4] {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { from_fn(|k| vfmaq_f32(c[k], a[k], b[k])) }
    }

    #[inline(always)]
    fn where_above(
        self,
        x: [float32x4_t; 4],
        t: [float32x4_t; 4],
        a: [float32x4_t; 4],
        b: [float32x4_t; 4],
    ) -> [float32x4_t; 4] {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { from_fn(|k| vbslq_f32(vcgtq_f32(x[k], t[k]), a[k], b[k])) }
    }

    #[inline(always)]
    fn store_codes(self, v: [float32x4_t; 4], to: &mut [u8; LANES]) {
        // SAFETY: `self` is the proof that the processor has NEON; `to` has sixteen bytes.
        unsafe {
            let words = |k: usize| vcombine_u16(vmovn_u32(vcvtq_u32_f32(v[k])), vmovn_u32(vcvtq_u32_f32(v[k + 1])));
            vst1q_u8(to.as_mut_ptr(), vcombine_u8(vmovn_u16(words(0)), vmovn_u16(words(2))));
        }
    }

    /// Looks the four bytes of each number up in a table of all levels' bytes.
    #[inline(always)]
    fn look_up(self, levels: &[f32; LEVELS], codes: &[u8; LANES]) -> [float32x4_t; 4] {
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
            from_fn(|k| {
                let own = vqtbl1q_u8(starts, vld1q_u8(FIRST[k].as_ptr()));
                vreinterpretq_f32_u8(vqtbl4q_u8(table, vaddq_u8(own, vld1q_u8(BYTE.as_ptr()))))
            })
        }
    }
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

impl Vectors<f64> for Neon {
    const SUMS: usize = 3;
    type V = [float64x2_t; 8];

    #[inline(always)]
    fn splat(self, x: f64) -> [float64x2_t; 8] {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { [vdupq_n_f64(x); 8] }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f64) -> [float64x2_t; 8] {
        // SAFETY: `self` is the proof that the processor has NEON; the caller promises sixteen numbers.
        unsafe { from_fn(|k| vld1q_f64(from.add(2 * k))) }
    }

    #[inline(always)]
    unsafe fn store(self, v: [float64x2_t; 8], to: *mut f64) {
        // SAFETY: `self` is the proof that the processor has NEON; the caller promises room for sixteen numbers.
        unsafe { (0..8).for_each(|k| vst1q_f64(to.add(2 * k), v[k])) }
    }

    #[inline(always)]
    fn add(self, a: [float64x2_t; 8], b: [float64x2_t; 8]) -> [float64x2_t; 8] {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { from_fn(|k| vaddq_f64(a[k], b[k])) }
    }

    #[inline(always)]
    fn sub(self, a: [float64x2_t; 8], b: [float64x2_t; 8]) -> [float64x2_t; 8] {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { from_fn(|k| vsubq_f64(a[k], b[k])) }
    }

    #[inline(always)]
    fn mul(self, a: [float64x2_t; 8], b: [float64x2_t; 8]) -> [float64x2_t; 8] {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { from_fn(|k| vmulq_f64(a[k], b[k])) }
    }

    #[inline(always)]
    fn multiply_add(self, a: [float64x2_t; 8], b: [float64x2_t; 8], c: [float64x2_t; 8]) -> [float64x2_t; 8] {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { from_fn(|k| vfmaq_f64(c[k], a[k], b[k])) }
    }

    #[inline(always)]
    fn where_above(
        self,
        x: [float64x2_t; 8],
        t: [float64x2_t; 8],
        a: [float64x2_t; 8],
        b: [float64x2_t; 8],
    ) -> [float64x2_t; 8] {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { from_fn(|k| vbslq_f64(vcgtq_f64(x[k], t[k]), a[k], b[k])) }
    }
}
