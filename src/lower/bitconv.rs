//! Integer coefficients of a bit convolution.
//!
//! With weight planes b_i in {-1, +1} (basis v_i per output channel), activation planes a_j in {0, 1} (a set bit of which is
//! worth u_j) and the gain g of the batch norm folded in, the layer computes y = sum_ij r_ij N_ij + h with r_ij = g v_i u_j
//! and the integers N_ij = sum over taps of b_i a_j = 2 popcount(B_i & A_j) - popcount(A_j), |N_ij| <= K = taps * input
//! channels. Where the input has several parts (separately quantized branches side by side), each has its own u_j and K, and
//! the sum runs over the planes of all of them.
//!
//! Float activations are values of four signed 8-bit limbs, x = sum_p 256^p X_p 2^-frac, and are read as their 32 bits: bit k
//! of limb p is worth 2^k 256^p 2^-frac, the last of each limb -2^7. Its coefficients are C_ij = m_k C_ip with m_k = 2^k or
//! -2^7 and one rounding per limb, so that sum_k C_ij N_ij = C_ip sum over taps of b_i X_p: a kernel that multiplies limbs
//! by +-1 instead gives the same T. No bit of a value is dropped, and a T of 45 bits rounds it by less than its last one.
//!
//! r_ij becomes C_ij = round(r_ij 2^F) = H_ij 2^l + L_ij with 0 <= L_ij < 2^l, and T = sum C_ij N_ij is summed in two words:
//! hi = sum H N + bias, lo = sum L N + bias, then one carry (hi += lo >> l, lo &= 2^l - 1).
//!
//! No overflow, proved per layer and channel, with sums over all plane pairs of all parts:
//! * |lo| <= (2^l - 1) sum K + (2^l - 1) must be below 2^31. This picks l, the largest up to [`MAX_LOW_BITS`].
//! * |hi| <= sum K |H_ij| + |bias_hi| + sum K + 1 must be below 2^31 - 1 (the last two terms bound the carry). This picks F,
//!   the largest, per channel. Partial sums in any order obey the same bounds, being sums of fewer terms.
//!
//! Rounding: |T 2^-F - y| <= 2^-F-1 sum K |m|, and F is about 31 + l - log2(K sum |r|): 45 bits below the largest sum.

use crate::fixed::{VALUE_PLANES, ceil_log2, scale_by_power, split, to_fixed};

/// Low words wider than this gain nothing: the high word already carries 31 bits.
const MAX_LOW_BITS: u32 = 16;
/// Narrower ones would lose the precision that exactness to 1e-6 rests on.
const MIN_LOW_BITS: u32 = 8;
/// Most fractional bits of a T that no value is made of; stays inside the range of `f64` by far.
pub const MAX_FRAC: i32 = 400;

/// T has at most l + HALF_BITS fractional bits more than the value made of it, so that the rounding half that is added to its
/// bias is at most 2^(HALF_BITS - 1) in the high word.
pub const HALF_BITS: i32 = 8;

/// The exponent range and low word of T.
#[derive(Clone, Debug)]
pub struct Sums {
    /// `[out, pair]` (high, low).
    pub coefficients: Vec<[i32; 2]>,
    /// F per channel: T = y * 2^F.
    pub frac: Vec<i32>,
    pub low_bits: u32,
}

/// A plane pair: y has the term unit * times * N with |N| <= most.
#[derive(Clone, Copy, Debug)]
pub struct Term {
    pub unit: f64,
    pub times: i64,
    pub most: usize,
}

/// Values of the planes of an input part, as (unit, times): unit * times is what a set bit is worth.
pub fn bit_values(planes: usize, frac: i32) -> Vec<(f64, i64)> {
    let value = |plane: usize| match (plane / 8, plane % 8) {
        _ if plane >= VALUE_PLANES => (0.0, 0),
        (limb, 7) => (scale_by_power(1.0, 8 * limb as i32 - frac), -128),
        (limb, bit) => (scale_by_power(1.0, 8 * limb as i32 - frac), 1 << bit),
    };
    (0..planes).map(value).collect()
}

/// Widest low word for sums of so many +-1.
pub fn low_bits(most: usize) -> Result<u32, String> {
    let fits = |l: u32| (most as u64 + 1) * ((1 << l) - 1) < 1 << 31;
    (MIN_LOW_BITS..=MAX_LOW_BITS).rev().find(|&l| fits(l)).ok_or(format!("{most} products overflow 32-bit sums"))
}

/// Coefficients for the terms of each output channel, with room for `shift` (the constant that is added to y), at no more
/// than `max_frac` fractional bits.
pub fn sums(terms: &[Vec<Term>], shift: &[f64], max_frac: impl Fn(u32) -> i32) -> Result<Sums, String> {
    let low_bits = low_bits(terms.iter().map(|t| most(t)).max().unwrap_or(0))?;
    let mut sums = Sums { coefficients: Vec::new(), frac: Vec::new(), low_bits };
    for (c, (terms, &h)) in terms.iter().zip(shift).enumerate() {
        let (frac, words) =
            channel(terms, h, low_bits, max_frac(low_bits)).ok_or(format!("channel {c} cannot be held in 45 bits"))?;
        sums.coefficients.extend(words);
        sums.frac.push(frac);
    }
    Ok(sums)
}

/// Sum of K over the terms of a channel.
fn most(terms: &[Term]) -> usize {
    terms.iter().map(|t| t.most).sum()
}

