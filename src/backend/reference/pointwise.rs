//! Reference of `shaders/pointwise.wgsl`.

use super::epilogue::add;
use crate::backend::arena::{Arena, Output};
use crate::fixed::saturate;
use crate::lower::Pointwise;

/// Computes all pixels and channels.
pub fn run(k: &Pointwise, arena: &Arena, out: &mut Output) {
    let channels = out.spec.shape.c;
    let channel = |id: usize, pixel: usize, c: usize| {
        let have = arena.spec(id).shape.c;
        if c < have { arena.read(id)[pixel * have + c] as i32 } else { 0 }
    };
    for (index, target) in out.data.iter_mut().enumerate() {
        let (pixel, c) = (index / channels, index % channels);
        let addend = k.residual.map_or(0, |id| channel(id, pixel, c));
        *target = value(k, c, channel(k.input, pixel, c), addend) as u32;
    }
}

/// saturate((x * gain + bias) >> shift) + addend in channel `c`, then ReLU.
#[inline(always)]
pub fn value(k: &Pointwise, c: usize, x: i32, addend: i32) -> i32 {
    let v = add(saturate((i64::from(x) * i64::from(k.gains[c]) + k.biases[c]) >> k.shifts[c]), addend);
    if k.relu { v.max(0) } else { v }
}
