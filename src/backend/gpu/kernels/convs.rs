//! Launches of `shaders/bitconv.wgsl` and `shaders/limbconv.wgsl`.

use super::super::header::Header;
use super::super::table::{LANES, Table, quad_weights};
use super::epilogue::{Ends, add_rows, no_rows};
use super::{Launch, Source, Tensors};
use crate::fixed::{LIMB_LANES, WEIGHT_LIMBS};
use crate::lower::{BitConv, LimbConv, LimbSum, Repr, TensorId};
use crate::quant::{WORD_BITS, words};
use crate::tensor::{Shape, Window};

/// Most vector accumulators of an invocation; more would not stay in registers.
const MAX_ACCUMULATORS: usize = 28;
/// Fewer for limbs: a product of limbs is long where the device has no instruction for it, and compiling takes its
/// time.
const MAX_LIMB_ACCUMULATORS: usize = 6;

/// Pixels that an invocation makes: as many as `most` accumulators allow, with the least waste at the end of a row.
fn tile(width: usize, accumulators_per_pixel: usize, most: usize) -> usize {
    let most = (most / accumulators_per_pixel).clamp(1, 8).min(width);
    // At least half of what fits, lest a prime width fall back to single pixels.
    (most.div_ceil(2)..=most).rev().min_by_key(|t| width.div_ceil(*t) * t).unwrap_or(1)
}

/// The shape of a window over `input`.
pub fn geometry(header: &mut Header, window: &Window, input: Shape, output: Shape) {
    header.shape("IN_H", input.h).shape("IN_W", input.w);
    header.shape("OUT_H", output.h).shape("OUT_W", output.w).shape("OUT_C", output.c);
    header.shape("KH", window.kernel[0]).shape("KW", window.kernel[1]);
    header.shape("STRIDE_Y", window.stride[0]).shape("STRIDE_X", window.stride[1]);
    header.shape("BEFORE_Y", window.before[0]).shape("BEFORE_X", window.before[1]);
}

/// N plane pairs, T and its epilogue.
pub fn bitconv(k: &BitConv, tensors: Tensors) -> Launch {
    let ends = Ends::of(&k.epilogue);
    let input = tensors.get(k.input);
    let output = ends.output().map_or(input.shape, |id| tensors.get(id).shape);
    let pairs = k.weight_planes * k.activation_planes;
    let tile = tile(output.w, pairs, MAX_ACCUMULATORS);
    let groups = words(output.c);
    let mut launch = Launch::new(output.w.div_ceil(tile) * output.h * groups);
    let header = &mut launch.header;
    geometry(header, &k.window, input.shape, output);
    header.shape("WORDS", words(input.shape.c)).shape("GROUPS", groups);
    header.number("W_PLANES", k.weight_planes).number("A_PLANES", k.activation_planes).number("PAIRS", pairs);
    tiles(header, tile, output.w, Ends::bits(&k.epilogue));
    header.number("TILE_PAIRS", tile * pairs).number("TILE_A", tile * k.activation_planes);

    let mut table = Table::new(output.c);
    for word in 0..2 {
        for pair in 0..pairs {
            table.row(0, move |c| k.coefficients[c * pairs + pair][word]);
        }
    }
    let load = [4, 2, 1].into_iter().find(|n| k.activation_planes.is_multiple_of(*n)).unwrap_or(1);
    header.number("COEFFICIENTS", 0).planes(load);
    add_rows(header, &mut table, &k.epilogue, tensors);
    table.describe(header);
    connect(&mut launch, k.input, "Planes", &k.weights, output.c, table.words());
    ends.connect(&mut launch);
    launch
}

fn tiles(header: &mut Header, tile: usize, width: usize, bits: usize) {
    header.number("TILE", tile).shape("TILES", width.div_ceil(tile)).number("TILE_BITS", (tile * bits).max(1));
}

fn connect(
    launch: &mut Launch,
    input: TensorId,
    element: &'static str,
    weights: &[u32],
    channels: usize,
    table: Vec<u32>,
) {
    launch.read("input", element, Source::Tensor(input));
    launch.read("weights", "vec4<u32>", Source::Words(quad_weights(weights, channels)));
    launch.read("table", "vec4<i32>", Source::Words(table));
}

/// Constants that limbconv and limbsum share. Returns the launch, for `per_tile` invocations at each tile.
fn limbs(
    input: TensorId,
    window: &Window,
    output: Shape,
    group_channels: usize,
    bits: usize,
    tensors: Tensors,
) -> Launch {
    let spec = tensors.get(input);
    let limbs = if let Repr::Limbs { limbs, .. } = spec.repr { limbs } else { 1 };
    let diagonals = limbs + WEIGHT_LIMBS - 1;
    let tile = tile(output.w, diagonals, MAX_LIMB_ACCUMULATORS);
    let groups = output.c.div_ceil(group_channels);
    let mut launch = Launch::new(output.w.div_ceil(tile) * output.h * groups);
    let header = &mut launch.header;
    geometry(header, window, spec.shape, output);
    header.shape("IN_GROUPS", spec.shape.c.div_ceil(LIMB_LANES)).number("X_LIMBS", limbs);
    header.number("W_LIMBS", WEIGHT_LIMBS).number("DIAGONALS", diagonals).number("TILE_DIAGONALS", tile * diagonals);
    header.shape("GROUPS", groups).number("GROUP_QUADS", group_channels / LANES);
    tiles(header, tile, output.w, bits);
    launch
}

/// Joined diagonals and their epilogue.
pub fn limbconv(k: &LimbConv, tensors: Tensors) -> Launch {
    let ends = Ends::of(&k.epilogue);
    let output = ends.output().map_or(tensors.get(k.input).shape, |id| tensors.get(id).shape);
    let mut launch = limbs(k.input, &k.window, output, WORD_BITS, Ends::bits(&k.epilogue), tensors);
    let mut table = Table::new(output.c);
    let header = &mut launch.header;
    header.number("DROP", k.drop).flag("SUMS", false);
    add_rows(header, &mut table, &k.epilogue, tensors);
    table.describe(header);
    connect(&mut launch, k.input, "u32", &k.weights, output.c, table.words());
    ends.connect(&mut launch);
    launch.write("sums", "i32", None);
    launch
}

/// Diagonals as they are.
pub fn limbsum(k: &LimbSum, tensors: Tensors) -> Launch {
    let output = tensors.get(k.output).shape;
    let mut launch = limbs(k.input, &k.window, output, LANES, 0, tensors);
    let mut table = Table::new(output.c);
    let header = &mut launch.header;
    header.number("DROP", 0).flag("SUMS", true);
    no_rows(header, &mut table);
    table.describe(header);
    launch.read("input", "u32", Source::Tensor(k.input));
    launch.read("weights", "vec4<u32>", Source::Words(quad_weights(&k.weights, output.c)));
    launch.read("table", "vec4<i32>", Source::Absent);
    Ends::default().connect(&mut launch);
    launch.write("sums", "i32", Some(k.output));
    launch
}
