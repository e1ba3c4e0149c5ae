//! Launches of the pools, alone or together with the step that follows.

use super::super::table::{GROUP_QUADS, QUAD, Table};
use super::epilogue::{add_ranks, no_ranks, rank_rounds};
use super::geometry;
use super::launch::Launch;
use super::on_gpu::OnGpu;
use super::rounds::{rounds, rounds_of_taps};
use super::texts::{RANKS, ROWS, texts};
use super::variant::Variant;
use crate::fixed::VALUE_LIMBS;
use crate::lower::{AvgPool, Kernel, MaxPool, Quantize, Split, TensorId, Tensors};
use crate::quant::words;
use crate::tensor::Window;

texts! {
    MAXPOOL = "maxpool.wgsl",
    AVGPOOL = "avgpool.wgsl",
    MAXPOOL_QUADS = "maxpool.quads.wgsl",
    AVGPOOL_QUADS = "avgpool.quads.wgsl",
}

impl OnGpu for MaxPool {
    fn launch(&self, tensors: Tensors, _: &Variant, next: Option<&Kernel>) -> Launch {
        maxpool(self, if let Some(Kernel::Quantize(q)) = next { Some(q) } else { None }, tensors)
    }

    /// The quantizer of its result, if the channels fill quads.
    fn takes(&self, next: &Kernel, tensors: Tensors) -> bool {
        matches!(next, Kernel::Quantize(q) if q.input == self.output) && fills_quads(self.output, tensors)
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

/// `shaders/maxpool.wgsl` or, where channels fill quads, `shaders/maxpool.quads.wgsl`.
fn maxpool(k: &MaxPool, codes: Option<&Quantize>, tensors: Tensors) -> Launch {
    let shape = tensors.get(k.output).shape;
    if !fills_quads(k.output, tensors) {
        return single(MAXPOOL, k.input, &k.window, k.output, tensors);
    }
    let groups = words(shape.c);
    let mut launch = Launch::new(shape.pixels() * groups, &[ROWS, RANKS, MAXPOOL_QUADS]);
    let header = &mut launch.header;
    geometry::window(header, &k.window, tensors.get(k.input).shape, shape);
    header.shape("GROUPS", groups);
    let ranks = codes.map_or(0, |q| rank_rounds(q.ranks.codes_of_ranks.len()));
    launch.rounds = rounds(GROUP_QUADS.min(shape.c / QUAD), rounds_of_taps(k.window.kernel, 0) + ranks);
    let mut table = Table::new(shape.c);
    match codes {
        Some(q) => add_ranks(header, &mut table, &q.ranks, tensors.get(q.output).planes()),
        None => no_ranks(header, &mut table),
    }
    table.describe(header);
    launch.read("input", "vec4<i32>", k.input);
    launch.read("table", "vec4<i32>", table.words());
    launch.write("values", "vec4<i32>", k.output).write("codes", "u32", codes.map(|q| q.output));
    launch
}

/// `shaders/avgpool.wgsl` or, where channels fill quads, `shaders/avgpool.quads.wgsl`.
fn avgpool(k: &AvgPool, limbs: Option<&Split>, tensors: Tensors) -> Launch {
    let shape = tensors.get(k.output).shape;
    if !fills_quads(k.output, tensors) {
        return single(AVGPOOL, k.input, &k.window, k.output, tensors);
    }
    let quads = shape.c / QUAD;
    let mut launch = Launch::new(shape.pixels() * quads, &[AVGPOOL_QUADS]);
    geometry::window(&mut launch.header, &k.window, tensors.get(k.input).shape, shape);
    launch.header.shape("TAPS", k.window.taps()).shape("QUADS", quads);
    launch.rounds = rounds_of_taps(k.window.kernel, 0);
    launch.header.number("LIMBS", if limbs.is_some() { VALUE_LIMBS } else { 0 });
    launch.read("input", "vec4<i32>", k.input).write("values", "vec4<i32>", k.output);
    launch.write("limbs", "vec4<u32>", limbs.map(|s| s.output));
    launch
}
