//! Reference of `shaders/pointwise.wgsl`.

use super::epilogue::add;
use super::{Arena, Output};
use crate::fixed::saturate;
use crate::lower::Pointwise;

/// v = saturate((x * gain + bias) >> shift) + residual, ReLU.
pub fn run(k: &Pointwise, arena: &Arena, out: &mut Output) {
    let channels = out.spec.shape.c;
    let channel = |id: usize, pixel: usize, c: usize| {
        let have = arena.spec(id).shape.c;
        if c < have { arena.read(id)[pixel * have + c] as i32 } else { 0 }
    };
    for (index, target) in out.data.iter_mut().enumerate() {
        let (pixel, c) = (index / channels, index % channels);
        let x = i64::from(channel(k.input, pixel, c));
        let v = saturate((x * i64::from(k.gains[c]) + k.biases[c]) >> k.shifts[c]);
        let v = add(v, k.residual.map_or(0, |id| channel(id, pixel, c)));
        *target = if k.relu { v.max(0) } else { v } as u32;
    }
}
