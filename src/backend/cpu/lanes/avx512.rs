//! AVX-512 with VPOPCNTDQ and VNNI (Intel Ice Lake, AMD Zen 4 and later).

use super::{Lanes, Work, x86};
use crate::instructions::enable_features;
use std::arch::x86_64::*;

/// Sixteen lanes.
#[derive(Clone, Copy)]
pub struct Avx512(());

enable_features!(
    pub Avx512: Work,
    is_x86_feature_detected,
    ["avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512vpopcntdq", "avx512vnni", "avx2", "fma", "popcnt"]
);

impl Lanes for Avx512 {
    const LANES: usize = 16;
    const SUMS: usize = 28;
    const COUNTS: usize = usize::MAX;
    const DOT_FLIP: u32 = 0x8080_8080;
    type Int = __m512i;
    type Double = [__m512d; 2];
    type Words = [u32; 16];
    type Reals = [f64; 16];

    #[inline(always)]
    fn words(from: &[u32]) -> &[u32; 16] {
        &from.as_chunks().0[0]
    }

    #[inline(always)]
    fn words_mut(from: &mut [u32]) -> &mut [u32; 16] {
        &mut from.as_chunks_mut().0[0]
    }

    #[inline(always)]
    fn load(self, from: &[u32; 16]) -> __m512i {
        // SAFETY: `self` is the proof that the processor has AVX-512; `from` is as long as the register.
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(self, v: __m512i, to: &mut [u32; 16]) {
        // SAFETY: `self` is the proof that the processor has AVX-512; `to` is as long as the register.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), v) }
    }

    #[inline(always)]
    fn splat(self, v: i32) -> __m512i {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { _mm512_set1_epi32(v) }
    }

    #[inline(always)]
    fn and(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { _mm512_and_si512(a, b) }
    }

    #[inline(always)]
    fn xor(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { _mm512_xor_si512(a, b) }
    }

    #[inline(always)]
    fn add(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { _mm512_add_epi32(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { _mm512_sub_epi32(a, b) }
    }

    #[inline(always)]
    fn min(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { _mm512_min_epi32(a, b) }
    }

    #[inline(always)]
    fn max(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { _mm512_max_epi32(a, b) }
    }

    #[inline(always)]
    fn shift_right<const BITS: u32>(self, a: __m512i) -> __m512i {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { _mm512_srai_epi32::<BITS>(a) }
    }

    #[inline(always)]
    fn above(self, a: __m512i, b: __m512i) -> u32 {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { u32::from(_mm512_cmpgt_epi32_mask(a, b)) }
    }

    #[inline(always)]
    fn count(self, sums: __m512i, x: __m512i) -> __m512i {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { _mm512_add_epi32(sums, _mm512_popcnt_epi32(x)) }
    }

    #[inline(always)]
    fn counted(self, sums: __m512i) -> __m512i {
        sums
    }

    #[inline(always)]
    fn dot(self, sum: __m512i, x: __m512i, w: __m512i) -> __m512i {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { _mm512_dpbusd_epi32(sum, x, w) }
    }

    #[inline(always)]
    fn without_fourths(self, from: &[u32; 4], flip: u32, to: &mut [u8; 16]) {
        // SAFETY: `self` is the proof that the processor has SSSE3, which AVX2 includes.
        unsafe { x86::without_fourths(from, flip, to) }
    }

    #[inline(always)]
    fn sum_pairs(self, a: __m512i) -> [u32; 2] {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe {
            let half = _mm256_add_epi32(_mm512_castsi512_si256(a), _mm512_extracti64x4_epi64::<1>(a));
            x86::sum_pairs(_mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half)))
        }
    }

    #[inline(always)]
    fn load_reals(self, from: &[f64; 16]) -> [__m512d; 2] {
        // SAFETY: `self` is the proof that the processor has AVX-512; `from` is as long as both registers together.
        unsafe { [_mm512_loadu_pd(from.as_ptr()), _mm512_loadu_pd(from[8..].as_ptr())] }
    }

    #[inline(always)]
    fn real(self, v: __m512i) -> [__m512d; 2] {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe {
            let halves = [_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64::<1>(v)];
            [_mm512_cvtepi32_pd(halves[0]), _mm512_cvtepi32_pd(halves[1])]
        }
    }

    #[inline(always)]
    fn splat_real(self, v: f64) -> [__m512d; 2] {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { [_mm512_set1_pd(v); 2] }
    }

    #[inline(always)]
    fn multiply_add(self, a: [__m512d; 2], b: [__m512d; 2], c: [__m512d; 2]) -> [__m512d; 2] {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { [_mm512_fmadd_pd(a[0], b[0], c[0]), _mm512_fmadd_pd(a[1], b[1], c[1])] }
    }

    #[inline(always)]
    fn real_above(self, a: [__m512d; 2], b: [__m512d; 2]) -> u32 {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe {
            let low = _mm512_cmp_pd_mask::<_CMP_GT_OQ>(a[0], b[0]);
            let high = _mm512_cmp_pd_mask::<_CMP_GT_OQ>(a[1], b[1]);
            u32::from(low) | u32::from(high) << 8
        }
    }

    #[inline(always)]
    fn floor_scaled(self, a: [__m512d; 2], b: [__m512d; 2], limit: f64) -> __m512i {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe {
            let (low, high) = (floor_half(a[0], b[0], limit), floor_half(a[1], b[1], limit));
            _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
        }
    }
}

/// floor(a * b) of eight lanes, clamped to the limits. These are integers, so clamping may come before rounding.
///
/// # Safety
/// The processor must have AVX-512F.
#[inline(always)]
unsafe fn floor_half(a: __m512d, b: __m512d, limit: f64) -> __m256i {
    // SAFETY: the caller promises AVX-512F.
    unsafe {
        let product = _mm512_min_pd(_mm512_set1_pd(limit), _mm512_mul_pd(a, b));
        let product = _mm512_max_pd(_mm512_set1_pd(-limit), product);
        _mm512_cvt_roundpd_epi32::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(product)
    }
}
