//! Launches of `shaders/limbconv.wgsl`, and the choice between it and `shaders/limbconv.pixels.wgsl`.

use super::super::table::{QUAD, Table, quad_weights};
use super::epilogue::{Ends, add_rows, no_rows};
use super::general::{connect, tile, tiles};
use super::geometry;
use super::groups::{Reach, align};
use super::launch::Launch;
use super::on_gpu::OnGpu;
use super::pixels;
use super::texts::{ROWS, texts};
use super::variant::{Target, Variant};
use crate::fixed::{LIMB_LANES, WEIGHT_LIMBS};
use crate::lower::{Kernel, LimbConv, LimbSum, Repr, TensorId, Tensors};
use crate::quant::WORD_BITS;
use crate::tensor::{Shape, Window};

texts! { LIMBCONV = "limbconv.wgsl" }

/// Most vector accumulators of an invocation, fewer than for planes: a product of limbs is long where the device has
/// no instruction for it, and compiling takes its time.
const MAX_LIMB_ACCUMULATORS: usize = 6;

impl OnGpu for LimbConv {
    fn launch(&self, tensors: Tensors, variant: &Variant, _: Option<&Kernel>) -> Launch {
        match variant {
            Variant::Strip(strip) => pixels::limbconv(self, strip, tensors),
            Variant::General | Variant::Tile(_) => limbconv(self, tensors),
        }
    }

    fn variants(&self, tensors: Tensors, target: &Target) -> Vec<Variant> {
        pixels::strips(self, tensors, target).into_iter().map(Variant::Strip).collect()
    }

    fn signature(&self) -> String {
        format!(" {} {} words", self.window, self.words)
    }
}

impl OnGpu for LimbSum {
    fn launch(&self, tensors: Tensors, _: &Variant, _: Option<&Kernel>) -> Launch {
        limbsum(self, tensors)
    }
}

/// A launch with the constants that both kernels share; an invocation computes `group_channels` channels of a tile.
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
    geometry::window(header, window, spec.shape, output);
    header.shape("IN_GROUPS", spec.shape.c.div_ceil(LIMB_LANES)).number("X_LIMBS", limbs);
    header.number("W_LIMBS", WEIGHT_LIMBS).number("DIAGONALS", diagonals).number("TILE_DIAGONALS", tile * diagonals);
    header.shape("GROUPS", groups).number("GROUP_QUADS", group_channels / QUAD);
    tiles(header, tile, output.w, planes);
    launch
}

/// Diagonals, combined to T, and its epilogue.
fn limbconv(k: &LimbConv, tensors: Tensors) -> Launch {
    let ends = Ends::of(&k.epilogue);
    let output = ends.output().map_or(tensors.get(k.input).shape, |id| tensors.get(id).shape);
    let mut launch = limbs(k.input, &k.window, output, WORD_BITS, ends.planes(tensors), tensors);
    let (weights, read, first) = limb_weights(k, tensors, output.c);
    let mut table = Table::new(output.c);
    let header = &mut launch.header;
    header.number("DROP", k.drop).flag("SUMS", false);
    header.flag("MASKED", first.is_some()).shape("READ_GROUPS", read).number("FIRST", 0);
    if let Some(first) = &first {
        table.row(0, move |c| first[c / QUAD] as i32);
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

/// Diagonals as the result.
fn limbsum(k: &LimbSum, tensors: Tensors) -> Launch {
    let output = tensors.get(k.output).shape;
    let mut launch = limbs(k.input, &k.window, output, QUAD, 0, tensors);
    let mut table = Table::new(output.c);
    let header = &mut launch.header;
    header.number("DROP", 0).flag("SUMS", true).flag("MASKED", false).number("FIRST", 0);
    header.shape("READ_GROUPS", tensors.get(k.input).shape.c.div_ceil(LIMB_LANES));
    no_rows(header, &mut table);
    table.describe(header);
    launch.read("input", "u32", k.input);
    launch.read("weights", "vec4<u32>", quad_weights(&k.weights, output.c));
    launch.read("table", "vec4<i32>", None);
    Ends::default().connect(&mut launch, tensors);
    launch.files.push(LIMBCONV);
    launch.write("sums", "i32", k.output);
    launch
}
