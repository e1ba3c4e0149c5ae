//! Launches of `shaders/bitconv.tile.wgsl`.

use super::super::header::Header;
use super::super::table::{GROUP_QUADS, QUAD, Table};
use super::carry_save::count;
use super::coefficients::coefficient_rows;
use super::epilogue::{COUNTED_LEVELS, Ends, add_rows};
use super::geometry::{columns, window_with_constant_rows};
use super::launch::{Launch, Nest};
use super::rounds::rounds;
use super::sharing::{ROW_LOADS, WEIGHT_LOADS, loads, padded};
use super::texts::{SHARED_EACH, SHARED_SUBGROUP, texts};
use super::variant::{Target, Tile};
use crate::fixed::VALUE_PLANES;
use crate::lower::{BitConv, Tensors};
use crate::quant::words;
use crate::tensor::Shape;

texts! { BITCONV_TILE = "bitconv.tile.wgsl" }

/// Sums that an invocation keeps in registers. With more, spilling costs more than sharing loads saves.
const MAX_SUMS: usize = 36;
/// Words of input that a step keeps in registers.
const MAX_COLUMN_WORDS: usize = 64;
/// Products that a step adds up. More of them would not stay in registers.
const MAX_PRODUCTS: usize = 9;
/// Words of one load.
const MAX_LOAD: usize = 4;

/// The tiles that can compute `k`, the one that is thought best first. None if only the general kernel can.
pub(super) fn tiles(k: &BitConv, tensors: Tensors, target: &Target) -> Vec<Tile> {
    let ends = Ends::of(&k.epilogue);
    let [part] = k.parts.as_slice() else { return Vec::new() };
    let Some(output) = ends.output().map(|id| tensors.get(id).shape) else { return Vec::new() };
    let alone = k.mask.is_none() && part.planes < VALUE_PLANES && part.at == 0;
    let own_row = part.words * part.planes == tensors.get(k.input).pixel_words();
    let groups = words(output.c);
    if !alone || !own_row || ends.levels(&k.epilogue) > COUNTED_LEVELS || groups > target.fold as usize {
        return Vec::new();
    }
    let mut tiles = Vec::new();
    for (broadcast, adders) in [(true, true), (true, false), (false, true), (false, false)] {
        if broadcast && !target.can_share() {
            continue;
        }
        for (pixels, quads) in [(2, 1), (2, 2), (4, 1), (4, 2), (1, 1), (1, 2), (7, 1)] {
            let words = (1..=MAX_LOAD).rev().find(|&u| fits_load(u, k, part.words, part.planes)).unwrap_or(1);
            let tile = Tile { pixels, quads, words, workgroup_size: target.workgroup_size, adders, broadcast };
            if fits(&tile, k, part.planes, output) && target.allows(rounds_of(&tile, k, output)) {
                tiles.push(tile);
            }
        }
    }
    tiles.sort_by_key(|t| (!t.broadcast, !t.adders, std::cmp::Reverse(sums(t, k, part.planes))));
    tiles
}

fn fits_load(at_once: usize, k: &BitConv, words: usize, planes: usize) -> bool {
    let products = at_once * k.window.kernel[1];
    words.is_multiple_of(at_once) && at_once * planes <= MAX_LOAD && (at_once == 1 || products <= MAX_PRODUCTS)
}

fn sums(tile: &Tile, k: &BitConv, planes: usize) -> usize {
    tile.pixels * tile.quads * k.weight_planes * planes * QUAD
}

fn fits(tile: &Tile, k: &BitConv, planes: usize, output: Shape) -> bool {
    let quads = output.c.div_ceil(QUAD);
    let few = tile.pixels * tile.quads == 1 || sums(tile, k, planes) <= MAX_SUMS;
    let columns = columns(&k.window, tile.pixels) * tile.words * planes <= MAX_COLUMN_WORDS;
    few && columns && tile.pixels <= output.w && quads.is_multiple_of(tile.quads)
}

/// The loops of an invocation.
fn nest(tile: &Tile, k: &BitConv, output: Shape) -> Nest {
    let (words, planes) = k.parts.first().map_or((0, 0), |part| (part.words, part.planes));
    let turns = GROUP_QUADS.min(output.c.div_ceil(QUAD)) / tile.quads;
    let products = sums(tile, k, planes) * tile.words * k.window.kernel[1];
    Nest { turns, steps: k.window.kernel[0] * (words / tile.words), products }
}

