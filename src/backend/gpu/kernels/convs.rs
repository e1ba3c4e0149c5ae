//! Launches of `shaders/bitconv.wgsl` and `shaders/limbconv.wgsl`.

use super::super::header::Header;
use super::super::table::{LANES, Table, quad_weights};
use super::epilogue::{Ends, add_rows, no_rows};
use super::groups::{Aligned, Reach, align};
use super::{BITCONV, LIMBCONV, Launch, ROWS, Source, Tensors};
use crate::fixed::{LIMB_LANES, VALUE_PLANES, WEIGHT_LIMBS};
use crate::lower::{BitConv, CARRY_PLANES, LimbConv, LimbSum, Part, Repr, TensorId};
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
    header.shape("DILATION_Y", window.dilation[0]).shape("DILATION_X", window.dilation[1]);
}

/// Planes that a pass takes: all of codes that are alone, else a few that divide those of every part.
fn planes_per_pass(parts: &[Part]) -> usize {
    match parts {
        [part] if part.planes < VALUE_PLANES => part.planes,
        _ => (1..=CARRY_PLANES).rev().find(|n| parts.iter().all(|p| p.planes.is_multiple_of(*n))).unwrap_or(1),
    }
}

/// The weights of a bit convolution as quads read them.
fn aligned(k: &BitConv, channels: usize) -> Aligned {
    let words: Vec<usize> = k.parts.iter().map(|p| p.words).collect();
    if k.mask.is_none() {
        return Aligned { weights: k.weights.clone(), words, first: Vec::new() };
    }
    let reach: Vec<Reach> =
        k.parts.iter().map(|p| Reach { words: p.words, total: crate::quant::words(p.channels) }).collect();
    align(&k.weights, channels, k.window.taps(), k.stored_planes(), &reach, |c, p| k.first_word(c, p))
}

/// N plane pairs, T and its epilogue.
pub fn bitconv(k: &BitConv, tensors: Tensors) -> Launch {
    let ends = Ends::of(&k.epilogue);
    let input = tensors.get(k.input);
    let output = ends.output().map_or(input.shape, |id| tensors.get(id).shape);
    let (planes, stored) = (planes_per_pass(&k.parts), k.stored_planes());
    let passes: usize = k.parts.iter().map(|p| p.planes / planes).sum();
    let Aligned { weights, words: read, first } = aligned(k, output.c);
    let sums = if passes > 1 { 2 } else { 0 };
    let tile = tile(output.w, stored * planes + sums, MAX_ACCUMULATORS);
    let groups = words(output.c);
    let mut launch = Launch::new(output.w.div_ceil(tile) * output.h * groups, &[ROWS]);
    let header = &mut launch.header;
    geometry(header, &k.window, input.shape, output);
    let aligned_to = |n: &usize| {
        [planes, input.pixel_words()].into_iter().chain(k.parts.iter().map(|p| p.at)).all(|at| at.is_multiple_of(*n))
    };
    let load = [4, 2, 1].into_iter().find(aligned_to).unwrap_or(1);
    header.planes(load).shape("ROW", input.pixel_words() / load).shape("GROUPS", groups);
    header.number("W_PLANES", k.weight_planes).number("STORED", stored).number("A_PLANES", planes);
    header.number("PAIRS", k.weight_planes * planes).number("STORED_PAIRS", stored * planes);
    tiles(header, tile, output.w, ends.planes(tensors));
    header.number("TILE_PAIRS", tile * stored * planes).number("TILE_A", tile * planes);
    header.number("SUMS", if passes > 1 { tile } else { 1 });

    let mut table = Table::new(output.c);
    header.flag("MASKED", k.mask.is_some()).number("PASSES", passes).number("COEFFICIENTS", 0);
    coefficient_rows(&mut table, k, planes);
    let first_row = table.rows();
    for p in 0..first.len() / table.quads().max(1) {
        let parts = k.parts.len();
        let first = &first;
        table.row(0, move |c| first[c / LANES * parts + p] as i32);
    }
    header.number("FIRST", first_row);
    let (layout, row) = pass_table(k, &read, planes, load);
    table.tail("PASS_TABLE", layout);
    header.shape("WEIGHT_ROW", row);
    add_rows(header, &mut table, &k.epilogue, tensors);
    table.describe(header);
    connect(&mut launch, k.input, "Planes", &weights, output.c, table.words());
    ends.connect(&mut launch, tensors);
    launch.files.push(BITCONV);
    launch
}

/// For each pass the high, then the low coefficients of its pairs.
pub fn coefficient_rows<'a>(table: &mut Table<'a>, k: &'a BitConv, planes: usize) {
    let all = k.channel_pairs();
    let mut part_at = 0;
    for part in &k.parts {
        for pass in 0..part.planes / planes {
            for word in 0..2 {
                for i in 0..k.weight_planes {
                    for j in 0..planes {
                        let pair = part_at + i * part.planes + pass * planes + j;
                        table.row(0, move |c| k.coefficients[c * all + pair][word]);
                    }
                }
            }
        }
        part_at += k.weight_planes * part.planes;
    }
}

