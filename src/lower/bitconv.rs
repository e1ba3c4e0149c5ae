//! Integer coefficients of a bit convolution.
//!
//! With weight planes b_i in {-1, +1} (basis v_i per output channel), activation planes a_j in {0, 1} (basis u_j) and the gain
//! g of the batch norm folded in, the layer computes y = sum_ij r_ij N_ij + h with r_ij = g v_i u_j and the integers
//! N_ij = sum over taps of b_i a_j = 2 popcount(B_i & A_j) - popcount(A_j), |N_ij| <= K = taps * input channels.
//!
//! r_ij becomes C_ij = round(r_ij 2^F) = H_ij 2^l + L_ij with 0 <= L_ij < 2^l, and T = sum C_ij N_ij is summed in two words:
//! hi = sum H N + bias, lo = sum L N + bias, then one carry (hi += lo >> l, lo &= 2^l - 1).
//!
//! No overflow, proved per layer and channel with P = number of plane pairs:
//! * |lo| <= P K (2^l - 1) + (2^l - 1) must be below 2^31. This picks l, the largest up to [`MAX_LOW_BITS`].
//! * |hi| <= K sum |H_ij| + |bias_hi| + P K + 1 must be below 2^31 - 1 (the last two terms bound the carry). This picks F,
//!   the largest, per channel. Partial sums in any order obey the same bounds, being sums of fewer terms.
//!
//! Rounding: |T 2^-F - y| <= P K 2^-F-1, and F is about 31 + l - log2(K sum |r|): 45 bits below the largest sum.

use crate::fixed::{ceil_log2, split, to_fixed};

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

/// Widest low word for `pairs` plane pairs over `taps` taps (channels included).
pub fn low_bits(pairs: usize, taps: usize) -> Result<u32, String> {
    let fits = |l: u32| (pairs as u64 * taps as u64 + 1) * ((1 << l) - 1) < 1 << 31;
    (MIN_LOW_BITS..=MAX_LOW_BITS)
        .rev()
        .find(|&l| fits(l))
        .ok_or(format!("{pairs} plane pairs over {taps} taps overflow 32-bit sums"))
}

/// Coefficients for real `[out][pair]` products, with room for `shift` (the constant that is added to y), at no more than
/// `max_frac` fractional bits.
pub fn sums(products: &[Vec<f64>], shift: &[f64], taps: usize, max_frac: impl Fn(u32) -> i32) -> Result<Sums, String> {
    let pairs = products.first().map_or(0, Vec::len);
    let low_bits = low_bits(pairs, taps)?;
    let mut sums = Sums { coefficients: Vec::new(), frac: Vec::new(), low_bits };
    for (c, (r, &h)) in products.iter().zip(shift).enumerate() {
        let (frac, words) = channel(r, h, taps, low_bits, max_frac(low_bits))
            .ok_or(format!("channel {c} cannot be held in 45 bits"))?;
        sums.coefficients.extend(words);
        sums.frac.push(frac);
    }
    Ok(sums)
}

fn channel(r: &[f64], h: f64, taps: usize, l: u32, max_frac: i32) -> Option<(i32, Vec<[i32; 2]>)> {
    let largest = taps as f64 * r.iter().map(|x| x.abs()).sum::<f64>() + h.abs();
    // A channel of zeros fits at any scale.
    let guess = if largest > 0.0 { max_frac.min(31 + l as i32 - ceil_log2(largest)) } else { max_frac };
    (guess - 3..=guess).rev().find_map(|frac| words(r, h, taps, l, frac).map(|words| (frac, words)))
}

/// The split coefficients at scale 2^frac, if the bound on the high word holds.
fn words(r: &[f64], h: f64, taps: usize, l: u32, frac: i32) -> Option<Vec<[i32; 2]>> {
    let split: Vec<(i64, i64)> = r.iter().map(|&x| split(to_fixed(x, frac), l)).collect();
    let high: i128 = split.iter().map(|&(hi, _)| i128::from(hi.abs())).sum();
    let carry = (r.len() * taps) as i128 + 1;
    // And the rounding half that an epilogue may add to the bias.
    let bias = i128::from((to_fixed(h, frac) >> l).abs()) + 2 + (1 << HALF_BITS);
    let bound = taps as i128 * high + bias + carry;
    (bound < i128::from(i32::MAX)).then(|| split.into_iter().map(|(hi, lo)| [hi as i32, lo as i32]).collect())
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

    #[test]
    fn every_width_up_to_eight_bits_fits_the_largest_layers() {
        for w in 1..=8 {
            for a in 1..=8 {
                assert!(low_bits(w * a, 512 * 9).unwrap() >= 12, "{w}/{a}");
                assert!(low_bits(w * a, 512 * 49).is_ok(), "{w}/{a}");
            }
        }
        assert_eq!(low_bits(4, 4608), Ok(16));
        assert!(low_bits(64, 1 << 20).is_err());
    }

    #[test]
    fn the_bound_is_tight_and_never_exceeded() {
        let products = vec![vec![0.31, -0.7, 1e-3, 0.02], vec![0.0; 4], vec![1e-30; 4], vec![3e8, -1.0, 0.0, 2.0]];
        let shift = [0.5, 0.25, 0.0, -1e9];
        let taps = 1152;
        let sums = sums(&products, &shift, taps, |_| MAX_FRAC).unwrap();
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
}
