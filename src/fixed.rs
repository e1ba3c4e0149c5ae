//! Exact fixed-point arithmetic: scales, two-word sums and 8-bit limbs.
//!
//! Every number between pixels and logits has one of three integer forms, and each form is the same on every device.
//!
//! * A **value** is an `i32` v with |v| <= [`VALUE_MAX`] and a power-of-two scale per tensor: real = v * 2^-frac.
//!   Beyond that range values saturate, by definition. As `VALUE_MAX` < 2^30, two values can be added in an `i32`
//!   without overflow.
//! * A **two-word sum** T = hi * 2^l + lo with 0 <= lo < 2^l, hi an `i32`: about 45 bits built from 32-bit operations.
//! * **Limbs**: v = sum of limb_k * 256^k with each limb in [-128, 127], for packed 8-bit dot products.
//!
//! Everything here uses only integers, IEEE `f64` + - * / and exact scaling by powers of two.

/// Largest magnitude of a value; also the saturation bound.
pub const VALUE_MAX: i32 = (1 << 30) - 1;
/// Bits of a value's magnitude.
pub const VALUE_BITS: i32 = 30;
/// Limbs of a value (|v| < 2^30 fits four signed 8-bit limbs, whose range ends at 0x7f7f7f7f).
pub const VALUE_LIMBS: usize = 4;
/// Bits in the limbs of a value, and so the number of planes that store a tensor of values bit by bit.
pub const VALUE_PLANES: usize = 8 * VALUE_LIMBS;
/// Limbs of a fixed-point float weight, whose magnitude is at most [`WEIGHT_MAX`].
pub const WEIGHT_LIMBS: usize = 3;
/// Largest magnitude of a fixed-point float weight: 0x7f7f7f, the largest number that three signed limbs hold.
pub const WEIGHT_MAX: i32 = 0x7f_7f7f;
/// Signed bytes in one packed limb word, and so the number of channels that share a word.
pub const LIMB_LANES: usize = 4;

/// Saturates to the range of values.
pub fn saturate(v: i64) -> i32 {
    v.clamp(-i64::from(VALUE_MAX), i64::from(VALUE_MAX)) as i32
}

/// x * 2^exponent, exactly (barring overflow and underflow of `f64`), on every platform.
pub fn scale_by_power(x: f64, exponent: i32) -> f64 {
    let step = |e: i32| f64::from_bits(((1023 + e) as u64) << 52);
    let (mut x, mut left) = (x, exponent);
    while left != 0 {
        let e = left.clamp(-1000, 1000);
        x *= step(e);
        left -= e;
    }
    x
}

/// Smallest e with 2^e >= x, for finite x > 0; for 0 the least exponent of an `f64`.
pub fn ceil_log2(x: f64) -> i32 {
    if x == 0.0 {
        return -1074;
    }
    let bits = x.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32;
    if exponent == 0 {
        return ceil_log2(x * scale_by_power(1.0, 64)) - 64;
    }
    exponent - 1023 + i32::from(bits & ((1 << 52) - 1) != 0)
}

/// round(x * 2^frac), ties away from zero.
pub fn to_fixed(x: f64, frac: i32) -> i64 {
    scale_by_power(x, frac).round() as i64
}

/// floor(x * 2^frac): for integers n, `n > floor(t)` exactly when `n > t`.
pub fn floor_fixed(x: f64, frac: i32) -> i64 {
    scale_by_power(x, frac).floor() as i64
}

/// The two words of n for a low word of `l` bits.
pub fn split(n: i64, l: u32) -> (i64, i64) {
    (n >> l, n & ((1 << l) - 1))
}

/// Carries `lo` into `hi` so that 0 <= lo < 2^l. The caller must have proved that the low word does not overflow and
/// that the final high word fits; intermediate high words may wrap.
pub fn normalise(hi: i32, lo: i32, l: u32) -> (i32, i32) {
    (hi.wrapping_add(lo >> l), lo & ((1 << l) - 1))
}

/// floor(T / 2^shift), saturated to a value, for T = (hi, lo) with an `l`-bit low word. `shift` may be negative (exact
/// multiplication); it must lie in [`shift_range`]. The shader function of the same name takes the same steps.
pub fn to_value(hi: i32, lo: i32, l: u32, shift: i32) -> i32 {
    let left = l as i32 - shift;
    if left <= 0 {
        return (hi >> -left).clamp(-VALUE_MAX, VALUE_MAX);
    }
    let limit = 1 << (VALUE_BITS - left);
    if hi >= limit {
        return VALUE_MAX;
    }
    if hi < -limit {
        return -VALUE_MAX;
    }
    let low = if shift >= 0 { lo >> shift } else { lo << -shift };
    ((hi << left) + low).clamp(-VALUE_MAX, VALUE_MAX)
}

/// Shifts that [`to_value`] supports.
pub fn shift_range(l: u32) -> std::ops::RangeInclusive<i32> {
    l as i32 - VALUE_BITS..=l as i32 + 31
}

/// Limbs of v, least significant first.
pub fn limbs<const N: usize>(v: i32) -> [i8; N] {
    let mut rest = v;
    std::array::from_fn(|_| {
        let limb = rest as i8;
        rest = (rest - i32::from(limb)) >> 8;
        limb
    })
}

