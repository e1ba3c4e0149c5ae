//! Launches of `shaders/limbconv.pixels.wgsl`.

use super::super::header::Header;
use super::super::table::{GROUP_QUADS, QUAD, Table, quad_weights};
use super::epilogue::{COUNTED_LEVELS, Ends, add_rows};
use super::geometry::{columns, window_with_constant_rows};
use super::launch::{Launch, Nest};
use super::rounds::rounds;
use super::sharing::{ROW_LOADS, WEIGHT_LOADS, loads, padded};
use super::texts::{SHARED_EACH, SHARED_SUBGROUP, texts};
use super::variant::{Strip, Target};
use crate::fixed::{LIMB_LANES, WEIGHT_LIMBS, combine_diagonals, split};
use crate::lower::{LimbConv, Repr, Tensors};
use crate::quant::words;
use crate::tensor::Window;

texts! { LIMBCONV_PIXELS = "limbconv.pixels.wgsl" }

/// Bits of the lower part of a weight.
const LOWER: u32 = 12;
/// Added to bytes to make them non-negative.
const OFFSET: i64 = 128;
/// How many products of 255 and 2^11 a word can hold the sum of.
const MAX_TERMS: usize = 4096;
/// Pixels in a vector.
const VECTOR: usize = 4;
/// Largest shift that drops digits.
const MAX_DROP: usize = 3;

/// The strips that can compute `k`, the one that is thought best first. None if only the general kernel can.
pub(super) fn strips(k: &LimbConv, tensors: Tensors, target: &Target) -> Vec<Strip> {
    let (spec, ends) = (tensors.get(k.input), Ends::of(&k.epilogue));
    let terms = k.window.taps() * LIMB_LANES;
    let small = terms <= MAX_TERMS && k.drop <= MAX_DROP && ends.levels(&k.epilogue) <= COUNTED_LEVELS;
    let pixels = matches!(spec.repr, Repr::Limbs { limbs: 1, .. }) && spec.shape.c <= LIMB_LANES;
    let Some(output) = ends.output().map(|id| tensors.get(id).shape) else { return Vec::new() };
    if !small || !pixels || !spec.shape.w.is_multiple_of(VECTOR) || words(output.c) > target.fold as usize {
        return Vec::new();
    }
    let sharing = if target.can_share() { vec![true, false] } else { vec![false] };
    let strip = |broadcast| [4, 2].map(|pixels| Strip { pixels, workgroup_size: target.workgroup_size, broadcast });
    let fits = |s: &Strip| s.pixels <= output.w && (s.pixels * k.window.stride[1]).is_multiple_of(VECTOR);
    sharing.into_iter().flat_map(strip).filter(fits).collect()
}

/// The launch of `k` in strips of this kind, which must be one of [`strips`].
pub(super) fn limbconv(k: &LimbConv, strip: &Strip, tensors: Tensors) -> Launch {
    let ends = Ends::of(&k.epilogue);
    let input = tensors.get(k.input).shape;
    let output = ends.output().map_or(input, |id| tensors.get(id).shape);
    let across = output.w.div_ceil(strip.pixels);
    let mut launch = Launch::new(across * output.h, &[]);
    (launch.workgroup_size, launch.layers) = (strip.workgroup_size, words(output.c));
    // At most 8 MAX_TERMS, which every device allows.
    launch.rounds = rounds(GROUP_QUADS, rounds(k.window.kernel[0], 0));
    let products = strip.pixels * k.window.kernel[1] * QUAD * input.c * WEIGHT_LIMBS;
    let turns = GROUP_QUADS.min(output.c.div_ceil(QUAD));
    launch.nest = Nest { turns, steps: k.window.kernel[0], products };
    let header = &mut launch.header;
    window_with_constant_rows(header, &k.window, input, output);
    header.shape("TILES", across).shape("GROUPS", words(output.c)).number("TILE", strip.pixels);
    header.flag("WHOLE_TILES", output.w.is_multiple_of(strip.pixels));
    vectors(header, &k.window, strip);
    let drop = 8 * k.drop;
    header.number("DROP", k.drop).number("LOWERED", drop.saturating_sub(LOWER as usize));
    header.number("RAISED", (LOWER as usize).saturating_sub(drop));
    loads(header, WEIGHT_LOADS, k.window.kernel[1] * LIMB_LANES);

    let parts: Vec<[i64; 2]> = weights(k).collect();
    let row = k.window.taps() * LIMB_LANES;
    let sum = |c: usize, part: usize| parts[c * row..][..row].iter().map(|w| w[part]).sum::<i64>();
    let mut table = Table::new(output.c);
    let first = table.row(0, |c| (-OFFSET * sum(c, 0)) as i32);
    table.row(0, |c| (-OFFSET * sum(c, 1)) as i32);
    header.number("CORRECTION", first);
    add_rows(header, &mut table, &k.epilogue, tensors);
    table.describe(header);
    loads(header, ROW_LOADS, table.rows());
    let packed: Vec<u32> =
        parts.iter().map(|[upper, lower]| ((*upper as u32) << 16) | (*lower as u32 & 0xffff)).collect();
    launch.read("input", "vec4<u32>", k.input);
    launch.read("weights", "vec4<u32>", padded(quad_weights(&packed, output.c)));
    launch.read("table", "vec4<i32>", padded(table.words()));
    ends.connect(&mut launch, tensors);
    launch.files.extend([if strip.broadcast { SHARED_SUBGROUP } else { SHARED_EACH }, LIMBCONV_PIXELS]);
    launch
}

/// Adds the constants that say which vectors a strip reads of each row, starting with the one that holds the first
/// pixel.
fn vectors(header: &mut Header, window: &Window, strip: &Strip) {
    let before = window.before[1].div_ceil(VECTOR);
    let skipped = before * VECTOR - window.before[1];
    let vectors = (skipped + columns(window, strip.pixels)).div_ceil(VECTOR);
    header.number("VECTORS_BEFORE", before).number("SKIPPED", skipped);
    header.number("VECTORS", vectors).number("COLUMN_ROOM", vectors * VECTOR);
}

/// Upper and lower part of each weight, `[out, tap, channel]`.
fn weights(k: &LimbConv) -> impl Iterator<Item = [i64; 2]> + '_ {
    let whole = |limbs: &[u32], lane: usize| {
        let bytes: Vec<i32> = limbs.iter().map(|word| i32::from(word.to_le_bytes()[lane] as i8)).collect();
        combine_diagonals(&bytes) as i64
    };
    let tap = move |limbs: &[u32]| -> [[i64; 2]; LIMB_LANES] {
        std::array::from_fn(|lane| {
            // The lower part is signed, too.
            let (upper, lower) = split(whole(limbs, lane) + (1 << (LOWER - 1)), LOWER);
            [upper, lower - (1 << (LOWER - 1))]
        })
    };
    k.weights.chunks_exact(WEIGHT_LIMBS).flat_map(tap)
}
