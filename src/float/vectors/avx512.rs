//! AVX-512 (Intel Skylake-X, AMD Zen 4 and later).

use super::operations::{LANES, LEVELS, Scalar, Vectors, Work};
use crate::instructions::enable_features;
use std::arch::x86_64::*;

/// A register of sixteen numbers, or two of eight with 64 bits.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

enable_features!(pub(crate) Avx512: Work<R> where <R: Scalar> Vectors<R>, is_x86_feature_detected, ["avx512f", "avx2", "fma"]);

impl Vectors<f32> for Avx512 {
    const SUMS: usize = 28;
    type V = __m512;

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m512 {
        // SAFETY: `self` is the proof that the processor has AVX-512; the caller promises sixteen numbers.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, v: __m512, to: *mut f32) {
        // SAFETY: `self` is the proof that the processor has AVX-512; the caller promises room for sixteen numbers.
        unsafe { _mm512_storeu_ps(to, v) }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn multiply_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn where_above(self, x: __m512, t: __m512, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { _mm512_mask_mov_ps(b, _mm512_cmp_ps_mask::<_CMP_GT_OQ>(x, t), a) }
    }

    #[inline(always)]
    fn store_codes(self, v: __m512, to: &mut [u8; LANES]) {
        // SAFETY: `self` is the proof that the processor has AVX-512; `to` has sixteen bytes.
        unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(_mm512_cvttps_epi32(v))) }
    }

    #[inline(always)]
    fn look_up(self, levels: &[f32; LEVELS], codes: &[u8; LANES]) -> __m512 {
        // SAFETY: `self` is the proof that the processor has AVX-512; both arrays are as long as what is read.
        unsafe {
            let codes = _mm512_cvtepu8_epi32(_mm_loadu_si128(codes.as_ptr().cast()));
            _mm512_permutexvar_ps(codes, _mm512_loadu_ps(levels.as_ptr()))
        }
    }
}

impl Vectors<f64> for Avx512 {
    const SUMS: usize = 14;
    type V = [__m512d; 2];

    #[inline(always)]
    fn splat(self, x: f64) -> [__m512d; 2] {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { [_mm512_set1_pd(x); 2] }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f64) -> [__m512d; 2] {
        // SAFETY: `self` is the proof that the processor has AVX-512; the caller promises sixteen numbers.
        unsafe { [_mm512_loadu_pd(from), _mm512_loadu_pd(from.add(8))] }
    }

    #[inline(always)]
    unsafe fn store(self, v: [__m512d; 2], to: *mut f64) {
        // SAFETY: `self` is the proof that the processor has AVX-512; the caller promises room for sixteen numbers.
        unsafe {
            _mm512_storeu_pd(to, v[0]);
            _mm512_storeu_pd(to.add(8), v[1]);
        }
    }

    #[inline(always)]
    fn add(self, a: [__m512d; 2], b: [__m512d; 2]) -> [__m512d; 2] {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { [_mm512_add_pd(a[0], b[0]), _mm512_add_pd(a[1], b[1])] }
    }

    #[inline(always)]
    fn sub(self, a: [__m512d; 2], b: [__m512d; 2]) -> [__m512d; 2] {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { [_mm512_sub_pd(a[0], b[0]), _mm512_sub_pd(a[1], b[1])] }
    }

    #[inline(always)]
    fn mul(self, a: [__m512d; 2], b: [__m512d; 2]) -> [__m512d; 2] {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { [_mm512_mul_pd(a[0], b[0]), _mm512_mul_pd(a[1], b[1])] }
    }

    #[inline(always)]
    fn multiply_add(self, a: [__m512d; 2], b: [__m512d; 2], c: [__m512d; 2]) -> [__m512d; 2] {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { [_mm512_fmadd_pd(a[0], b[0], c[0]), _mm512_fmadd_pd(a[1], b[1], c[1])] }
    }

    #[inline(always)]
    fn where_above(self, x: [__m512d; 2], t: [__m512d; 2], a: [__m512d; 2], b: [__m512d; 2]) -> [__m512d; 2] {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { [0, 1].map(|k| _mm512_mask_mov_pd(b[k], _mm512_cmp_pd_mask::<_CMP_GT_OQ>(x[k], t[k]), a[k])) }
    }
}
