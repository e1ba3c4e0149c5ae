//! Integer gain and bias of a batch norm on values.
//!
//! y = g x + h with x = n 2^-a and y = v 2^-b becomes v = floor((n G + B) / 2^s), G = round(g 2^(b - a + s)),
//! B = round(h 2^(b + s)) + half. s is the largest up to 60 with |G| < 2^30 and |B| < 2^61; as |n| < 2^30 the sum stays below
//! 2^60 + 2^61 < 2^63. G has 30 significant bits, as many as n.

use super::affine::Affine;
use super::bitconv::rounding_half;
use crate::fixed::{ceil_log2, to_fixed};

const MAX_SHIFT: i32 = 60;

/// Gains, biases and shifts per channel.
pub struct FixedAffine {
    pub gains: Vec<i32>,
    pub biases: Vec<i64>,
    pub shifts: Vec<u32>,
}

/// Integer form of `affine` from inputs of `from` to outputs of `to` fractional bits.
pub fn fix(affine: &Affine, from: i32, to: i32) -> Result<FixedAffine, String> {
    let mut fixed = FixedAffine { gains: Vec::new(), biases: Vec::new(), shifts: Vec::new() };
    for (c, (&g, &h)) in affine.gain.iter().zip(&affine.shift).enumerate() {
        let room = |x: f64, bits: i32, frac: i32| if x == 0.0 { MAX_SHIFT } else { bits - ceil_log2(x.abs()) - frac };
        // round() may reach 2^bits itself, hence one bit less than the bound.
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
