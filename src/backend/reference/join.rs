//! Reference of `shaders/join.wgsl`.

use crate::backend::arena::{Arena, Output};
use crate::lower::Join;

/// Rows of the input to their place in the rows of the output, whose other words stay.
pub fn run(k: &Join, arena: &Arena, out: &mut Output) {
    let words = arena.spec(k.input).pixel_words();
    let rows = out.data.chunks_exact_mut(out.spec.pixel_words());
    for (row, input) in rows.zip(arena.read(k.input).chunks_exact(words)) {
        row[k.at..][..words].copy_from_slice(input);
    }
}
