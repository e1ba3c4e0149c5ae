//! Launches of `shaders/bitconv.wgsl`, and the choice between it and `shaders/bitconv.tile.wgsl`.

use super::super::table::{GROUP_QUADS, QUAD, Table};
use super::coefficients::coefficient_rows;
use super::epilogue::{Ends, add_rows};
use super::general::{connect, tile, tiles};
use super::geometry;
use super::groups::{QuadWeights, Reach, align};
use super::launch::{Launch, Nest};
use super::on_gpu::OnGpu;
use super::rounds::{rounds, rounds_of_taps};
use super::team::Team;
use super::texts::{ROWS, texts};
use super::tile;
use super::variant::{Target, Variant};
use crate::fixed::VALUE_PLANES;
use crate::lower::{BitConv, CARRY_PLANES, Kernel, Part, Tensors};
use crate::quant::words;
use crate::tensor::Shape;

texts! { BITCONV = "bitconv.wgsl", BITCONV_TEAM = "bitconv.team.wgsl" }

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
            Variant::General | Variant::Strip(_) => General::of(self, tensors).launch(),
        }
    }

    fn divided(&self, tensors: Tensors, target: &Target) -> Option<Launch> {
        General { tile: 1, ..General::of(self, tensors) }.team(target)
    }

    fn variants(&self, tensors: Tensors, target: &Target) -> Vec<Variant> {
        tile::tiles(self, tensors, target).into_iter().map(Variant::Tile).collect()
    }

    fn signature(&self) -> String {
        let (planes, parts) = (self.stored_planes(), self.parts.len());
        format!(" {} {planes} planes {parts} parts {}", self.window, self.channel_words())
    }
}

/// What the general kernel makes of a convolution.
struct General<'a> {
    k: &'a BitConv,
    tensors: Tensors<'a>,
    ends: Ends,
    output: Shape,
    /// Planes of the input in one pass, and the words of one load.
    planes: usize,
    load: usize,
    /// Neighbouring pixels of an invocation.
    tile: usize,
    read: QuadWeights,
}

impl<'a> General<'a> {
    fn of(k: &'a BitConv, tensors: Tensors<'a>) -> Self {
        let (ends, input) = (Ends::of(&k.epilogue), tensors.get(k.input));
        let output = ends.output().map_or(input.shape, |id| tensors.get(id).shape);
        let planes = planes_per_pass(&k.parts);
        let starts = [planes, input.pixel_words()].into_iter().chain(k.parts.iter().map(|p| p.at));
        let aligned_to = |n: &usize| starts.clone().all(|at| at.is_multiple_of(*n));
        let load = [4, 2, 1].into_iter().find(aligned_to).unwrap_or(1);
        let mut general = General { k, tensors, ends, output, planes, load, tile: 1, read: aligned(k, output.c) };
        let sums = if general.passes() > 1 { 2 } else { 0 };
        general.tile = tile(output.w, k.stored_planes() * planes + sums, MAX_ACCUMULATORS);
        general
    }

    fn passes(&self) -> usize {
        self.k.parts.iter().map(|p| p.planes / self.planes).sum()
    }

    /// The launch of `bitconv.wgsl`.
    fn launch(&self) -> Launch {
        let mut launch = self.without_text();
        (launch.rounds, launch.nest) = (self.rounds(), self.nest());
        launch.files.push(BITCONV);
        launch
    }

    /// The launch of `bitconv.team.wgsl`.
    fn team(&self, target: &Target) -> Option<Launch> {
        let team = Team { quads: GROUP_QUADS, sums: 2, finish_rounds: QUAD * self.ends.rounds(&self.k.epilogue) };
        let mut launch = self.without_text();
        launch.files.push(BITCONV_TEAM);
        team.launch(launch, self.output, words(self.output.c), target, |shares| self.team_rounds(shares))
    }

