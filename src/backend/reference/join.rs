//! Reference of `shaders/join.wgsl`.

use crate::backend::arena::{Arena, Output};
use crate::lower::Join;

/// Copies the words of every pixel into their place in the output's row. The other words of the row stay as they are.
pub(super) fn run(k: &Join, arena: &Arena, out: &mut Output) {
    let words = arena.spec(k.input).pixel_words();
    let rows = out.data.chunks_exact_mut(out.spec.pixel_words());
    for (row, input) in rows.zip(arena.read(k.input).chunks_exact(words)) {
        row[k.at..][..words].copy_from_slice(input);
    }
}