/// The shader's PASS_TABLE, for parts of which quads read `read` words, and WEIGHT_ROW.
fn pass_table(k: &BitConv, read: &[usize], planes: usize, load: usize) -> (Vec<u32>, usize) {
    let (mut layout, mut weights_at) = (Vec::new(), 0);
    for (p, (part, words)) in k.parts.iter().zip(read).enumerate() {
        for pass in 0..part.planes / planes {
            let numbers = [(part.at + pass * planes) / load, part.planes / load, *words, weights_at, p, 0, 0, 0];
            layout.extend(numbers.map(|n| n as u32));
        }
        weights_at += k.window.taps() * words * k.stored_planes();
    }
    (layout, weights_at)
}

fn tiles(header: &mut Header, tile: usize, width: usize, planes: usize) {
    header.number("TILE", tile).shape("TILES", width.div_ceil(tile)).number("TILE_BITS", (tile * planes).max(1));
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
    planes: usize,
    tensors: Tensors,
) -> Launch {
    let spec = tensors.get(input);
    let limbs = if let Repr::Limbs { limbs, .. } = spec.repr { limbs } else { 1 };
    let diagonals = limbs + WEIGHT_LIMBS - 1;
    let tile = tile(output.w, diagonals, MAX_LIMB_ACCUMULATORS);
    let groups = output.c.div_ceil(group_channels);
    let mut launch = Launch::new(output.w.div_ceil(tile) * output.h * groups, &[ROWS]);
    let header = &mut launch.header;
    geometry(header, window, spec.shape, output);
    header.shape("IN_GROUPS", spec.shape.c.div_ceil(LIMB_LANES)).number("X_LIMBS", limbs);
    header.number("W_LIMBS", WEIGHT_LIMBS).number("DIAGONALS", diagonals).number("TILE_DIAGONALS", tile * diagonals);
    header.shape("GROUPS", groups).number("GROUP_QUADS", group_channels / LANES);
    tiles(header, tile, output.w, planes);
    launch
}

/// Joined diagonals and their epilogue.
pub fn limbconv(k: &LimbConv, tensors: Tensors) -> Launch {
    let ends = Ends::of(&k.epilogue);
    let output = ends.output().map_or(tensors.get(k.input).shape, |id| tensors.get(id).shape);
    let mut launch = limbs(k.input, &k.window, output, WORD_BITS, ends.planes(tensors), tensors);
    let (weights, read, first) = limb_weights(k, tensors, output.c);
    let mut table = Table::new(output.c);
    let header = &mut launch.header;
    header.number("DROP", k.drop).flag("SUMS", false);
    header.flag("MASKED", first.is_some()).shape("READ_GROUPS", read).number("FIRST", 0);
    if let Some(first) = &first {
        table.row(0, move |c| first[c / LANES] as i32);
    }
    add_rows(header, &mut table, &k.epilogue, tensors);
    table.describe(header);
    connect(&mut launch, k.input, "u32", &weights, output.c, table.words());
    ends.connect(&mut launch, tensors);
    launch.files.push(LIMBCONV);
    launch.write("sums", "i32", None);
    launch
}

/// Weights, words that a quad reads per tap and, with groups, the first of them.
fn limb_weights(k: &LimbConv, tensors: Tensors, channels: usize) -> (Vec<u32>, usize, Option<Vec<usize>>) {
    let Some(first) = &k.first_words else { return (k.weights.clone(), k.words, None) };
    let reach = Reach { words: k.words, total: tensors.get(k.input).shape.c.div_ceil(LIMB_LANES) };
    let start = |c: usize, _| first[c] as usize;
    let aligned = align(&k.weights, channels, k.window.taps(), WEIGHT_LIMBS, &[reach], start);
    (aligned.weights, aligned.words[0], Some(aligned.first))
}

/// Diagonals as they are.
pub fn limbsum(k: &LimbSum, tensors: Tensors) -> Launch {
    let output = tensors.get(k.output).shape;
    let mut launch = limbs(k.input, &k.window, output, LANES, 0, tensors);
    let mut table = Table::new(output.c);
    let header = &mut launch.header;
    header.number("DROP", 0).flag("SUMS", true).flag("MASKED", false).number("FIRST", 0);
    header.shape("READ_GROUPS", tensors.get(k.input).shape.c.div_ceil(LIMB_LANES));
    no_rows(header, &mut table);
    table.describe(header);
    launch.read("input", "u32", Source::Tensor(k.input));
    launch.read("weights", "vec4<u32>", Source::Words(quad_weights(&k.weights, output.c)));
    launch.read("table", "vec4<i32>", Source::Absent);
    Ends::default().connect(&mut launch, tensors);
    launch.files.push(LIMBCONV);
    launch.write("sums", "i32", Some(k.output));
    launch
}