fn channel(terms: &[Term], h: f64, l: u32, max_frac: i32) -> Option<(i32, Vec<[i32; 2]>)> {
    let largest = terms.iter().map(|t| (t.unit * t.times as f64).abs() * t.most as f64).sum::<f64>() + h.abs();
    // A channel of zeros fits at any scale.
    let guess = if largest > 0.0 { max_frac.min(31 + l as i32 - ceil_log2(largest)) } else { max_frac };
    (guess - 3..=guess).rev().find_map(|frac| words(terms, h, l, frac).map(|words| (frac, words)))
}

/// The split coefficients at scale 2^frac, if the bound on the high word holds.
fn words(terms: &[Term], h: f64, l: u32, frac: i32) -> Option<Vec<[i32; 2]>> {
    let rounded = terms.iter().map(|t| to_fixed(t.unit, frac).checked_mul(t.times));
    let split: Vec<(i64, i64)> = rounded.map(|n| n.map(|n| split(n, l))).collect::<Option<_>>()?;
    let high: i128 = split.iter().zip(terms).map(|(&(hi, _), t)| i128::from(hi.abs()) * t.most as i128).sum();
    let carry = most(terms) as i128 + 1;
    // And the rounding half that an epilogue may add to the bias.
    let bias = i128::from((to_fixed(h, frac) >> l).abs()) + 2 + (1 << HALF_BITS);
    let bound = high + bias + carry;
    // A term that can never be reached (K = 0) may have any coefficient, also one that is too large.
    let fits = |n: i64| i32::try_from(n).is_ok();
    (bound < i128::from(i32::MAX) && split.iter().all(|s| fits(s.0)))
        .then(|| split.into_iter().map(|(hi, lo)| [hi as i32, lo as i32]).collect())
}

/// bias = round(shift * 2^frac) + half, in two words.
pub fn bias(shift: f64, frac: i32, half: i64, low_bits: u32) -> [i32; 2] {
    let (hi, lo) = split(to_fixed(shift, frac) + half, low_bits);
    [hi as i32, lo as i32]
}

/// Half of the unit that a right shift by `shift` drops to: turns the floor into rounding.
pub fn rounding_half(shift: i32) -> i64 {
    if (1..=62).contains(&shift) { 1 << (shift - 1) } else { 0 }
}

/// Checks that every shift can be done by [`crate::fixed::to_value`].
pub fn check_shifts(shifts: &[i32], low_bits: u32) -> Result<(), String> {
    let range = crate::fixed::shift_range(low_bits);
    match shifts.iter().position(|s| !range.contains(s)) {
        None => Ok(()),
        Some(c) => Err(format!(
            "channel {c} is scaled 2^{} away from its layer, supported are 2^{} to 2^{}",
            -shifts[c],
            -range.end(),
            -range.start()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::limb_bytes;

    #[test]
    fn every_width_up_to_eight_bits_fits_the_largest_layers() {
        for w in 1..=8 {
            for a in 1..=8 {
                assert!(low_bits(w * a * 512 * 9).unwrap() >= 12, "{w}/{a}");
                assert!(low_bits(w * a * 512 * 49).is_ok(), "{w}/{a}");
            }
        }
        assert_eq!(low_bits(4 * 4608), Ok(16));
        assert!(low_bits(64 << 20).is_err());
        // Weight-only networks: 32 planes of values.
        assert!(low_bits(8 * 32 * 512 * 9).unwrap() >= 10);
    }

    #[test]
    fn the_bound_is_tight_and_never_exceeded() {
        let products = vec![vec![0.31, -0.7, 1e-3, 0.02], vec![0.0; 4], vec![1e-30; 4], vec![3e8, -1.0, 0.0, 2.0]];
        let shift = [0.5, 0.25, 0.0, -1e9];
        let taps = 1152;
        let term = |&unit: &f64| Term { unit, times: 1, most: taps };
        let terms: Vec<Vec<Term>> = products.iter().map(|p| p.iter().map(term).collect()).collect();
        let sums = sums(&terms, &shift, |_| MAX_FRAC).unwrap();
        for (c, &shift) in shift.iter().enumerate() {
            let words = &sums.coefficients[c * 4..][..4];
            let [hi, lo] = bias(shift, sums.frac[c], 0, sums.low_bits);
            for sign in [1i64, -1] {
                let n = |h: i32| if i64::from(h) * sign > 0 { taps as i64 } else { -(taps as i64) };
                let high: i64 = words.iter().map(|w| i64::from(w[0]) * n(w[0]) * sign).sum::<i64>() + i64::from(hi);
                let low: i64 = words.iter().map(|w| i64::from(w[1]) * taps as i64 * sign).sum::<i64>() + i64::from(lo);
                assert!(i32::try_from(low).is_ok() && i32::try_from(high + (low >> sums.low_bits)).is_ok());
            }
        }
        assert!(sums.frac[0] > 31, "{:?}", sums.frac);
    }

    #[test]
    fn the_planes_of_a_value_add_up_to_it() {
        for v in [0, 1, -1, 127, 128, -128, -129, 123_456_789, -987_654_321] {
            let bits = limb_bytes(v);
            let planes = bit_values(33, 4).into_iter().enumerate();
            let sum: f64 = planes.filter(|(j, _)| u64::from(bits) >> j & 1 == 1).map(|(_, (u, m))| u * m as f64).sum();
            assert_eq!(sum, f64::from(v) / 16.0);
        }
    }
}