    /// Constants, buffers and included files of both.
    fn without_text(&self) -> Launch {
        let General { k, tensors, ends, output, planes, load, tile, read } = self;
        let (input, stored) = (tensors.get(k.input), k.stored_planes());
        let groups = words(output.c);
        let mut launch = Launch::new(output.w.div_ceil(*tile) * output.h * groups, &[ROWS]);
        let header = &mut launch.header;
        geometry::window(header, &k.window, input.shape, *output);
        header.planes(*load).shape("ROW", input.pixel_words() / load).shape("GROUPS", groups);
        header.number("W_PLANES", k.weight_planes).number("STORED", stored).number("A_PLANES", *planes);
        header.number("PAIRS", k.weight_planes * planes).number("STORED_PAIRS", stored * planes);
        tiles(header, *tile, output.w, ends.planes(*tensors));
        header.number("TILE_PAIRS", tile * stored * planes).number("TILE_A", tile * planes);
        header.number("SUMS", if self.passes() > 1 { *tile } else { 1 });

        let mut table = Table::new(output.c);
        header.flag("MASKED", k.mask.is_some()).number("PASSES", self.passes()).number("COEFFICIENTS", 0);
        coefficient_rows(&mut table, k, *planes, 0);
        let first_row = table.rows();
        for p in 0..read.first.len() / table.quads().max(1) {
            let parts = k.parts.len();
            table.row(0, move |c| read.first[c / QUAD * parts + p] as i32);
        }
        header.number("FIRST", first_row);
        let (layout, row) = pass_table(k, &read.words, *planes, *load);
        table.tail("PASS_TABLE", layout);
        header.shape("WEIGHT_ROW", row);
        add_rows(header, &mut table, &k.epilogue, *tensors);
        table.describe(header);
        connect(&mut launch, k.input, "Planes", &read.weights, output.c, table.words());
        ends.connect(&mut launch, *tensors);
        launch
    }

    /// The loops of an invocation of `bitconv.wgsl`; of several parts, the first decides how many steps a turn has.
    fn nest(&self) -> Nest {
        let turns = GROUP_QUADS.min(self.output.c.div_ceil(QUAD)) * self.passes();
        let words = self.read.words.first().copied().unwrap_or(0);
        let products = self.tile * self.k.weight_planes * self.planes * QUAD;
        Nest { turns, steps: self.k.window.taps() * words, products }
    }

    /// The words per tap that each pass reads.
    fn words_of_passes(&self) -> impl Iterator<Item = usize> {
        let parts = self.k.parts.iter().zip(&self.read.words);
        parts.flat_map(|(part, words)| std::iter::repeat_n(*words, part.planes / self.planes))
    }

    /// Rounds of an invocation of `bitconv.wgsl`.
    fn rounds(&self) -> usize {
        let (k, tile, stored) = (self.k, self.tile, self.k.stored_planes());
        let (planes, bits) = (self.planes, self.ends.planes(self.tensors));
        let loads = |body| rounds(planes / self.load, rounds(self.load, body));
        let taps = |words, body| rounds_of_taps(k.window.kernel, rounds(words, rounds(tile, body)));
        let ones = taps(self.read.words.first().copied().unwrap_or(0), loads(0));
        let moved =
            rounds(tile * stored * planes, 0) + rounds(planes, rounds(tile, 0)) + rounds(bits + 1, rounds(tile, 0));
        let sums = rounds(k.weight_planes, rounds(planes, 0)) + QUAD * self.ends.rounds(&k.epilogue);
        let pass =
            |words| rounds(tile * planes, 0) + taps(words, loads(rounds(stored, 0))) + rounds(tile, sums + moved);
        let quad = self.words_of_passes().map(|words| pass(words) + 1).sum::<usize>() + 1;
        ones + rounds(GROUP_QUADS.min(self.output.c.div_ceil(QUAD)), quad) + rounds(tile, rounds(bits, 0))
    }

    /// Rounds of a member of a team, before the sums are handed over.
    fn team_rounds(&self, shares: usize) -> usize {
        let (k, planes) = (self.k, self.planes);
        let pass =
            |words: usize| rounds(k.weight_planes * planes, rounds((k.window.taps() * words).div_ceil(shares), 0));
        self.words_of_passes().map(|words| pass(words) + 1).sum::<usize>() + 1
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
