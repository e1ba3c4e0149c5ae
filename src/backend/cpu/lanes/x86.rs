//! Operations on 128-bit registers that the instruction sets of x86-64 share. They are inlined into code compiled for
//! the caller's instructions, so they name no features of their own.

use std::arch::x86_64::*;

/// See [`super::Lanes::without_fourths`].
///
/// # Safety
/// The processor must have SSSE3.
#[inline(always)]
pub(super) unsafe fn without_fourths(from: &[u32; 4], flip: u32, to: &mut [u8; 16]) {
    // SAFETY: the caller promises SSSE3; `from` and `to` are 16 bytes each.
    unsafe {
        let order = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
        let bytes = _mm_shuffle_epi8(_mm_loadu_si128(from.as_ptr().cast()), order);
        _mm_storeu_si128(to.as_mut_ptr().cast(), _mm_xor_si128(bytes, _mm_set1_epi32(flip as i32)));
    }
}

/// The sums of the even and of the odd lanes.
///
/// # Safety
/// The processor must have SSE4.1.
#[inline(always)]
pub(super) unsafe fn sum_pairs(a: __m128i) -> [u32; 2] {
    // SAFETY: the caller promises SSE4.1.
    unsafe {
        let pair = _mm_add_epi32(a, _mm_unpackhi_epi64(a, a));
        [_mm_extract_epi32::<0>(pair) as u32, _mm_extract_epi32::<1>(pair) as u32]
    }
}
