//! AVX-512 (Intel Skylake-X, AMD Zen 4 and later).

use super::operations::{LANES, LEVELS, Scalar, Vectors, Work};
use super::registers::vectors;
use crate::instructions::enable_features;
use std::arch::x86_64::*;

/// A register of sixteen numbers, or two of eight with 64 bits.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

enable_features!(
    pub(crate) Avx512: Work<R> where <R: Scalar> Vectors<R>,
    is_x86_feature_detected,
    ["avx512f", "avx2", "fma"]
);

vectors! {
    impl Vectors<f32> for Avx512;
    registers = [0] of __m512, 16 numbers each;
    sums = 28;
    splat = _mm512_set1_ps;
    load = _mm512_loadu_ps;
    store = _mm512_storeu_ps;
    add = _mm512_add_ps;
    sub = _mm512_sub_ps;
    mul = _mm512_mul_ps;
    multiply_add = |a, b, c| _mm512_fmadd_ps(a, b, c);
    where_above = |x, t, a, b| _mm512_mask_mov_ps(b, _mm512_cmp_ps_mask::<_CMP_GT_OQ>(x, t), a);
    {
        #[inline(always)]
        fn store_codes(self, v: Self::V, to: &mut [u8; LANES]) {
            // SAFETY: `self` is the proof that the processor has AVX-512; `to` has sixteen bytes.
            unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(_mm512_cvttps_epi32(v[0]))) }
        }

        #[inline(always)]
        fn look_up(self, levels: &[f32; LEVELS], codes: &[u8; LANES]) -> Self::V {
            // SAFETY: `self` is the proof that the processor has AVX-512; both arrays are as long as what is read.
            unsafe {
                let codes = _mm512_cvtepu8_epi32(_mm_loadu_si128(codes.as_ptr().cast()));
                [_mm512_permutexvar_ps(codes, _mm512_loadu_ps(levels.as_ptr()))]
            }
        }
    }
}

vectors! {
    impl Vectors<f64> for Avx512;
    registers = [0, 1] of __m512d, 8 numbers each;
    sums = 14;
    splat = _mm512_set1_pd;
    load = _mm512_loadu_pd;
    store = _mm512_storeu_pd;
    add = _mm512_add_pd;
    sub = _mm512_sub_pd;
    mul = _mm512_mul_pd;
    multiply_add = |a, b, c| _mm512_fmadd_pd(a, b, c);
    where_above = |x, t, a, b| _mm512_mask_mov_pd(b, _mm512_cmp_pd_mask::<_CMP_GT_OQ>(x, t), a);
    {}
}
