//! Reference of `shaders/levels.wgsl`.

use crate::backend::arena::{Arena, Output};
use crate::lower::Levels;
use crate::quant::code_at;

/// Replaces codes by the values of their levels.
pub(super) fn run(k: &Levels, arena: &Arena, out: &mut Output) {
    let (channels, spec) = (out.spec.shape.c, arena.spec(k.input));
    for (values, codes) in out.data.chunks_exact_mut(channels).zip(arena.read(k.input).chunks_exact(spec.pixel_words()))
    {
        for (c, v) in values.iter_mut().enumerate() {
            *v = k.values[usize::from(code_at(codes, c, spec.planes()))] as u32;
        }
    }
}
