//! Launches of the element-wise kernels.

use super::super::table::{LANES, Table};
use super::epilogue::add_ranks;
use super::{JOIN, LEVELS, Launch, POINTWISE, QUANTIZE, RANKS, ROWS, SLICE, SPLIT, Source, Tensors, WIDE};
use crate::fixed::{LIMB_LANES, VALUE_LIMBS};
use crate::lower::{Join, Levels, Pointwise, Quantize, Slice, Split};
use crate::quant::words;

/// `shaders/quantize.wgsl`.
pub fn quantize(k: &Quantize, tensors: Tensors) -> Launch {
    let shape = tensors.get(k.output).shape;
    let mut launch = Launch::new(shape.pixels() * words(shape.c), &[ROWS, RANKS, QUANTIZE]);
    let header = &mut launch.header;
    header.shape("OUT_C", shape.c).shape("GROUPS", words(shape.c));
    let mut table = Table::new(shape.c);
    add_ranks(header, &mut table, &k.ranks, tensors.get(k.output).planes());
    table.describe(header);
    launch.read("input", "i32", Source::Tensor(k.input)).read("table", "vec4<i32>", Source::Words(table.words()));
    launch.write("codes", "u32", Some(k.output));
    launch
}

/// `shaders/pointwise.wgsl`.
pub fn pointwise(k: &Pointwise, tensors: Tensors) -> Launch {
    let shape = tensors.get(k.output).shape;
    let mut launch = Launch::new(shape.elements(), &[WIDE, POINTWISE]);
    let header = &mut launch.header;
    header.shape("OUT_C", shape.c).shape("IN_C", tensors.get(k.input).shape.c);
    header.shape("RESIDUAL_C", tensors.channels(k.residual));
    header.flag("HAS_RESIDUAL", k.residual.is_some()).flag("RELU", k.relu);
    let row =
        |c: usize| -> [u32; LANES] { [k.gains[c] as u32, k.biases[c] as u32, (k.biases[c] >> 32) as u32, k.shifts[c]] };
    let table = (0..shape.c).flat_map(row).collect();
    launch.read("input", "i32", Source::Tensor(k.input)).read("table", "vec4<i32>", Source::Words(table));
    launch.read("residual", "i32", k.residual.map_or(Source::Absent, Source::Tensor));
    launch.write("values", "i32", Some(k.output));
    launch
}

/// `shaders/split.wgsl`.
pub fn split(k: &Split, tensors: Tensors) -> Launch {
    let shape = tensors.get(k.input).shape;
    let groups = shape.c.div_ceil(LIMB_LANES);
    let mut launch = Launch::new(shape.pixels() * groups, &[SPLIT]);
    launch.header.shape("OUT_C", shape.c).shape("GROUPS", groups).number("LIMBS", VALUE_LIMBS);
    launch.read("input", "i32", Source::Tensor(k.input)).write("limbs", "u32", Some(k.output));
    launch
}

/// `shaders/slice.wgsl`.
pub fn slice(k: &Slice, tensors: Tensors) -> Launch {
    let spec = tensors.get(k.output);
    let groups = words(spec.shape.c);
    let mut launch = Launch::new(spec.shape.pixels() * groups, &[SLICE]);
    launch.header.shape("OUT_C", spec.shape.c).shape("GROUPS", groups).number("PLANES", spec.planes());
    launch.read("input", "i32", Source::Tensor(k.input)).write("planes", "u32", Some(k.output));
    launch
}

/// `shaders/levels.wgsl`.
pub fn levels(k: &Levels, tensors: Tensors) -> Launch {
    let (shape, planes) = (tensors.get(k.output).shape, tensors.get(k.input).planes());
    let mut launch = Launch::new(shape.elements(), &[LEVELS]);
    launch.header.shape("OUT_C", shape.c).shape("GROUPS", words(shape.c)).number("PLANES", planes);
    let mut table: Vec<u32> = k.values.iter().map(|&v| v as u32).collect();
    table.resize(table.len().next_multiple_of(LANES), 0);
    launch.read("input", "u32", Source::Tensor(k.input)).read("table", "vec4<i32>", Source::Words(table));
    launch.write("values", "i32", Some(k.output));
    launch
}

/// `shaders/join.wgsl`.
pub fn join(k: &Join, tensors: Tensors) -> Launch {
    let (from, to) = (tensors.get(k.input), tensors.get(k.output));
    let mut launch = Launch::new(from.image_words(), &[JOIN]);
    launch.header.shape("IN_ROW", from.pixel_words()).shape("OUT_ROW", to.pixel_words()).shape("AT", k.at);
    launch.read("input", "u32", Source::Tensor(k.input)).write("joined", "u32", Some(k.output));
    launch
}
