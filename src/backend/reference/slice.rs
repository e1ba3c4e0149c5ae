//! Reference of `shaders/slice.wgsl`.

use crate::backend::arena::{Arena, Output};
use crate::fixed::limb_bytes;
use crate::lower::Slice;
use crate::quant::{WORD_BITS, words};

/// Turns values into the bit planes of their limbs.
pub(super) fn run(k: &Slice, arena: &Arena, out: &mut Output) {
    let (channels, planes) = (out.spec.shape.c, out.spec.planes());
    let rows = out.data.chunks_exact_mut(words(channels) * planes);
    for (row, values) in rows.zip(arena.read(k.input).chunks_exact(channels)) {
        for (group, words) in values.chunks(WORD_BITS).zip(row.chunks_exact_mut(planes)) {
            words.fill(0);
            for (bit, &v) in group.iter().enumerate() {
                let bytes = limb_bytes(v as i32);
                words.iter_mut().take(WORD_BITS).enumerate().for_each(|(j, word)| *word |= (bytes >> j & 1) << bit);
            }
        }
    }
}
