//! AVX2 with FMA (Intel Haswell, AMD Excavator and later), with or without AVX-VNNI (Intel Alder Lake, AMD Zen 5).

use super::{Lanes, Work, x86};
use crate::instructions::enable_features;
use std::arch::x86_64::*;

/// Eight lanes. With `VNNI`, bytes are multiplied by AVX-VNNI's dot products.
#[derive(Clone, Copy)]
pub struct Avx2<const VNNI: bool>(());

enable_features!(pub Avx2<false>: Work, is_x86_feature_detected, ["avx2", "fma", "popcnt"]);
enable_features!(pub Avx2<true>: Work, is_x86_feature_detected, ["avx2", "fma", "popcnt", "avxvnni"]);

/// The number of ones in each byte, looked up for each half byte.
#[target_feature(enable = "avx2")]
#[inline]
fn byte_ones(x: __m256i) -> __m256i {
    let half = _mm256_set1_epi8(0xf);
    let ones = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    let low = _mm256_shuffle_epi8(ones, _mm256_and_si256(x, half));
    let high = _mm256_shuffle_epi8(ones, _mm256_and_si256(_mm256_srli_epi16::<4>(x), half));
    _mm256_add_epi8(low, high)
}

/// The even and the odd bytes of each lane, as signed 16-bit integers.
#[target_feature(enable = "avx2")]
#[inline]
fn signed_bytes(x: __m256i) -> [__m256i; 2] {
    [_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(x)), _mm256_srai_epi16::<8>(x)]
}

impl<const VNNI: bool> Lanes for Avx2<VNNI> {
    const LANES: usize = 8;
    const SUMS: usize = 12;
    /// Each call adds up to 8 to a byte, which holds 255.
    const COUNTS: usize = 31;
    const DOT_FLIP: u32 = if VNNI { 0x8080_8080 } else { 0 };
    type Int = __m256i;
    type Double = [__m256d; 2];
    type Words = [u32; 8];
    type Reals = [f64; 8];

    #[inline(always)]
    fn words(from: &[u32]) -> &[u32; 8] {
        &from.as_chunks().0[0]
    }

    #[inline(always)]
    fn words_mut(from: &mut [u32]) -> &mut [u32; 8] {
        &mut from.as_chunks_mut().0[0]
    }

    #[inline(always)]
    fn load(self, from: &[u32; 8]) -> __m256i {
        // SAFETY: `self` is the proof that the processor has AVX2; `from` is as long as the register.
        unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(self, v: __m256i, to: &mut [u32; 8]) {
        // SAFETY: `self` is the proof that the processor has AVX2; `to` is as long as the register.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), v) }
    }

    #[inline(always)]
    fn splat(self, v: i32) -> __m256i {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { _mm256_set1_epi32(v) }
    }

    #[inline(always)]
    fn and(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { _mm256_and_si256(a, b) }
    }

    #[inline(always)]
    fn xor(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { _mm256_xor_si256(a, b) }
    }

    #[inline(always)]
    fn add(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { _mm256_add_epi32(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { _mm256_sub_epi32(a, b) }
    }

    #[inline(always)]
    fn min(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { _mm256_min_epi32(a, b) }
    }

    #[inline(always)]
    fn max(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { _mm256_max_epi32(a, b) }
    }

    #[inline(always)]
    fn shift_right<const BITS: u32>(self, a: __m256i) -> __m256i {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { _mm256_sra_epi32(a, _mm_cvtsi32_si128(BITS as i32)) }
    }

    #[inline(always)]
    fn above(self, a: __m256i, b: __m256i) -> u32 {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(a, b))) as u32 }
    }

    #[inline(always)]
    fn count(self, sums: __m256i, x: __m256i) -> __m256i {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { _mm256_add_epi8(sums, byte_ones(x)) }
    }

    #[inline(always)]
    fn counted(self, sums: __m256i) -> __m256i {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe {
            let pairs = _mm256_maddubs_epi16(sums, _mm256_set1_epi8(1));
            _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))
        }
    }

    /// Without AVX-VNNI, multiplies 16-bit integers: `maddubs` on bytes saturates sums of pairs.
    #[inline(always)]
    fn dot(self, sum: __m256i, x: __m256i, w: __m256i) -> __m256i {
        // SAFETY: `self` is the proof that the processor has AVX2, and AVX-VNNI if `VNNI`.
        unsafe {
            if VNNI {
                return _mm256_dpbusd_avx_epi32(sum, x, w);
            }
            let (x, w) = (signed_bytes(x), signed_bytes(w));
            let products = [_mm256_madd_epi16(x[0], w[0]), _mm256_madd_epi16(x[1], w[1])];
            _mm256_add_epi32(sum, _mm256_add_epi32(products[0], products[1]))
        }
    }

    #[inline(always)]
    fn without_fourths(self, from: &[u32; 4], flip: u32, to: &mut [u8; 16]) {
        // SAFETY: `self` is the proof that the processor has SSSE3, which AVX2 includes.
        unsafe { x86::without_fourths(from, flip, to) }
    }

    #[inline(always)]
    fn sum_pairs(self, a: __m256i) -> [u32; 2] {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { x86::sum_pairs(_mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256::<1>(a))) }
    }

    #[inline(always)]
    fn load_reals(self, from: &[f64; 8]) -> [__m256d; 2] {
        // SAFETY: `self` is the proof that the processor has AVX2; `from` is as long as both registers together.
        unsafe { [_mm256_loadu_pd(from.as_ptr()), _mm256_loadu_pd(from[4..].as_ptr())] }
    }

    #[inline(always)]
    fn real(self, v: __m256i) -> [__m256d; 2] {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe {
            let halves = [_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v)];
            halves.map(|half| _mm256_cvtepi32_pd(half))
        }
    }

    #[inline(always)]
    fn splat_real(self, v: f64) -> [__m256d; 2] {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { [_mm256_set1_pd(v); 2] }
    }

    #[inline(always)]
    fn multiply_add(self, a: [__m256d; 2], b: [__m256d; 2], c: [__m256d; 2]) -> [__m256d; 2] {
        // SAFETY: `self` is the proof that the processor has AVX2 and FMA.
        unsafe { [_mm256_fmadd_pd(a[0], b[0], c[0]), _mm256_fmadd_pd(a[1], b[1], c[1])] }
    }

    #[inline(always)]
    fn real_above(self, a: [__m256d; 2], b: [__m256d; 2]) -> u32 {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe {
            let low = _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_GT_OQ>(a[0], b[0]));
            let high = _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_GT_OQ>(a[1], b[1]));
            (low | high << 4) as u32
        }
    }

    #[inline(always)]
    fn floor_scaled(self, a: [__m256d; 2], b: [__m256d; 2], limit: f64) -> __m256i {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe {
            let (least, most) = (_mm256_set1_pd(-limit), _mm256_set1_pd(limit));
            let floor = |a: __m256d, b: __m256d| {
                let floor = _mm256_floor_pd(_mm256_mul_pd(a, b));
                _mm256_cvtpd_epi32(_mm256_max_pd(least, _mm256_min_pd(most, floor)))
            };
            let (low, high) = (floor(a[0], b[0]), floor(a[1], b[1]));
            _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(low), high)
        }
    }
}
