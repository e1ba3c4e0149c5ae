//! Integer weights of a limb convolution (the first convolution and dense layers, which the paper leaves in full
//! precision).
//!
//! A float weight w, times the batch norm's gain, becomes W = round(w 2^e) with |W| <= 0x7f7f7f and one e per output
//! channel: 23 bits below the channel's largest weight. The input is an integer x of one limb (pixels) or four
//! (values). Both are cut into signed 8-bit limbs and multiplied limb by limb; products with the same weight 256^d are
//! summed in a diagonal D_d = sum over taps and p + q = d of x_p W_q, and S = sum D_d 256^d is the exact convolution.
//!
//! No overflow: with K multiplied lanes per output, |D_d| + carry <= K min(input limbs, weight limbs) 2^14 + 2^24 must
//! be below 2^31.
//!
//! T = floor(S / 256^drop) keeps a low word of 16 bits. `drop` is the least for which (sum |W|) X / 256^drop / 2^16
//! fits in 31 bits for all channels, where X is the largest |x|. Where the bias does not fit as well, the channel's e
//! is lowered.

use super::bitconv::HALF_BITS;
use crate::fixed::{
    LIMB_LANES, VALUE_LIMBS, VALUE_MAX, WEIGHT_LIMBS, WEIGHT_MAX, ceil_log2, limbs, pack_lanes, to_fixed,
};

/// Low word of T: two limbs.
pub(super) const LOW_BITS: u32 = 16;

/// Fixed-point weights of a layer.
pub(super) struct FixedWeights {
    /// Packed limbs `[out, tap, word of four channels, WEIGHT_LIMBS]`.
    pub packed: Vec<u32>,
    /// e per output channel: W = w * 2^e.
    pub frac: Vec<i32>,
}

/// Real weights of a layer, times the gain of its batch norms. Each output channel's are computed when they are needed:
/// all at once, in double precision, they would take twice the memory of the file's.
pub(super) struct ScaledWeights<'a> {
    pub outputs: usize,
    /// Taps of the window.
    pub taps: usize,
    /// Lanes of a tap: its input channels, alpha and padding lanes included.
    pub lanes: usize,
    /// Computes the row `[tap * lanes]` of an output channel.
    pub row: Box<dyn Fn(usize) -> Vec<f64> + 'a>,
}

impl ScaledWeights<'_> {
    pub(super) fn rows(&self) -> impl Iterator<Item = Vec<f64>> {
        (0..self.outputs).map(&self.row)
    }
}

/// Rounds real weights to fixed point and packs their limbs. `cap` limits the fractional bits; it is called with an
/// output channel and its weights.
pub(super) fn fix(weights: &ScaledWeights, cap: impl Fn(usize, &[f64]) -> i32) -> FixedWeights {
    let words = weights.outputs * weights.taps * weights.lanes.div_ceil(LIMB_LANES) * WEIGHT_LIMBS;
    let mut fixed = FixedWeights { packed: Vec::with_capacity(words), frac: Vec::new() };
    for (output, row) in weights.rows().enumerate() {
        let frac = exponent(&row).min(cap(output, &row));
        let integers: Vec<i32> = row.iter().map(|&w| to_fixed(w, frac) as i32).collect();
        for tap in integers.chunks(weights.lanes) {
            for group in tap.chunks(LIMB_LANES) {
                fixed.packed.extend(pack_group(group));
            }
        }
        fixed.frac.push(frac);
    }
    fixed
}

/// The largest e with |round(w 2^e)| <= WEIGHT_MAX for all w; unlimited if all are 0.
fn exponent(row: &[f64]) -> i32 {
    let largest = row.iter().fold(0f64, |m, w| m.max(w.abs()));
    if largest == 0.0 {
        return i32::MAX;
    }
    let frac = 23 - ceil_log2(largest);
    if to_fixed(largest, frac) > i64::from(WEIGHT_MAX) { frac - 1 } else { frac }
}

fn pack_group(group: &[i32]) -> [u32; WEIGHT_LIMBS] {
    let mut lanes = [[0i8; WEIGHT_LIMBS]; LIMB_LANES];
    for (lane, &w) in lanes.iter_mut().zip(group) {
        *lane = limbs(w);
    }
    std::array::from_fn(|q| pack_lanes(lanes.map(|lane| lane[q])))
}

