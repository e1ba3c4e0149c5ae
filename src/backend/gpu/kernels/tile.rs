//! Launches of `shaders/bitconv.tile.wgsl`, and which of its forms is thought best on a device.

use super::super::header::Header;
use super::super::table::Table;
use super::carry_save::count;
use super::coefficients::coefficient_rows;
use super::epilogue::{Ends, add_rows};
use super::geometry::{columns, window_with_constant_rows};
use super::launch::{Launch, Nest};
use super::rounds::rounds;
use super::spans;
use super::texts::texts;
use super::variant::{Span, Target, Tile};
use crate::fixed::VALUE_PLANES;
use crate::lower::{BitConv, Tensors};
use crate::quant::WORD_BITS;
use crate::tensor::Shape;

texts! { BITCONV_TILE = "bitconv.tile.wgsl" }

/// Sums that an invocation keeps in registers, one for each pixel and pair of planes.
const MAX_SUMS: usize = 36;
/// Words of input that a step reads. They are the same for a whole span, and GPUs with registers for such words have about
/// a hundred of them.
const MAX_COLUMN_WORDS: usize = 48;
/// Words of weights that a step reads: each is used for few instructions per pixel, and all wait in registers.
const MAX_STEP_WEIGHTS: usize = 24;
/// Products that adders add up. More of them would not stay in registers.
const MAX_PRODUCTS: usize = 12;

/// The tiles that can compute `k`, the one that is thought best first. None if only the general kernel can.
pub(super) fn tiles(k: &BitConv, tensors: Tensors, target: &Target) -> Vec<Tile> {
    let ends = Ends::of(&k.epilogue);
    let [part] = k.parts.as_slice() else { return Vec::new() };
    let Some(output) = ends.output().map(|id| tensors.get(id).shape) else { return Vec::new() };
    let alone = k.mask.is_none() && part.planes < VALUE_PLANES && part.at == 0;
    let own_row = part.words * part.planes == tensors.get(k.input).pixel_words();
    if !alone || !own_row {
        return Vec::new();
    }
    let mut tiles = Vec::new();
    for span in spans::of(output.c, target) {
        // The larger of these leaves less of a row's end unused.
        let most = if output.w.next_multiple_of(8) <= output.w.next_multiple_of(7) { 8 } else { 7 };
        for pixels in [most, 4, 2, 1] {
            for adders in [false, true] {
                let tile = Tile { pixels, words: 1, span, adders };
                let fitting = (1..=part.words).rev().map(|words| Tile { words, ..tile });
                let Some(tile) = fitting.into_iter().find(|t| fits(t, k, part.words, part.planes)) else { continue };
                let bits = ends.planes(tensors) * pixels;
                let possible = pixels <= output.w && bits <= WORD_BITS && target.allows(rounds_of(&tile, k, bits));
                if possible && !(adders && products(&tile, k) < 3) {
                    tiles.push(tile);
                }
            }
        }
    }
    tiles.sort_by_cached_key(|tile| (tile.adders != target.adders, cost(tile, k, output, target)));
    tiles
}

/// Whether the words of a step and the sums stay in registers. A single pixel with a single word always counts as fitting.
fn fits(tile: &Tile, k: &BitConv, words: usize, planes: usize) -> bool {
    let sums = tile.pixels * k.weight_planes * planes;
    let least = tile.words == 1 && (tile.pixels == 1 || sums <= MAX_SUMS);
    let column_words = columns(&k.window, tile.pixels) * tile.words * planes;
    let small = column_words <= MAX_COLUMN_WORDS
        && step_weights(k, tile) <= MAX_STEP_WEIGHTS
        && (!tile.adders || products(tile, k) <= MAX_PRODUCTS);
    words.is_multiple_of(tile.words) && (least && (small || tile.pixels == 1) || sums <= MAX_SUMS && small)
}

/// Products that a step adds to each sum.
fn products(tile: &Tile, k: &BitConv) -> usize {
    tile.words * k.window.kernel[1]
}

/// Words of weights that an invocation reads in a step.
fn step_weights(k: &BitConv, tile: &Tile) -> usize {
    products(tile, k) * k.weight_planes
}

/// Products of a step with input of `planes` planes.
fn step_products(tile: &Tile, k: &BitConv, planes: usize) -> usize {
    tile.pixels * k.weight_planes * planes * products(tile, k)
}