/// Rounds of an invocation: the steps for the ones and those of each turn. Everything else is unrolled, as [`tiles`] are
/// for few levels only.
fn rounds_of(tile: &Tile, k: &BitConv, output: Shape) -> usize {
    let Nest { turns, steps, .. } = nest(tile, k, output);
    let steps = rounds(steps, 0);
    steps + rounds(turns, steps)
}

/// The launch of `k` in tiles of this kind, which must be one of [`tiles`].
pub(super) fn bitconv(k: &BitConv, tile: &Tile, tensors: Tensors) -> Launch {
    let ends = Ends::of(&k.epilogue);
    let input = tensors.get(k.input);
    let output = ends.output().map_or(input.shape, |id| tensors.get(id).shape);
    let (planes, own) = k.parts.first().map_or((1, 1), |p| (p.planes, p.words));
    let across = output.w.div_ceil(tile.pixels);
    let mut launch = Launch::new(across * output.h, &[]);
    (launch.workgroup_size, launch.layers) = (tile.workgroup_size, words(output.c));
    launch.rounds = rounds_of(tile, k, output);
    launch.nest = nest(tile, k, output);
    let header = &mut launch.header;
    window_with_constant_rows(header, &k.window, input.shape, output);
    header.shape("TILES", across).shape("WORDS", own / tile.words).shape("GROUPS", words(output.c));
    step(header, k, tile, planes);
    // Wide tiles always check each pixel: that costs nothing, and layers of odd width can share the pipeline.
    header.flag("WHOLE_TILES", tile.pixels == 1);
    let load = [4, 2, 1].into_iter().find(|n| (tile.words * planes).is_multiple_of(*n)).unwrap_or(1);
    header.planes(load).number("LOADS", tile.words * planes / load).shape("ROW", input.pixel_words() / load);

    let mut table = Table::new(output.c);
    header.number("COEFFICIENTS", 0);
    coefficient_rows(&mut table, k, planes);
    add_rows(header, &mut table, &k.epilogue, tensors);
    table.describe(header);
    loads(header, ROW_LOADS, table.rows());
    header.text(&count(tile.words * k.window.kernel[1], tile.adders));
    launch.read("input", "Planes", k.input);
    launch.read("weights", "vec4<u32>", padded(weights(k, tile, output.c)));
    launch.read("table", "vec4<i32>", padded(table.words()));
    ends.connect(&mut launch, tensors);
    launch.files.extend([if tile.broadcast { SHARED_SUBGROUP } else { SHARED_EACH }, BITCONV_TILE]);
    launch
}

/// Adds the constants of a step.
fn step(header: &mut Header, k: &BitConv, tile: &Tile, planes: usize) {
    header.number("TILE", tile.pixels).number("QUADS_AT_ONCE", tile.quads).number("WORDS_AT_ONCE", tile.words);
    header.number("COLUMNS", columns(&k.window, tile.pixels)).number("COLUMN_WORDS", tile.words * planes);
    header.number("W_PLANES", k.weight_planes).number("A_PLANES", planes).number("PAIRS", k.weight_planes * planes);
    header.number("STEP_PLANES", tile.quads * k.weight_planes);
    header.number("STEP_PAIRS", tile.quads * k.weight_planes * planes);
    loads(header, WEIGHT_LOADS, step_weights(k, tile));
}

/// Vectors of weights of a step.
fn step_weights(k: &BitConv, tile: &Tile) -> usize {
    tile.words * k.window.kernel[1] * tile.quads * k.weight_planes
}

/// The weights in the shader's order; channels past the last are 0.
fn weights(k: &BitConv, tile: &Tile, channels: usize) -> Vec<u32> {
    let [kh, kw] = k.window.kernel;
    let own = k.part_words(&k.parts[0]) / (kh * kw * k.weight_planes);
    let mut ordered = Vec::with_capacity(k.weights.len().next_multiple_of(QUAD));
    for turn in 0..channels.div_ceil(QUAD) / tile.quads {
        for (ky, word, u) in (0..kh).flat_map(|ky| (0..own).map(move |w| (ky, w - w % tile.words, w % tile.words))) {
            for (kx, q) in (0..kw).flat_map(|kx| (0..tile.quads).map(move |q| (kx, q))) {
                let at = ((ky * kw + kx) * own + word + u) * k.weight_planes;
                for i in 0..k.weight_planes {
                    let first = (turn * tile.quads + q) * QUAD;
                    let lane = |c: usize| if c < channels { k.weights[c * k.channel_words() + at + i] } else { 0 };
                    ordered.extend((first..first + QUAD).map(lane));
                }
            }
        }
    }
    ordered
}