/// Checks that the diagonals of `lanes` multiplied lanes with `input_limbs`-limb inputs fit an `i32`.
pub(super) fn check_diagonals(lanes: usize, input_limbs: usize) -> Result<(), String> {
    let products = lanes as i128 * input_limbs.min(WEIGHT_LIMBS) as i128;
    if products * (1 << 14) + (1 << 24) < 1 << 31 {
        return Ok(());
    }
    Err(format!("{lanes} float products per output overflow 32-bit sums"))
}

/// Largest |x| of an input with this many limbs.
pub(super) fn input_max(input_limbs: usize) -> i64 {
    if input_limbs == VALUE_LIMBS { i64::from(VALUE_MAX) } else { 128 }
}

/// The least number of dropped limbs for which the sums of every channel fit, at its weights' full precision.
pub(super) fn dropped_limbs(weights: &ScaledWeights, input_limbs: usize) -> Result<usize, String> {
    let most = weights.rows().map(|row| total(&row, exponent(&row))).max().unwrap_or(0);
    let fits = |drop: usize| high(most, input_limbs, drop) < HIGH_LIMIT;
    (0..input_limbs + WEIGHT_LIMBS).find(|&d| fits(d)).ok_or("its sums do not fit in two words".to_owned())
}

/// The most fractional bits of a channel's weights for which T has at most `max_frac` of them and its high word has
/// room for the bias `shift` (a real number). A channel with tiny weights and an ordinary bias thus gives up bits that
/// its bias would swamp, and the other channels, which share `drop`, lose nothing.
pub(super) fn cap(row: &[f64], shift: f64, input: (usize, i32), drop: usize, max_frac: i32) -> i32 {
    let (limbs, input_frac) = input;
    let t_frac = |e: i32| e + input_frac - 8 * drop as i32;
    let most = max_frac - t_frac(0);
    let room = if shift == 0.0 { most } else { 31 + LOW_BITS as i32 - ceil_log2(shift.abs()) - t_frac(0) };
    let mut e = exponent(row).min(most).min(room);
    let bias = |e: i32| i128::from(to_fixed(shift, t_frac(e)) >> LOW_BITS).abs();
    while sum_high(row, e, limbs, drop) + bias(e) >= HIGH_LIMIT {
        e -= 1;
    }
    e
}

/// Limit of the high word: an `i32`, less the room for floors, a carry and the rounding half of an epilogue.
const HIGH_LIMIT: i128 = i32::MAX as i128 - 3 - (1 << HALF_BITS);

/// Bound of the high word of a channel's sums with its weights at scale 2^e.
fn sum_high(row: &[f64], e: i32, input_limbs: usize, drop: usize) -> i128 {
    high(total(row, e), input_limbs, drop)
}

/// Sum of the magnitudes of a channel's weights at scale 2^e.
fn total(row: &[f64], e: i32) -> i128 {
    row.iter().filter(|w| **w != 0.0).map(|&w| i128::from(to_fixed(w, e).abs())).sum()
}

fn high(total: i128, input_limbs: usize, drop: usize) -> i128 {
    (total * i128::from(input_max(input_limbs))) >> (8 * drop as u32 + LOW_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One output channel with one tap.
    fn weights(row: &[f64]) -> ScaledWeights<'_> {
        ScaledWeights { outputs: 1, taps: 1, lanes: row.len(), row: Box::new(|_| row.to_vec()) }
    }

    #[test]
    fn weights_keep_23_bits_and_stay_in_range() {
        for scale in [1e-12, 0.3, 1.0, 0.999_999_999, 7e9] {
            let row = vec![scale, -scale, scale / 3.0, 0.0];
            let fixed = fix(&weights(&row), |_, _| 400);
            let w = to_fixed(scale, fixed.frac[0]);
            assert!(w <= i64::from(WEIGHT_MAX) && w > i64::from(WEIGHT_MAX) / 2 - 1, "{w}");
            assert_eq!(fixed.packed.len(), WEIGHT_LIMBS);
        }
        assert_eq!(fix(&weights(&[0.0; 5]), |_, _| 400).packed, [0; 2 * WEIGHT_LIMBS]);
    }
}
