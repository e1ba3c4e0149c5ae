//! Reference of `shaders/split.wgsl`.

use crate::backend::arena::Arena;
use crate::fixed::{LIMB_LANES, VALUE_LIMBS, split_values};
use crate::lower::Split;

/// Turns values into limbs, four channels to a word.
pub(super) fn run(k: &Split, arena: &Arena, out: &mut [u32]) {
    let values = arena.read(k.input).chunks_exact(arena.spec(k.input).shape.c);
    let groups = values.flat_map(|row| row.chunks(LIMB_LANES));
    for (group, words) in groups.zip(out.chunks_exact_mut(VALUE_LIMBS)) {
        words.copy_from_slice(&split_values(group.iter().map(|&v| v as i32)));
    }
}
