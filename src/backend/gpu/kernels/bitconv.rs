//! Launches of `shaders/bitconv.wgsl`, and the choice between it and `shaders/bitconv.tile.wgsl`.

use super::super::table::{QUAD, Table};
use super::coefficients::coefficient_rows;
use super::epilogue::{Ends, add_rows};
use super::general::{connect, tile, tiles};
use super::geometry;
use super::groups::{QuadWeights, Reach, align};
use super::launch::Launch;
use super::on_gpu::OnGpu;
use super::texts::{ROWS, texts};
use super::tile;
use super::variant::{Target, Variant};
use crate::fixed::VALUE_PLANES;
use crate::lower::{BitConv, CARRY_PLANES, Kernel, Part, Tensors};
use crate::quant::words;

texts! { BITCONV = "bitconv.wgsl" }

/// Most vector accumulators of an invocation: more would not stay in registers.
const MAX_ACCUMULATORS: usize = 28;
/// Planes of the input that a pass processes: all planes of an input of codes, else a few that divide those of every
/// part.
fn planes_per_pass(parts: &[Part]) -> usize {
    match parts {
        [part] if part.planes < VALUE_PLANES => part.planes,
        _ => (1..=CARRY_PLANES).rev().find(|n| parts.iter().all(|p| p.planes.is_multiple_of(*n))).unwrap_or(1),
    }
}

/// The weights of a bit convolution in the order in which quads read them.
fn aligned(k: &BitConv, channels: usize) -> QuadWeights {
    let words: Vec<usize> = k.parts.iter().map(|p| p.words).collect();
    if k.mask.is_none() {
        return QuadWeights { weights: k.weights.clone(), words, first: Vec::new() };
    }
    let reach: Vec<Reach> =
        k.parts.iter().map(|p| Reach { words: p.words, total: crate::quant::words(p.channels) }).collect();
    align(&k.weights, channels, k.window.taps(), k.stored_planes(), &reach, |c, p| k.first_word(c, p))
}

impl OnGpu for BitConv {
    fn launch(&self, tensors: Tensors, variant: &Variant, _: Option<&Kernel>) -> Launch {
        match variant {
            Variant::Tile(tile) => tile::bitconv(self, tile, tensors),
            Variant::General | Variant::Strip(_) => general(self, tensors),
        }
    }

    fn variants(&self, tensors: Tensors, target: &Target) -> Vec<Variant> {
        tile::tiles(self, tensors, target).into_iter().map(Variant::Tile).collect()
    }

    fn signature(&self) -> String {
        let (planes, parts) = (self.stored_planes(), self.parts.len());
        format!(" {} {planes} planes {parts} parts {}", self.window, self.channel_words())
    }
}

/// The launch of the general kernel.
fn general(k: &BitConv, tensors: Tensors) -> Launch {
    let ends = Ends::of(&k.epilogue);
    let input = tensors.get(k.input);
    let output = ends.output().map_or(input.shape, |id| tensors.get(id).shape);
    let (planes, stored) = (planes_per_pass(&k.parts), k.stored_planes());
    let passes: usize = k.parts.iter().map(|p| p.planes / planes).sum();
    let QuadWeights { weights, words: read, first } = aligned(k, output.c);
    let sums = if passes > 1 { 2 } else { 0 };
    let tile = tile(output.w, stored * planes + sums, MAX_ACCUMULATORS);
    let groups = words(output.c);
    let mut launch = Launch::new(output.w.div_ceil(tile) * output.h * groups, &[ROWS]);
    let header = &mut launch.header;
    geometry::window(header, &k.window, input.shape, output);
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
        table.row(0, move |c| first[c / QUAD * parts + p] as i32);
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