/// Steps of an invocation.
fn steps(tile: &Tile, k: &BitConv) -> usize {
    k.window.kernel[0] * (k.parts.first().map_or(0, |part| part.words) / tile.words)
}

/// What the target's batch is thought to take, in clock cycles: a model to order tiles by until they are timed.
///
/// It assumes that each of the device's SIMD units executes an instruction for 32 invocations per cycle, keeps several
/// workgroups, and needs [`spans::LATENCY`] cycles for each round trip to memory, of which a step has one. A product takes two
/// instructions, a pixel's epilogue sixty.
fn cost(tile: &Tile, k: &BitConv, output: Shape, target: &Target) -> usize {
    let planes = k.parts.first().map_or(1, |part| part.planes);
    let instructions = steps(tile, k) * (2 * step_products(tile, k, planes) + 20) + 60 * tile.pixels + 100;
    let workgroups =
        target.images * output.h * output.w.div_ceil(tile.pixels) * tile.span.layers(output.c) / tile.span.at_once();
    let busy = instructions * tile.span.workgroup_size.div_ceil(32) as usize;
    spans::cycles(target.simd_units, workgroups, busy, steps(tile, k) + 3)
}

/// Rounds of an invocation. Loops over planes, pixels and columns are unrolled.
fn rounds_of(tile: &Tile, k: &BitConv, bits: usize) -> usize {
    let [part] = k.parts.as_slice() else { return usize::MAX };
    let step_rounds = rounds(k.window.kernel[0], rounds(part.words / tile.words, 0));
    let ones = rounds((tile.pixels * part.planes).div_ceil(tile.span.channels), 0);
    let finished = tile.pixels * Ends::of(&k.epilogue).rounds(&k.epilogue);
    step_rounds + ones + finished + tile.span.code_rounds(bits)
}

/// The launch of `k` in tiles of this kind, which must be one of [`tiles`].
pub(super) fn bitconv(k: &BitConv, tile: &Tile, tensors: Tensors) -> Launch {
    let ends = Ends::of(&k.epilogue);
    let input = tensors.get(k.input);
    let output = ends.output().map_or(input.shape, |id| tensors.get(id).shape);
    let (planes, own) = k.parts.first().map_or((1, 1), |p| (p.planes, p.words));
    let across = output.w.div_ceil(tile.pixels);
    let mut launch = tile.span.launch(across * output.h, output.c);
    launch.rounds = rounds_of(tile, k, ends.planes(tensors) * tile.pixels);
    launch.nest = Nest { turns: 1, steps: steps(tile, k), products: step_products(tile, k, planes) };
    let header = &mut launch.header;
    window_with_constant_rows(header, &k.window, input.shape, output);
    header.shape("TILES", across).shape("WORDS", own / tile.words);
    tile.span.describe(header, output.c, tile.pixels, ends.planes(tensors));
    step(header, k, tile, planes);
    let load = vector(tile.words * planes);
    header.planes(load).number("LOADS", tile.words * planes / load).shape("ROW", input.pixel_words() / load);
    header.text(&format!("fn input_word(at: u32) -> u32 {{ return {}; }}\n", word_of_input(load)));

    let mut table = Table::of_spans(output.c, tile.span.channels);
    header.number("COEFFICIENTS", 0);
    let most_ones = k.window.taps() * own * WORD_BITS;
    let factors = Factors::of(k, most_ones);
    coefficient_rows(&mut table, k, planes, factors.added());
    header.number("START", table.rows()).shape("MOST_ONES", most_ones);
    header.flag("NARROW", factors == Factors::Narrow).number("FACTOR_BITS", factors.bits());
    for word in 0..2 {
        table.row(0, move |c| start(k, c, word, most_ones));
    }
    add_rows(header, &mut table, &k.epilogue, tensors);
    table.describe(header);
    header.text(&count(products(tile, k), tile.adders));
    launch.read("input", "Planes", k.input);
    launch.read("weights", "Weights", weights(k, tile, output.c));
    launch.read("table", "i32", table.words());
    ends.connect_lanes(&mut launch);
    launch.files.push(BITCONV_TILE);
    launch
}

/// How the shader multiplies coefficients and counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Factors {
    /// As numbers of 24 bits without a sign.
    Narrow,
    /// As numbers of 32 bits.
    Wide,
}

impl Factors {
    /// Bits of narrow factors.
    const BITS: u32 = 24;

