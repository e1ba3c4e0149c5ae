//! AVX2 with FMA (Intel Haswell, AMD Excavator and later).

use super::operations::{LANES, LEVELS, Scalar, Vectors, Work};
use super::registers::vectors;
use crate::instructions::enable_features;
use std::arch::x86_64::*;

/// Two registers of eight numbers each, or four of four with 64 bits.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

enable_features!(pub(crate) Avx2: Work<R> where <R: Scalar> Vectors<R>, is_x86_feature_detected, ["avx2", "fma"]);

vectors! {
    impl Vectors<f32> for Avx2;
    registers = [0, 1] of __m256, 8 numbers each;
    sums = 8;
    splat = _mm256_set1_ps;
    load = _mm256_loadu_ps;
    store = _mm256_storeu_ps;
    add = _mm256_add_ps;
    sub = _mm256_sub_ps;
    mul = _mm256_mul_ps;
    multiply_add = |a, b, c| _mm256_fmadd_ps(a, b, c);
    where_above = |x, t, a, b| _mm256_blendv_ps(b, a, _mm256_cmp_ps::<_CMP_GT_OQ>(x, t));
    {
        #[inline(always)]
        fn store_codes(self, v: Self::V, to: &mut [u8; LANES]) {
            // SAFETY: `self` is the proof that the processor has AVX2; `to` has sixteen bytes. Codes are below 2^15, so that
            // packing does not saturate, and the permutation undoes the order in which halves are packed.
            unsafe {
                let words = _mm256_packs_epi32(_mm256_cvttps_epi32(v[0]), _mm256_cvttps_epi32(v[1]));
                let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(words);
                let bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
                _mm_storeu_si128(to.as_mut_ptr().cast(), bytes);
            }
        }

        #[inline(always)]
        fn look_up(self, levels: &[f32; LEVELS], codes: &[u8; LANES]) -> Self::V {
            // SAFETY: `self` is the proof that the processor has AVX2; both arrays are as long as what is read.
            unsafe {
                let (low, high) = (_mm256_loadu_ps(levels.as_ptr()), _mm256_loadu_ps(levels.as_ptr().add(8)));
                let codes = _mm_loadu_si128(codes.as_ptr().cast());
                let halves = [_mm256_cvtepu8_epi32(codes), _mm256_cvtepu8_epi32(_mm_srli_si128::<8>(codes))];
                let seven = _mm256_set1_epi32(7);
                let pick = |at: __m256i| {
                    let is_high = _mm256_castsi256_ps(_mm256_cmpgt_epi32(at, seven));
                    _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, at), _mm256_permutevar8x32_ps(high, at), is_high)
                };
                [pick(halves[0]), pick(halves[1])]
            }
        }
    }
}

vectors! {
    impl Vectors<f64> for Avx2;
    registers = [0, 1, 2, 3] of __m256d, 4 numbers each;
    sums = 2;
    splat = _mm256_set1_pd;
    load = _mm256_loadu_pd;
    store = _mm256_storeu_pd;
    add = _mm256_add_pd;
    sub = _mm256_sub_pd;
    mul = _mm256_mul_pd;
    multiply_add = |a, b, c| _mm256_fmadd_pd(a, b, c);
    where_above = |x, t, a, b| _mm256_blendv_pd(b, a, _mm256_cmp_pd::<_CMP_GT_OQ>(x, t));
    {}
}
