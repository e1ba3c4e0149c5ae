//! Convolutions, forward and back to their inputs: by the shaders of the float32 baseline, whose weights are put in order first.

use super::recorder::{Extent, NOTHING, SCRATCH};
use super::ways::{Way, back, flat, forward};
use super::{BufferId, Into, Recorder, Tensor, quads, row};
use crate::backend::gpu::float::{Form, QUADS, grouped, point, tile};
use crate::backend::gpu::kernels::launch::Launch;
use crate::backend::gpu::table::QUAD;
use crate::float::Geometry;

const STORE: &str = include_str!("../../../../shaders/train/store.wgsl");
const ORDER: &str = include_str!("../../../../shaders/train/order.wgsl");
const BIAS: &str = include_str!("../../../../shaders/train/bias.wgsl");

/// A convolution of the network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConvLayer {
    pub geometry: Geometry,
    /// The buffer with the weights that are multiplied, `[out, kh, kw, in]`, and where they begin.
    pub weights: (BufferId, usize),
    /// The buffer with the bias, and where it begins.
    pub bias: Option<(BufferId, usize)>,
}

impl Recorder {
    /// Adds the pass forward of a convolution.
    pub(crate) fn conv(&mut self, layer: &ConvLayer, x: Tensor, to: BufferId) {
        let geometry = flat(layer.geometry);
        let table = match layer.bias {
            Some((values, at)) => {
                let table = self.table("bias", geometry.to.c);
                let mut launch = Launch::new(geometry.to.c, &[BIAS]);
                launch.header.shape("AT", at);
                launch.read("values", "f32", values).write("output", "f32", table);
                self.add("train.bias", launch, Extent::Once);
                table
            }
            None => NOTHING,
        };
        let way = forward(&geometry);
        self.way(&way, &geometry, layer.weights, x.buffer, (to, false), table);
    }

    /// Adds the gradient of its input.
    pub(crate) fn conv_back(&mut self, layer: &ConvLayer, gradient: Tensor, into: Into) {
        let geometry = flat(layer.geometry);
        let (ways, gaps) = back(&geometry);
        if gaps && !into.adds {
            self.clear(into.tensor, gradient);
        }
        for way in ways {
            self.way(&way, &geometry, layer.weights, gradient.buffer, (into.tensor.buffer, into.adds), NOTHING);
        }
    }

    /// A buffer for a number of each channel, with room for all quads that a shader may read.
    fn table(&mut self, name: &str, channels: usize) -> BufferId {
        self.buffer(name, row(channels) + QUAD * QUADS)
    }

    fn way(
        &mut self,
        way: &Way,
        layer: &Geometry,
        weights: (BufferId, usize),
        from: BufferId,
        (to, adds): (BufferId, bool),
        table: BufferId,
    ) {
        let (form, [c_in, c_out]) = (Form::of(&way.window, way.output, layer.groups), [way.input.c, way.output.c]);
        let (groups, taps) = (layer.groups, way.window.taps());
        self.order(way, form, layer, weights);
        self.at_least(NOTHING, row(c_out) + QUAD * QUADS);
        self.multiplies(way.output.pixels() * c_out * taps * c_in / groups);
        let (window, shapes, all) = (&way.window, [way.input, way.output], quads(c_out));
        let (kernel, mut launch, element) = match form {
            Form::Tile(at_once) => {
                let turns = all.div_ceil(at_once);
                let launch = tile(STORE, window, shapes, turns, at_once, self.target.workgroup_size);
                ("train.tile", launch, "vec4<u32>")
            }
            Form::Point => ("train.point", point(STORE, window, shapes, all), "vec4<f32>"),
            Form::Grouped => ("train.grouped", grouped(STORE, window, shapes, all, groups), "f32"),
        };
        launch.read("weights", element, SCRATCH);
        let header = &mut launch.header;
        header.shape("FIRST_QUAD", 0).number("ROWS", 1);
        header.shape("IN_QUADS", quads(c_in)).shape("IN_ROW", quads(c_in)).shape("IN_AT", 0);
        header.shape("TO_QUADS", quads(c_out)).flag("ADDS", adds).flag("SPREAD", way.spread.is_some());
        let ([first_y, first_x], [by_y, by_x], [h, w]) =
            way.spread.map_or(([0; 2], [1; 2], [1; 2]), |s| (s.first, s.by, [s.of.h, s.of.w]));
        header.shape("FIRST_Y", first_y).shape("FIRST_X", first_x).shape("SPREAD_Y", by_y).shape("SPREAD_X", by_x);
        header.shape("TO_H", h).shape("TO_W", w);
        launch.read("input", "vec4<f32>", from).read("table", "vec4<i32>", table).write("output", "vec4<f32>", to);
        self.add(kernel, launch, Extent::ByImage);
    }

    /// Puts the weights of a layer in the order in which a way reads them.
    fn order(&mut self, way: &Way, form: Form, layer: &Geometry, (weights, at): (BufferId, usize)) {
        let ([c_in, c_out], taps, groups) = ([way.input.c, way.output.c], way.window.taps(), layer.groups);
        let (layout, lanes, at_once, words) = match form {
            Form::Tile(at_once) => {
                let lanes = c_in.min(QUAD);
                let turns = quads(c_out).div_ceil(at_once);
                (0, lanes, at_once, turns * at_once * QUAD * taps * quads(c_in) * lanes)
            }
            Form::Point => (1, QUAD, 1, taps * row(c_in) * row(c_out)),
            Form::Grouped => (2, 1, 1, c_out * taps * c_in / groups),
        };
        self.at_least(SCRATCH, words);
        let mut launch = Launch::new(words, &[ORDER]);
        let header = &mut launch.header;
        header.number("LAYOUT", layout).flag("BACK", way.back).shape("AT", at);
        header.shape("KH", way.window.kernel[0]).shape("KW", way.window.kernel[1]);
        header.shape("LANES", lanes).shape("AT_ONCE", at_once);
        header.shape("IN_QUADS", quads(c_in)).shape("OUT_QUADS", quads(c_out)).shape("CONV_OUT", c_out);
        header.shape("GROUP_IN", c_in / groups).shape("GROUP_OUT", c_out / groups);
        let [(first_y, step_y), (first_x, step_x)] = way.taps;
        header.shape("FIRST_KY", first_y).shape("FIRST_KX", first_x);
        header.shape("STEP_Y", step_y as usize).shape("STEP_X", step_x as usize);
        header.shape("ALL_KW", layer.window.kernel[1]).shape("ALL_TAPS", layer.window.taps());
        launch.read("weights", "f32", weights).write("ordered", "f32", SCRATCH);
        self.add("train.order", launch, Extent::Once);
    }
}
