//! Integer coefficients of a bit convolution.
//!
//! With weight planes b_i in {-1, +1} (basis v_i per output channel), activation planes a_j in {0, 1} (whose set bits
//! are worth u_j each) and the gain g of the batch norm folded in, the layer computes y = sum_ij r_ij N_ij + h with
//! r_ij = g v_i u_j and the integers N_ij = sum over taps of b_i a_j = 2 popcount(B_i & A_j) - popcount(A_j), where
//! |N_ij| <= K = taps * input channels. Where the input has several parts (separately quantized branches side by side),
//! each part has its own u_j and K, and the sum runs over the planes of all parts.
//!
//! Float activations are values x = sum_p 256^p X_p 2^-frac with four signed 8-bit limbs X_p, read as 32 bit planes.
//! Bit k of limb p is worth m_k 256^p 2^-frac, with m_k = 2^k, except m_7 = -2^7 because limbs are signed. The
//! coefficients of these planes are C_ij = m_k C_ip, with one rounding (that of C_ip) per limb. Hence
//! sum_k C_ij N_ij = C_ip sum over taps of b_i X_p, and a kernel that multiplies limbs by +-1 instead gives the same T.
//! No bit of a value is dropped.
//!
//! No overflow, proved per layer and channel:
//! * Low words are carried (hi += lo >> l, lo &= 2^l - 1) at least once per part of the input, and after at most
//!   [`CARRY_PLANES`] planes of values. What the low word accumulates between two carries, (2^l - 1) (sum K + 1) with
//!   the sum over the plane pairs in between, must be below 2^31. This determines l, the largest that fits up to
//!   [`MAX_LOW_BITS`].
//! * After the last carry hi = floor(T / 2^l), and |T| <= sum |C| M K + |bias| with M the largest magnitude of what C
//!   multiplies (1 for a plane of codes, 128 for a limb, 64 for the last limb of a value). This must be below
//!   2^(31 + l), which determines F per channel, the largest that fits. Intermediate high words may wrap, because
//!   their sums and products are exact modulo 2^32.
//!
//! Rounding: |T 2^-F - y| <= 2^(-F-1) sum M K. F is about 31 + l - log2(sum |r| M K): 45 bits below the largest sum.

use crate::fixed::{VALUE_LIMBS, VALUE_PLANES, ceil_log2, scale_by_power, split, to_fixed};

/// Wider low words gain nothing: the high word already carries 31 bits.
const MAX_LOW_BITS: u32 = 16;
/// Narrower low words would lose precision that the agreement to 1e-6 depends on.
const MIN_LOW_BITS: u32 = 8;
/// Most fractional bits of a T that is compared with thresholds or gives logits, not rounded to a value. Far inside the
/// range of `f64`.
pub(super) const MAX_FRAC: i32 = 400;

/// T has at most l + HALF_BITS fractional bits more than the value it is rounded to, so that the half that is added to
/// its bias for rounding is at most 2^(HALF_BITS - 1) in the high word.
pub(super) const HALF_BITS: i32 = 8;

/// The coefficients of a layer, and the scale of its sums T.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    /// `[out, pair]` (high, low).
    pub coefficients: Vec<[i32; 2]>,
    /// F per channel: T = y * 2^F.
    pub frac: Vec<i32>,
    /// Bits l of the low word.
    pub low_bits: u32,
}

/// Most planes of values that are summed between two carries.
pub const CARRY_PLANES: usize = 6;

/// Planes that share a unit: a set bit of plane k is worth `unit * times[k]`. A plane of codes is a digit by itself.
/// The eight planes of a limb form one, so that their coefficients are exact multiples of one rounded number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Digit {
    /// The common unit, a real number.
    pub unit: f64,
    /// Multiples of the unit, plane by plane.
    pub times: &'static [i64],
    /// Largest magnitude that the sum of `times` over the set bits can have.
    pub reach: i64,
}

impl Digit {
    /// A plane of codes.
    pub(super) fn plane(unit: f64) -> Self {
        Digit { unit, times: &[1], reach: 1 }
    }
}

/// The digits of values with `frac` fractional bits, stored in `planes` planes: four limbs, then planes of zeros.
pub(super) fn value_digits(planes: usize, frac: i32) -> Vec<Digit> {
    let limb = |p: usize| Digit {
        unit: scale_by_power(1.0, 8 * p as i32 - frac),
        times: &[1, 2, 4, 8, 16, 32, 64, -128],
        // |v| < 2^30 leaves the last limb -64 to 64.
        reach: if p + 1 == VALUE_LIMBS { 64 } else { 128 },
    };
    let zeros = (VALUE_PLANES..planes).map(|_| Digit { unit: 0.0, times: &[0], reach: 0 });
    (0..VALUE_LIMBS).map(limb).chain(zeros).collect()
}

/// One term of y: `unit * sum_k times[k] N_k`, with a bound on its counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    /// The planes that are counted.
    pub digit: Digit,
    /// Bound of |N_k|.
    pub most: usize,
}

/// The widest low word for which adding or subtracting `carried` low words between two carries cannot overflow.
pub(super) fn low_bits(carried: usize) -> Result<u32, String> {
    let fits = |l: u32| (carried as u64 + 1) * ((1 << l) - 1) < 1 << 31;
    (MIN_LOW_BITS..=MAX_LOW_BITS).rev().find(|&l| fits(l)).ok_or(format!("{carried} products overflow 32-bit sums"))
}

