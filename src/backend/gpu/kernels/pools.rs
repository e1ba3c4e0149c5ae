//! Launches of the pools, alone or together with the step that follows.

use super::super::table::{LANES, Table};
use super::convs::geometry;
use super::epilogue::{add_ranks, no_ranks};
use super::{AVGPOOL, AVGPOOL_QUADS, Launch, MAXPOOL, MAXPOOL_QUADS, RANKS, ROWS, Source, Tensors};
use crate::fixed::VALUE_LIMBS;
use crate::lower::{AvgPool, Kernel, MaxPool, Quantize, Split, TensorId};
use crate::quant::words;
use crate::tensor::Window;

/// Whether `next` can be part of `kernel`: a pool and what turns its result, whose channels fill quads, into codes or limbs.
pub fn takes(kernel: &Kernel, next: &Kernel, tensors: Tensors) -> bool {
    let quads = |id: TensorId| tensors.get(id).shape.c.is_multiple_of(LANES);
    match (kernel, next) {
        (Kernel::MaxPool(k), Kernel::Quantize(q)) => q.input == k.output && quads(k.output),
        (Kernel::AvgPool(k), Kernel::Split(s)) => s.input == k.output && quads(k.output),
        _ => false,
    }
}

/// A pool of single channels.
fn single(shader: &'static str, input: TensorId, window: &Window, output: TensorId, tensors: Tensors) -> Launch {
    let shape = tensors.get(output).shape;
    let mut launch = Launch::new(shape.elements(), &[shader]);
    geometry(&mut launch.header, window, tensors.get(input).shape, shape);
    launch.header.shape("TAPS", window.taps());
    launch.read("input", "i32", Source::Tensor(input)).write("values", "i32", Some(output));
    launch
}

/// `shaders/maxpool.wgsl` or, where channels fill quads, `shaders/maxpool.quads.wgsl`.
pub fn maxpool(k: &MaxPool, codes: Option<&Quantize>, tensors: Tensors) -> Launch {
    let shape = tensors.get(k.output).shape;
    if !shape.c.is_multiple_of(LANES) {
        return single(MAXPOOL, k.input, &k.window, k.output, tensors);
    }
    let groups = words(shape.c);
    let mut launch = Launch::new(shape.pixels() * groups, &[ROWS, RANKS, MAXPOOL_QUADS]);
    let header = &mut launch.header;
    geometry(header, &k.window, tensors.get(k.input).shape, shape);
    header.shape("GROUPS", groups);
    let mut table = Table::new(shape.c);
    match codes {
        Some(q) => add_ranks(header, &mut table, &q.ranks, tensors.get(q.output).planes()),
        None => no_ranks(header, &mut table),
    }
    table.describe(header);
    launch.read("input", "vec4<i32>", Source::Tensor(k.input));
    launch.read("table", "vec4<i32>", Source::Words(table.words()));
    launch.write("values", "vec4<i32>", Some(k.output)).write("codes", "u32", codes.map(|q| q.output));
    launch
}

/// `shaders/avgpool.wgsl` or, where channels fill quads, `shaders/avgpool.quads.wgsl`.
pub fn avgpool(k: &AvgPool, limbs: Option<&Split>, tensors: Tensors) -> Launch {
    let shape = tensors.get(k.output).shape;
    if !shape.c.is_multiple_of(LANES) {
        return single(AVGPOOL, k.input, &k.window, k.output, tensors);
    }
    let quads = shape.c / LANES;
    let mut launch = Launch::new(shape.pixels() * quads, &[AVGPOOL_QUADS]);
    geometry(&mut launch.header, &k.window, tensors.get(k.input).shape, shape);
    launch.header.shape("TAPS", k.window.taps()).shape("QUADS", quads);
    launch.header.number("LIMBS", if limbs.is_some() { VALUE_LIMBS } else { 0 });
    launch.read("input", "vec4<i32>", Source::Tensor(k.input)).write("values", "vec4<i32>", Some(k.output));
    launch.write("limbs", "vec4<u32>", limbs.map(|s| s.output));
    launch
}
