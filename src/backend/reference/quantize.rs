//! Reference of `shaders/quantize.wgsl`.

use super::epilogue::{rank_value, write_codes};
use crate::backend::arena::{Arena, Output};
use crate::lower::Quantize;

/// Computes the codes of values.
pub(super) fn run(k: &Quantize, arena: &Arena, out: &mut Output) {
    let channels = out.spec.shape.c;
    for (pixel, row) in arena.read(k.input).chunks_exact(channels).enumerate() {
        let codes: Vec<u16> = row.iter().enumerate().map(|(c, &v)| rank_value(&k.ranks, c, v as i32)).collect();
        write_codes(out, pixel, &codes);
    }
}