/// Coefficients for the terms of each output channel, with room for `shift` (the constant that is added to y) and with
/// at most `max_frac` fractional bits.
pub(super) fn sums(terms: &[Vec<Term>], shift: &[f64], low_bits: u32, max_frac: i32) -> Result<Sums, String> {
    let mut sums = Sums { coefficients: Vec::new(), frac: Vec::new(), low_bits };
    for (c, (terms, &h)) in terms.iter().zip(shift).enumerate() {
        let (frac, words) =
            channel(terms, h, low_bits, max_frac).ok_or(format!("channel {c} cannot be held in 45 bits"))?;
        sums.coefficients.extend(words);
        sums.frac.push(frac);
    }
    Ok(sums)
}

fn channel(terms: &[Term], h: f64, l: u32, max_frac: i32) -> Option<(i32, Vec<[i32; 2]>)> {
    let term = |t: &Term| t.digit.unit.abs() * t.digit.reach as f64 * t.most as f64;
    let largest = terms.iter().map(term).sum::<f64>() + h.abs();
    // A channel of zeros fits at any scale.
    let guess = if largest > 0.0 { max_frac.min(31 + l as i32 - ceil_log2(largest)) } else { max_frac };
    (guess - 3..=guess).rev().find_map(|frac| words(terms, h, l, frac).map(|words| (frac, words)))
}

/// The split coefficients at scale 2^frac, if the bound on the high word holds.
fn words(terms: &[Term], h: f64, l: u32, frac: i32) -> Option<Vec<[i32; 2]>> {
    let (mut most, mut words) = (i128::from(to_fixed(h, frac).abs()), Vec::new());
    for Term { digit, most: count } in terms {
        // A digit that this channel's group does not read needs no room, even if its unit would not fit.
        let unit = if *count == 0 { 0 } else { to_fixed(digit.unit, frac) };
        most += i128::from(unit.abs()) * i128::from(digit.reach) * *count as i128;
        for times in digit.times {
            let (hi, lo) = split(unit.checked_mul(*times)?, l);
            words.push([i32::try_from(hi).ok()?, lo as i32]);
        }
    }
    // Besides the floors, leave room for the rounding half that an epilogue may add to the bias.
    let bound = (most >> l) + 2 + (1 << HALF_BITS);
    (bound < i128::from(i32::MAX)).then_some(words)
}

/// bias = round(shift * 2^frac) + half, in two words.
pub(super) fn bias(shift: f64, frac: i32, half: i64, low_bits: u32) -> [i32; 2] {
    let (hi, lo) = split(to_fixed(shift, frac) + half, low_bits);
    [hi as i32, lo as i32]
}

/// Half a unit of the result of a right shift by `shift`. Added before the shift, it turns the floor into rounding.
pub(super) fn rounding_half(shift: i32) -> i64 {
    if (1..=62).contains(&shift) { 1 << (shift - 1) } else { 0 }
}

/// Checks that [`crate::fixed::to_value`] supports every shift.
pub(super) fn check_shifts(shifts: &[i32], low_bits: u32) -> Result<(), String> {
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
        // Weight-only networks.
        assert!(low_bits(8 * CARRY_PLANES * 512 * 9).unwrap() >= 12);
    }

    #[test]
    fn the_bound_is_tight_and_never_exceeded() {
        let products = [vec![0.31, -0.7, 1e-3, 0.02], vec![0.0; 4], vec![1e-30; 4], vec![3e8, -1.0, 0.0, 2.0]];
        let shift = [0.5, 0.25, 0.0, -1e9];
        let taps = 1152;
        let term = |&unit: &f64| Term { digit: Digit::plane(unit), most: taps };
        let terms: Vec<Vec<Term>> = products.iter().map(|p| p.iter().map(term).collect()).collect();
        let sums = sums(&terms, &shift, low_bits(4 * taps).unwrap(), MAX_FRAC).unwrap();
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
    fn terms_that_never_count_take_no_room() {
        let term = |unit, most| Term { digit: Digit::plane(unit), most };
        let with = |most| sums(&[vec![term(1e-6, 9), term(1e9, most)]], &[0.0], 16, MAX_FRAC).map(|s| s.frac[0]);
        assert_eq!(with(0), sums(&[vec![term(1e-6, 9)]], &[0.0], 16, MAX_FRAC).map(|s| s.frac[0]));
        assert!(with(1).unwrap() < with(0).unwrap());
    }

    #[test]
    fn the_planes_of_a_value_add_up_to_it() {
        for v in [0, 1, -1, 127, 128, -128, -129, 123_456_789, -987_654_321] {
            let bits = limb_bytes(v);
            let digits = value_digits(33, 4);
            let planes = digits.iter().flat_map(|d| d.times.iter().map(|&m| d.unit * m as f64)).enumerate();
            let sum: f64 = planes.filter(|(j, _)| u64::from(bits) >> j & 1 == 1).map(|(_, value)| value).sum();
            assert_eq!(sum, f64::from(v) / 16.0);
        }
    }
}