    /// Narrow ones, if all factors fit. M_ij is at most 2 popcount(B_i & A_j) + `most_ones`.
    fn of(k: &BitConv, most_ones: usize) -> Self {
        let half = 1 << (Self::BITS - 1);
        let fits = |[high, low]: &[i32; 2]| (-half..half).contains(high) && (0..2 * half).contains(low);
        let narrow = 3 * most_ones < 1 << Self::BITS && k.coefficients.iter().all(fits);
        if narrow { Factors::Narrow } else { Factors::Wide }
    }

    /// What is added to high words of coefficients.
    fn added(self) -> i32 {
        if self == Factors::Narrow { 1 << (Self::BITS - 1) } else { 0 }
    }

    /// The bits of a factor that may be set.
    fn bits(self) -> usize {
        if self == Factors::Narrow { (1 << Self::BITS) - 1 } else { u32::MAX as usize }
    }
}

/// What the sums of channel `c` start with, so that `most_ones` may be added to each count: bias - most_ones sum C_ij, one
/// of its words, modulo 2^32.
fn start(k: &BitConv, c: usize, word: usize, most_ones: usize) -> i32 {
    let coefficients = &k.coefficients[c * k.channel_pairs()..][..k.channel_pairs()];
    let sum: i64 = coefficients.iter().map(|words| i64::from(words[word])).sum();
    (i64::from(k.epilogue.bias[c][word])).wrapping_sub(sum.wrapping_mul(most_ones as i64)) as i32
}

/// Words of the widest vector that divides a row of so many words.
fn vector(words: usize) -> usize {
    [4, 2, 1].into_iter().find(|n| words.is_multiple_of(*n)).unwrap_or(1)
}

/// WGSL of word `at` of the input, which consists of vectors of `load` words.
fn word_of_input(load: usize) -> &'static str {
    if load == 1 { "input[at]" } else { "input[at / LOAD][at % LOAD]" }
}

/// Adds the constants of a step.
fn step(header: &mut Header, k: &BitConv, tile: &Tile, planes: usize) {
    header.number("TILE", tile.pixels).number("WORDS_AT_ONCE", tile.words).number("TILE_PLANES", tile.pixels * planes);
    let (columns, column_words) = (columns(&k.window, tile.pixels), tile.words * planes);
    header.number("COLUMNS", columns).number("COLUMN_WORDS", column_words);
    let own = (columns * column_words).div_ceil(tile.span.channels);
    header.number("OWN_WORDS", own).number("COLUMN_ROOM", own * tile.span.channels);
    header.number("W_PLANES", k.weight_planes).number("A_PLANES", planes).number("PAIRS", k.weight_planes * planes);
    let (wanted, load) = (step_weights(k, tile), vector(step_weights(k, tile)));
    header.number("STEP_WEIGHTS", wanted).number("WEIGHT_LOAD", load).number("WEIGHT_LOADS", wanted / load);
    header.words("Weights", "weight_of", load);
}

/// The weights in the shader's order; channels past the last are 0.
fn weights(k: &BitConv, tile: &Tile, channels: usize) -> Vec<u32> {
    let [kh, kw] = k.window.kernel;
    let own = k.part_words(&k.parts[0]) / (kh * kw * k.weight_planes);
    let Span { channels: span, .. } = tile.span;
    let load = vector(step_weights(k, tile));
    let mut ordered = Vec::with_capacity(k.weights.len() / channels * channels.next_multiple_of(span));
    for first in (0..channels).step_by(span) {
        for (ky, word) in (0..kh).flat_map(|ky| (0..own).step_by(tile.words).map(move |word| (ky, word))) {
            // Where the words of this step are among those of a channel.
            let word_of = |u: usize, kx: usize| ((ky * kw + kx) * own + word + u) * k.weight_planes;
            let taps = (0..tile.words).flat_map(|u| (0..kw).map(move |kx| (u, kx)));
            let step: Vec<usize> =
                taps.flat_map(|(u, kx)| (0..k.weight_planes).map(move |i| word_of(u, kx) + i)).collect();
            for vector in step.chunks(load) {
                for c in first..first + span {
                    let of_channel = |&at: &usize| if c < channels { k.weights[c * k.channel_words() + at] } else { 0 };
                    ordered.extend(vector.iter().map(of_channel));
                }
            }
        }
    }
    ordered
}
