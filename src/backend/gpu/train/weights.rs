//! Gradients of the weights and biases of convolutions.

use super::conv::ConvLayer;
use super::recorder::{Extent, SCRATCH};
use super::ways::flat;
use super::{BufferId, Recorder, Tensor, quads, row};
use crate::backend::gpu::kernels::geometry;
use crate::backend::gpu::kernels::launch::Launch;
use crate::backend::gpu::kernels::rounds::rounds;
use crate::backend::gpu::record::WORKGROUP_SIZE;
use crate::backend::gpu::table::QUAD;
use crate::float::Geometry;
use crate::tensor::Window;

const GRADIENT: &str = include_str!("../../../../shaders/train/conv.gradient.wgsl");
const GRADIENT_SUM: &str = include_str!("../../../../shaders/train/conv.gradient.sum.wgsl");
const GROUPED: &str = include_str!("../../../../shaders/train/conv.gradient.grouped.wgsl");
const SUM: &str = include_str!("../../../../shaders/train/sum.wgsl");

/// Neighbouring pixels that an invocation takes at once.
const PIXELS: usize = 4;
/// Quads of output channels that it computes.
const QUADS: usize = 2;
/// Neighbouring taps that it computes at most.
const TAPS: usize = 4;
/// Parts that an invocation adds up at least, and the most among which a sum is divided: then neighbouring ones still read
/// whole cache lines.
const PARTS_OF_SHARE: usize = 8;
const MOST_SHARES: usize = 16;
/// Words of all partial sums of a layer, unless a single part has more.
const PARTIAL_WORDS: usize = 1 << 24;

impl Recorder {
    /// Adds the gradient of a convolution's weights, which goes to `to`.
    pub(crate) fn conv_weights(&mut self, layer: &ConvLayer, x: Tensor, gradient: Tensor, to: (BufferId, usize)) {
        let geometry = flat(layer.geometry);
        let products = geometry.to.elements() * geometry.depth();
        self.multiplies(products);
        match geometry.groups {
            1 => self.dense_weights(&geometry, [x.buffer, gradient.buffer], to),
            _ => self.grouped_weights(&geometry, [x.buffer, gradient.buffer], to),
        }
    }

    fn dense_weights(&mut self, geometry: &Geometry, [x, gradient]: [BufferId; 2], (to, at): (BufferId, usize)) {
        let Geometry { from, to: result, window, .. } = *geometry;
        let [kh, kw] = window.kernel;
        // Columns between taps that are far apart would be loaded for nothing.
        let taps = if window.dilation[1] > 2 { 1 } else { kw.div_ceil(kw.div_ceil(TAPS)) };
        let (runs, lanes) = (kw.div_ceil(taps), from.c.min(QUAD));
        let at_once = QUADS.min(quads(result.c));
        let (turns, count) = (quads(result.c).div_ceil(at_once), runs * kh * quads(from.c));
        let sums = taps * lanes * at_once;
        let rows = self.images * result.h;
        let fits = PARTIAL_WORDS / (turns * sums * count * QUAD);
        let parts = self.parts(rows, turns * count).min(fits.max(1));
        let layered = self.software && parts * turns < self.target.fold as usize;
        let tile = [PIXELS, 2, 1].into_iter().find(|&n| n <= result.w).unwrap_or(1);
        let columns = geometry::columns(&Window { kernel: [kh, taps], ..window }, tile);
        let invocations = if layered { count } else { count * turns * parts };
        let mut launch = Launch::new(invocations, &[GRADIENT]);
        if layered {
            (launch.workgroup_size, launch.layers) = (self.target.workgroup_size, parts * turns);
        }
        launch.rounds = rounds(rows.div_ceil(parts), rounds(result.w.div_ceil(tile), 0));
        let header = &mut launch.header;
        geometry::window_with_constant_rows(header, &window, from, result);
        header.shape("IN_QUADS", quads(from.c)).shape("OUT_QUADS", quads(result.c));
        header.number("TAPS", taps).number("LANES", lanes).number("AT_ONCE", at_once).number("SUMS", sums);
        header.number("TILE", tile).number("COLUMNS", columns).flag("LAYERED", layered);
        header.flag("WHOLE_TILES", result.w.is_multiple_of(tile));
        header.flag("WHOLE_TURNS", quads(result.c).is_multiple_of(at_once));
        header.shape("COUNT", count).shape("TURNS", turns).shape("PARTS", parts);
        launch.read("input", "vec4<f32>", x).read("gradient", "vec4<f32>", gradient);
        launch.write("parts", "vec4<f32>", SCRATCH);
        self.at_least(SCRATCH, parts * turns * sums * count * QUAD);
        self.add("train.conv_gradient", launch, Extent::Once);

        let (all, shares) = (turns * sums * count, self.shares(parts));
        let workgroups = all.div_ceil(WORKGROUP_SIZE as usize / shares);
        let mut launch = Launch::new(workgroups * WORKGROUP_SIZE as usize, &[GRADIENT_SUM]);
        launch.rounds = rounds(parts.div_ceil(shares), 0) + rounds(shares, 0);
        let header = &mut launch.header;
        header.number("SHARES", shares).shape("ALL", all);
        header.shape("KH", kh).shape("KW", kw).shape("TAPS", taps).shape("LANES", lanes).shape("AT_ONCE", at_once);
        header.shape("SUMS", sums).shape("COUNT", count).shape("PARTS", parts).shape("AT", at);
        header.shape("IN_QUADS", quads(from.c)).shape("IN_C", from.c).shape("OUT_C", result.c);
        launch.read("parts", "vec4<f32>", SCRATCH).write("slopes", "f32", to);
        self.add("train.conv_gradient_sum", launch, Extent::Once);
    }

    /// Among how many invocations the sum of so many parts is divided: not at all on a rasteriser, where they would take turns.
    fn shares(&self, parts: usize) -> usize {
        let wanted = if self.software { 1 } else { parts / PARTS_OF_SHARE };
        1 << wanted.clamp(1, MOST_SHARES).ilog2()
    }

    fn grouped_weights(&mut self, geometry: &Geometry, [x, gradient]: [BufferId; 2], (to, at): (BufferId, usize)) {
        let Geometry { from, to: result, window, .. } = *geometry;
        let (count, rows) = (result.c * geometry.depth(), self.images * result.h);
        let parts = self.parts(rows, count).min((PARTIAL_WORDS / count).max(1));
        let mut launch = Launch::new(count * parts, &[GROUPED]);
        launch.rounds = rounds(rows.div_ceil(parts), rounds(result.w, 0));
        let header = &mut launch.header;
        geometry::window(header, &window, from, result);
        header.shape("IN_ROW", row(from.c)).shape("OUT_ROW", row(result.c));
        header.shape("GROUP_IN", geometry.inputs()).shape("GROUP_OUT", geometry.outputs());
        header.shape("COUNT", count).shape("PARTS", parts);
        launch.read("input", "f32", x).read("gradient", "f32", gradient).write("parts", "f32", SCRATCH);
        self.at_least(SCRATCH, count * parts);
        self.add("train.conv_gradient_grouped", launch, Extent::Once);

        let mut launch = Launch::new(count, &[SUM]);
        launch.rounds = rounds(parts, 0);
        launch.header.shape("PARTS", parts).shape("AT", at);
        launch.read("parts", "f32", SCRATCH).write("slopes", "f32", to);
        self.add("train.sum", launch, Extent::Once);
    }
}
