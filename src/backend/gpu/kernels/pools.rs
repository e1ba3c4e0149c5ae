//! Launches of the pools, alone or together with the step that follows.

use super::super::table::{QUAD, Table};
use super::epilogue::{add_ranks, no_ranks, rank_rounds};
use super::geometry;
use super::launch::Launch;
use super::on_gpu::OnGpu;
use super::rounds::{rounds, rounds_of_taps};
use super::texts::{LANES, RANKS, texts};
use super::variant::{Span, Variant};
use crate::fixed::VALUE_LIMBS;
use crate::lower::{AvgPool, Kernel, MaxPool, Quantize, Split, TensorId, Tensors};
use crate::quant::WORD_BITS;
use crate::tensor::Window;

texts! {
    MAXPOOL = "maxpool.wgsl",
    AVGPOOL = "avgpool.wgsl",
    MAXPOOL_TILE = "maxpool.tile.wgsl",
    AVGPOOL_QUADS = "avgpool.quads.wgsl",
}

/// Neighbouring pixels of an invocation that computes maxima, at most.
const MOST_PIXELS: usize = 4;
/// Taps of a row, and columns under the windows of a tile, that are worth unrolling.
const MAX_TAPS: usize = 8;
const MAX_COLUMNS: usize = 32;
/// Invocations that divide the taps of a mean, and the least taps that are worth dividing.
const SHARES: usize = 8;
const MANY_TAPS: usize = 16;

impl OnGpu for MaxPool {
    fn launch(&self, tensors: Tensors, _: &Variant, next: Option<&Kernel>) -> Launch {
        maxpool(self, if let Some(Kernel::Quantize(q)) = next { Some(q) } else { None }, tensors)
    }

    /// The quantizer of its result.
    fn takes(&self, next: &Kernel, _: Tensors) -> bool {
        matches!(next, Kernel::Quantize(q) if q.input == self.output) && has_few_taps(&self.window)
    }
}

impl OnGpu for AvgPool {
    fn launch(&self, tensors: Tensors, _: &Variant, next: Option<&Kernel>) -> Launch {
        avgpool(self, if let Some(Kernel::Split(s)) = next { Some(s) } else { None }, tensors)
    }

    /// The limbs of its result, if the channels fill quads.
    fn takes(&self, next: &Kernel, tensors: Tensors) -> bool {
        matches!(next, Kernel::Split(s) if s.input == self.output) && fills_quads(self.output, tensors)
    }
}

fn fills_quads(id: TensorId, tensors: Tensors) -> bool {
    tensors.get(id).shape.c.is_multiple_of(QUAD)
}

/// A pool of single channels.
fn single(shader: &'static str, input: TensorId, window: &Window, output: TensorId, tensors: Tensors) -> Launch {
    let shape = tensors.get(output).shape;
    let mut launch = Launch::new(shape.elements(), &[shader]);
    geometry::window(&mut launch.header, window, tensors.get(input).shape, shape);
    launch.header.shape("TAPS", window.taps());
    launch.rounds = rounds_of_taps(window.kernel, 0);
    launch.read("input", "i32", input).write("values", "i32", output);
    launch
}

/// `shaders/maxpool.tile.wgsl` or, for windows with many taps in a row, `shaders/maxpool.wgsl`.
fn maxpool(k: &MaxPool, codes: Option<&Quantize>, tensors: Tensors) -> Launch {
    let (input, output) = (tensors.get(k.input).shape, tensors.get(k.output).shape);
    if !has_few_taps(&k.window) {
        return single(MAXPOOL, k.input, &k.window, k.output, tensors);
    }
    let planes = codes.map_or(0, |q| tensors.get(q.output).planes());
    let pixels = [MOST_PIXELS, 2, 1].into_iter().find(|n| n * planes <= WORD_BITS && *n <= output.w).unwrap_or(1);
    let (span, across) = (Span::usual(output.c), output.w.div_ceil(pixels));
    let mut launch = span.launch(across * output.h, output.c);
    let levels = codes.map_or(1, |q| q.ranks.codes_of_ranks.len());
    let finished = pixels * rank_rounds(levels) + span.code_rounds(pixels * planes);
    launch.rounds = rounds(k.window.kernel[0], 0) + finished;
    let header = &mut launch.header;
    geometry::window_with_constant_rows(header, &k.window, input, output);
    header.number("TILE", pixels).shape("TILES", across).number("COLUMNS", geometry::columns(&k.window, pixels));
    span.describe(header, output.c, pixels, planes);
    let mut table = Table::of_spans(output.c, span.channels);
    match codes {
        Some(q) => add_ranks(header, &mut table, &q.ranks, planes),
        None => no_ranks(header, &mut table),
    }
    table.describe(header);
    launch.read("input", "i32", k.input).read("table", "i32", table.words());
    launch.write("values", "i32", k.output).write("codes", "u32", codes.map(|q| q.output));
    launch.files.extend([RANKS, LANES, MAXPOOL_TILE]);
    launch
}

/// Whether a row of the window is short enough to be unrolled.
fn has_few_taps(window: &Window) -> bool {
    window.kernel[1] <= MAX_TAPS && geometry::columns(window, MOST_PIXELS) <= MAX_COLUMNS
}

/// `shaders/avgpool.wgsl` or, where channels fill quads, `shaders/avgpool.quads.wgsl`.
fn avgpool(k: &AvgPool, limbs: Option<&Split>, tensors: Tensors) -> Launch {
    let shape = tensors.get(k.output).shape;
    if !fills_quads(k.output, tensors) {
        return single(AVGPOOL, k.input, &k.window, k.output, tensors);
    }
    let quads = shape.c / QUAD;
    let shares = if k.window.taps() < MANY_TAPS { 1 } else { SHARES };
    let mut launch = Launch::new(shape.pixels() * quads * shares, &[AVGPOOL_QUADS]);
    geometry::window(&mut launch.header, &k.window, tensors.get(k.input).shape, shape);
    launch.header.shape("TAPS", k.window.taps()).shape("QUADS", quads);
    launch.rounds = rounds(k.window.taps().div_ceil(shares), 0) + rounds(shares, 0);
    launch.header.number("SHARES", shares).number("LIMBS", if limbs.is_some() { VALUE_LIMBS } else { 0 });
    launch.read("input", "vec4<i32>", k.input).write("values", "vec4<i32>", k.output);
    launch.write("limbs", "vec4<u32>", limbs.map(|s| s.output));
    launch
}
