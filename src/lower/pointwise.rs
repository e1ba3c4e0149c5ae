//! Integer gain and bias of a batch norm on values.
//!
//! y = g x + h with x = n 2^-a and y = v 2^-b becomes v = floor((n G + B) / 2^s) with G = round(g 2^(b - a + s)) and
//! B = round(h 2^(b + s)) + half, where half = 2^(s - 1) turns the floor into rounding. s is the largest up to 60 for
//! which |G| < 2^30 and |B| < 2^61. As |n| < 2^30, the sum stays below 2^60 + 2^61 < 2^63. G has up to 30 significant
//! bits, as many as n.

use super::affine::Affine;
use super::bitconv::rounding_half;
use crate::fixed::{ceil_log2, to_fixed};

const MAX_SHIFT: i32 = 60;

/// G, B and s of the derivation above, per channel.
pub(super) struct FixedAffine {
    /// G.
    pub gains: Vec<i32>,
    /// B.
    pub biases: Vec<i64>,
    /// s.
    pub shifts: Vec<u32>,
}

/// Integer form of `affine` for inputs with `from` and outputs with `to` fractional bits.
pub(super) fn fix(affine: &Affine, from: i32, to: i32) -> Result<FixedAffine, String> {
    let mut fixed = FixedAffine { gains: Vec::new(), biases: Vec::new(), shifts: Vec::new() };
    for (c, (&g, &h)) in affine.gain.iter().zip(&affine.shift).enumerate() {
        let room = |x: f64, bits: i32, frac: i32| if x == 0.0 { MAX_SHIFT } else { bits - ceil_log2(x.abs()) - frac };
        // Rounding may reach 2^bits itself, hence one bit less than the bound.
        let shift = MAX_SHIFT.min(room(g, 29, to - from)).min(room(h, 60, to));
        if shift < 0 {
            return Err(format!("channel {c} is scaled by {g:e}, beyond 32-bit arithmetic"));
        }
        fixed.gains.push(to_fixed(g, to - from + shift) as i32);
        fixed.biases.push(to_fixed(h, to + shift) + rounding_half(shift));
        fixed.shifts.push(shift as u32);
    }
    Ok(fixed)
}
