//! Reference of `shaders/split.wgsl`.

use super::Arena;
use crate::fixed::{LIMB_LANES, VALUE_LIMBS, limbs, pack_lanes};
use crate::lower::Split;

/// Values to limbs, four channels a word.
pub fn run(k: &Split, arena: &Arena, out: &mut [u32]) {
    let values = arena.read(k.input).chunks_exact(arena.spec(k.input).shape.c);
    let groups = values.flat_map(|row| row.chunks(LIMB_LANES));
    for (group, words) in groups.zip(out.chunks_exact_mut(VALUE_LIMBS)) {
        words.copy_from_slice(&split_group(group.iter().map(|&v| v as i32)));
    }
}

/// The limb words of up to four values.
pub fn split_group(values: impl Iterator<Item = i32>) -> [u32; VALUE_LIMBS] {
    let mut lanes = [[0i8; VALUE_LIMBS]; LIMB_LANES];
    for (lane, v) in lanes.iter_mut().zip(values) {
        *lane = limbs(v);
    }
    std::array::from_fn(|p| pack_lanes(lanes.map(|lane| lane[p])))
}
