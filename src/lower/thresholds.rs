//! Quantizers as integer comparisons.
//!
//! The quantizer maps a real z to its rank = #{ thresholds t_r < z } (or t_r <= z where ties go up). Here z = g x + h,
//! perhaps with a ReLU, and x is an integer n times 2^-frac. So every comparison becomes one of n, per channel:
//!
//! * without ReLU, g > 0: g x + h > t  <=>  x > (t - h) / g  <=>  n > floor((t - h) / g * 2^frac), as n is an integer;
//! * g < 0 flips the comparison: x < (t - h) / g  <=>  -x > (t - h) / |g|, the same with sign -1;
//! * g = 0: the answer is h > t for all n, a threshold of -inf or +inf;
//! * with ReLU, t < 0: relu(..) >= 0 > t always; t >= 0: relu(z) > t <=> z > t.
//!
//! Where ties go up, z >= t takes the place of z > t: n >= ceil(x)  <=>  n > ceil(x) - 1; with ReLU, t <= 0: always.
//!
//! Thresholds stay in ascending order under all of these rules, so kernels may find the rank by bisection.

use super::affine::Affine;
use super::kernels::Ranks;
use crate::fixed::{VALUE_MAX, floor_fixed, split};
use crate::quant::{Levels, Ties};

/// A threshold on sign(gain) * x.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Threshold {
    /// Every number is above it.
    Always,
    /// No number is above it.
    Never,
    /// A number is above it if sign(gain) * x is above this real number (or equal, where ties go up).
    At(f64),
}

/// The threshold on sign(gain) * x that is equivalent to `t` on z, as derived above.
pub(super) fn fold(t: f32, gain: f64, shift: f64, relu: bool, ties: Ties) -> Threshold {
    let t = f64::from(t);
    let above = |z: f64| z > t || (ties == Ties::Above && z == t);
    let settled = |above: bool| if above { Threshold::Always } else { Threshold::Never };
    if relu && above(0.0) {
        Threshold::Always
    } else if gain == 0.0 {
        settled(above(shift))
    } else {
        let at = (t - shift) / gain.abs();
        if at.is_finite() { Threshold::At(at) } else { settled(at < 0.0) }
    }
}

/// The integer that n must exceed for n * 2^-frac > x, or for n * 2^-frac >= x where ties go up.
fn integer(x: f64, frac: i32, ties: Ties) -> i64 {
    match ties {
        Ties::Below => floor_fixed(x, frac),
        // ceil(x) - 1
        Ties::Above => -1i64.saturating_add(floor_fixed(-x, frac)),
    }
}

/// Thresholds on values n * 2^-frac.
pub(super) fn on_values(levels: &Levels, affine: &Affine, relu: bool, frac: i32, ties: Ties) -> Ranks {
    let limit = i64::from(VALUE_MAX);
    let saturated = |t: Threshold| match t {
        Threshold::Always => i32::MIN,
        Threshold::Never => i32::MAX,
        Threshold::At(x) => match integer(x, frac, ties) {
            n if n < -limit => i32::MIN,
            n if n >= limit => i32::MAX,
            n => n as i32,
        },
    };
    let channels = || affine.gain.iter().zip(&affine.shift);
    Ranks {
        signs: channels().map(|(&g, _)| if g < 0.0 { -1 } else { 1 }).collect(),
        thresholds: channels()
            .flat_map(|(&g, &h)| levels.thresholds.iter().map(move |&t| saturated(fold(t, g, h, relu, ties))))
            .collect(),
        codes_of_ranks: levels.codes.clone(),
    }
}

/// Thresholds of one channel on two-word sums T * 2^-frac, which already contain the gain.
///
/// The high word of T is proved to lie strictly between `i32::MIN` and `i32::MAX`, so these serve as the infinities.
pub(super) fn on_sums(levels: &Levels, shift: f64, relu: bool, frac: i32, low_bits: u32, ties: Ties) -> Vec<[i32; 2]> {
    let always = [i32::MIN, 0];
    let never = [i32::MAX, 0];
    let saturated = |t: Threshold| match t {
        Threshold::Always => always,
        Threshold::Never => never,
        Threshold::At(x) => match split(integer(x, frac, ties), low_bits) {
            (hi, _) if hi <= i64::from(i32::MIN) => always,
            (hi, _) if hi >= i64::from(i32::MAX) => never,
            (hi, lo) => [hi as i32, lo as i32],
        },
    };
    levels.thresholds.iter().map(|&t| saturated(fold(t, 1.0, shift, relu, ties))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::Encoding;

    #[test]
    fn integer_ranks_agree_with_real_ones() {
        let levels = Levels::of_activations(&[0.5, 1.25], Encoding::ZeroOne);
        let cases = [(0.7, -0.2), (-0.7, 0.9), (0.0, 0.6), (1e-9, 0.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 0.25)];
        for ((gain, shift), ties) in cases.into_iter().flat_map(|c| [(c, Ties::Below), (c, Ties::Above)]) {
            for relu in [false, true] {
                let frac = 6;
                let ranks = on_values(&levels, &Affine { gain: vec![gain], shift: vec![shift] }, relu, frac, ties);
                assert!(ranks.thresholds.is_sorted());
                for n in -400..400 {
                    let z = gain * f64::from(n) / 64.0 + shift;
                    let z = if relu { z.max(0.0) } else { z };
                    let real = {
                        let above = |t: f64| if ties == Ties::Above { z >= t } else { z > t };
                        levels.thresholds.iter().filter(|&&t| above(f64::from(t))).count()
                    };
                    let integer = ranks.thresholds.iter().filter(|&&t| ranks.signs[0] * n > t).count();
                    assert_eq!(integer, real, "gain {gain} shift {shift} relu {relu} n {n}");
                }
            }
        }
    }
}