/// The four limbs of v as the bytes of one word, limb 0 lowest.
///
/// Limbs are digits in base 256 from -128 to 127. Adding 128 to each moves them into the range of a byte, so the bytes
/// of v + 0x80808080 are the limbs plus 128. Flipping the top bit of every byte subtracts 128 again.
pub fn limb_bytes(v: i32) -> u32 {
    const HALVES: u32 = 0x8080_8080;
    (v as u32).wrapping_add(HALVES) ^ HALVES
}

/// Limb words of up to four values, least significant limb first; missing values are 0.
pub fn split_values(values: impl Iterator<Item = i32>) -> [u32; VALUE_LIMBS] {
    let mut lanes = [[0i8; VALUE_LIMBS]; LIMB_LANES];
    for (lane, v) in lanes.iter_mut().zip(values) {
        *lane = limbs(v);
    }
    std::array::from_fn(|p| pack_lanes(lanes.map(|lane| lane[p])))
}

/// Four signed 8-bit numbers in one word, lane 0 in the low byte.
pub fn pack_lanes(lanes: [i8; LIMB_LANES]) -> u32 {
    u32::from_le_bytes(lanes.map(|v| v as u8))
}

/// Sum of products of the four signed bytes of two words (WGSL's `dot4I8Packed`).
pub fn dot4(a: u32, b: u32) -> i32 {
    let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
    (0..LIMB_LANES).map(|i| i32::from(a[i] as i8) * i32::from(b[i] as i8)).sum()
}

/// The sum of `diagonals[d] * 256^d`.
pub fn combine_diagonals(diagonals: &[i32]) -> i128 {
    diagonals.iter().rev().fold(0, |sum, &d| (sum << 8) + i128::from(d))
}

/// The mean of `values`, rounded half up: floor(S / count), where S is their exact sum plus floor(count / 2).
/// `count` < 2^16.
///
/// The sum is kept in two 32-bit words, as in the shader: S = high * 2^16 + low.
pub fn rounded_mean(values: impl Iterator<Item = i32>, count: u32) -> i32 {
    let (mut high, mut low) = (0i32, 0u32);
    for v in values {
        high += v >> 16;
        low += (v & 0xffff) as u32;
    }
    rounded_quotient(high, low, count)
}

/// [`rounded_mean`] of `count` values whose sum is high * 2^16 + low.
pub fn rounded_quotient(high: i32, low: u32, count: u32) -> i32 {
    let low = low + count / 2;
    let high = high + (low >> 16) as i32;
    let low = low & 0xffff;
    let quotient = high.div_euclid(count as i32);
    let remainder = high.rem_euclid(count as i32) as u32;
    (quotient << 16) + (((remainder << 16) + low) / count) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limbs_join_back() {
        for v in [0, 1, -1, 127, 128, -128, -129, 65_535, VALUE_MAX, -VALUE_MAX, 123_456_789, -987_654_321] {
            let l: [i8; VALUE_LIMBS] = limbs(v);
            assert_eq!(combine_diagonals(&l.map(i32::from)), i128::from(v), "{v}");
            assert_eq!(limb_bytes(v), pack_lanes(l), "{v}");
        }
        for v in [WEIGHT_MAX, -WEIGHT_MAX, 0x7f_7f7e, 0x12_3456] {
            let l: [i8; WEIGHT_LIMBS] = limbs(v);
            assert_eq!(combine_diagonals(&l.map(i32::from)), i128::from(v), "{v}");
        }
    }

    #[test]
    fn powers_and_logarithms_are_exact() {
        assert_eq!([0.75, 1.0, 1.5, 2.0, 1e-300].map(ceil_log2), [0, 0, 1, 1, -996]);
        assert_eq!(ceil_log2(f64::from_bits(1)), -1074);
        assert_eq!(scale_by_power(1.5, -1050), 1.5 * 2f64.powi(-525) * 2f64.powi(-525));
        assert_eq!((floor_fixed(-0.3, 2), to_fixed(-0.375, 2)), (-2, -2));
    }

    #[test]
    fn to_value_is_floor_with_saturation() {
        for l in [8, 14, 16] {
            for shift in [-3, 0, 1, l as i32, l as i32 + 5] {
                for hi in [0, 1, -1, 77_777, -77_777, i32::MAX, i32::MIN, 1 << 20, -(1 << 20)] {
                    for lo in [0, 1, 200, (1 << l) - 1] {
                        let t = (i128::from(hi) << l) + i128::from(lo);
                        let exact = if shift >= 0 { t >> shift } else { t << -shift };
                        let expect = exact.clamp(-i128::from(VALUE_MAX), i128::from(VALUE_MAX)) as i32;
                        assert_eq!(to_value(hi, lo, l, shift), expect, "l {l} shift {shift} hi {hi} lo {lo}");
                    }
                }
            }
        }
    }

    #[test]
    fn mean_is_exact_at_the_extremes() {
        for count in [1u32, 3, 4, 49, 64, 65_535] {
            for v in [VALUE_MAX, -VALUE_MAX, 0, 1, -1] {
                assert_eq!(rounded_mean((0..count).map(|_| v), count), v, "{count} x {v}");
            }
        }
        assert_eq!(rounded_mean([1, 2].into_iter(), 2), 2);
        assert_eq!(rounded_mean([-1, -2].into_iter(), 2), -1);
    }
}
