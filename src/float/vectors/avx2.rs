//! AVX2 with FMA (Intel Haswell, AMD Excavator and later).

use super::operations::{LANES, LEVELS, Scalar, Vectors, Work};
use crate::instructions::enable_features;
use std::arch::x86_64::*;
use std::array::from_fn;

/// Two registers of eight numbers each, or four of four with 64 bits.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

enable_features!(pub(crate) Avx2: Work<R> where <R: Scalar> Vectors<R>, is_x86_feature_detected, ["avx2", "fma"]);

impl Vectors<f32> for Avx2 {
    const SUMS: usize = 8;
    type V = [__m256; 2];

    #[inline(always)]
    fn splat(self, x: f32) -> [__m256; 2] {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { [_mm256_set1_ps(x); 2] }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> [__m256; 2] {
        // SAFETY: `self` is the proof that the processor has AVX2; the caller promises sixteen numbers.
        unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))] }
    }

    #[inline(always)]
    unsafe fn store(self, v: [__m256; 2], to: *mut f32) {
        // SAFETY: `self` is the proof that the processor has AVX2; the caller promises room for sixteen numbers.
        unsafe {
            _mm256_storeu_ps(to, v[0]);
            _mm256_storeu_ps(to.add(8), v[1]);
        }
    }

    #[inline(always)]
    fn add(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn sub(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { [_mm256_sub_ps(a[0], b[0]), _mm256_sub_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn mul(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn multiply_add(self, a: [__m256; 2], b: [__m256; 2], c: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: `self` is the proof that the processor has FMA.
        unsafe { [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])] }
    }

    #[inline(always)]
    fn where_above(self, x: [__m256; 2], t: [__m256; 2], a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { [0, 1].map(|k| _mm256_blendv_ps(b[k], a[k], _mm256_cmp_ps::<_CMP_GT_OQ>(x[k], t[k]))) }
    }

    #[inline(always)]
    fn store_codes(self, v: [__m256; 2], to: &mut [u8; LANES]) {
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
    fn look_up(self, levels: &[f32; LEVELS], codes: &[u8; LANES]) -> [__m256; 2] {
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

impl Vectors<f64> for Avx2 {
    const SUMS: usize = 3;
    type V = [__m256d; 4];

    #[inline(always)]
    fn splat(self, x: f64) -> [__m256d; 4] {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { [_mm256_set1_pd(x); 4] }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f64) -> [__m256d; 4] {
        // SAFETY: `self` is the proof that the processor has AVX2; the caller promises sixteen numbers.
        unsafe { from_fn(|k| _mm256_loadu_pd(from.add(4 * k))) }
    }

    #[inline(always)]
    unsafe fn store(self, v: [__m256d; 4], to: *mut f64) {
        // SAFETY: `self` is the proof that the processor has AVX2; the caller promises room for sixteen numbers.
        unsafe { (0..4).for_each(|k| _mm256_storeu_pd(to.add(4 * k), v[k])) }
    }

    #[inline(always)]
    fn add(self, a: [__m256d; 4], b: [__m256d; 4]) -> [__m256d; 4] {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { from_fn(|k| _mm256_add_pd(a[k], b[k])) }
    }

    #[inline(always)]
    fn sub(self, a: [__m256d; 4], b: [__m256d; 4]) -> [__m256d; 4] {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { from_fn(|k| _mm256_sub_pd(a[k], b[k])) }
    }

    #[inline(always)]
    fn mul(self, a: [__m256d; 4], b: [__m256d; 4]) -> [__m256d; 4] {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { from_fn(|k| _mm256_mul_pd(a[k], b[k])) }
    }

    #[inline(always)]
    fn multiply_add(self, a: [__m256d; 4], b: [__m256d; 4], c: [__m256d; 4]) -> [__m256d; 4] {
        // SAFETY: `self` is the proof that the processor has FMA.
        unsafe { from_fn(|k| _mm256_fmadd_pd(a[k], b[k], c[k])) }
    }

    #[inline(always)]
    fn where_above(self, x: [__m256d; 4], t: [__m256d; 4], a: [__m256d; 4], b: [__m256d; 4]) -> [__m256d; 4] {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { from_fn(|k| _mm256_blendv_pd(b[k], a[k], _mm256_cmp_pd::<_CMP_GT_OQ>(x[k], t[k]))) }
    }
}
