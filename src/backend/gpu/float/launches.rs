//! Steps to launches: the shader, its constants and its buffers.

use super::forms::{Form, grouped, point, tile};
use super::fuse::{Head, Step};
use super::place::Places;
use super::weights::Folded;
use crate::backend::gpu::header::Header;
use crate::backend::gpu::kernels::Target;
use crate::backend::gpu::kernels::geometry;
use crate::backend::gpu::kernels::launch::Launch;
use crate::backend::gpu::kernels::rounds::rounds_of_taps;
use crate::backend::gpu::kernels::texts::ROWS;
use crate::backend::gpu::table::{QUAD, Table};
use crate::graph::{Graph, Op, Params};
use crate::lower::Affine;
use crate::tensor::{Shape, Window};
use std::ops::Range;

const EPILOGUE: &str = include_str!("../../../../shaders/float/epilogue.wgsl");
const POOL: &str = include_str!("../../../../shaders/float/pool.wgsl");
const COPY: &str = include_str!("../../../../shaders/float/copy.wgsl");
const JOIN: &str = include_str!("../../../../shaders/float/join.wgsl");

type Launches = Vec<(&'static str, Launch)>;

/// Makes the launches of a network's steps.
pub(super) struct Maker<'a> {
    pub graph: &'a Graph,
    pub params: &'a Params,
    pub shapes: &'a [Shape],
    pub places: &'a Places,
    pub target: &'a Target,
    /// The most words of a buffer of weights.
    pub most: usize,
}

impl Maker<'_> {
    /// The launches of one step: several if its weights do not fit into one buffer.
    pub(super) fn launches(&self, step: &Step) -> Result<Launches, String> {
        match step.head {
            Head::Concat(at) => Ok(vec![("float.join", self.concat(step, at))]),
            Head::Copy => Ok(vec![("float.copy", self.simple(step, COPY, None))]),
            Head::Node(id) => match &self.graph.nodes()[id].op {
                Op::Conv { window, groups, .. } => self.convs(step, id, window, *groups),
                Op::MaxPool { window } | Op::AvgPool { window } => {
                    Ok(vec![("float.pool", self.simple(step, POOL, Some(window)))])
                }
                // Copies append zero channels, but put none first.
                Op::PadChannels { before: 1.., .. } => self.convs(step, id, &Window::valid(1, 1), 1),
                _ => Ok(vec![("float.copy", self.simple(step, COPY, None))]),
            },
        }
    }

    /// Shape of a step's result.
    fn output(&self, step: &Step) -> Shape {
        let id = step.output.or(step.second.as_ref().map(|s| s.output)).unwrap_or(step.input);
        self.shapes[id]
    }

    fn concat(&self, step: &Step, at: usize) -> Launch {
        let (input, whole) = (self.shapes[step.input], self.output(step));
        // The last member also clears the rest of its vector.
        let last = at + input.c == whole.c;
        let count = if last { (at + input.c).next_multiple_of(QUAD) - at } else { input.c };
        let (from, to) = (self.places.view(step.input), self.places.view(step.output.unwrap_or(step.input)));
        let mut launch = Launch::new(input.pixels() * count, &[JOIN]);
        let header = &mut launch.header;
        header.shape("COUNT", count).shape("IN_C", input.c).shape("IN_ROW", from.row * QUAD).shape("IN_AT", from.at);
        header.shape("OUT_ROW", to.row * QUAD).shape("OUT_AT", to.at + at);
        launch.read("input", "f32", from.tensor).write("output", "f32", to.tensor);
        launch
    }

    /// A launch with one invocation for each vector of the output.
    fn simple(&self, step: &Step, file: &'static str, window: Option<&Window>) -> Launch {
        let (input, output) = (self.shapes[step.input], self.output(step));
        let mut launch = Launch::new(output.pixels() * output.c.div_ceil(QUAD), &[ROWS, EPILOGUE, file]);
        launch.header.shape("QUADS", output.c.div_ceil(QUAD));
        if let Some(window) = window {
            geometry::window(&mut launch.header, window, input, output);
            launch.rounds = rounds_of_taps(window.kernel, 0);
            let max = matches!(step.head, Head::Node(id) if matches!(self.graph.nodes()[id].op, Op::MaxPool { .. }));
            launch.header.flag("MAX", max);
        }
        self.read_input(&mut launch, step);
        let affine = step.affine.as_ref();
        self.finish(&mut launch, step, output.c, affine, &|c| affine.map_or(0.0, |a| a.shift[c]));
        launch
    }

    fn convs(&self, step: &Step, id: usize, window: &Window, groups: usize) -> Result<Launches, String> {
        let (node, input) = (&self.graph.nodes()[id], self.shapes[step.input]);
        let folded = Folded::of(node, self.params, step.affine.as_ref(), input.c)?;
        let folded = folded.ok_or_else(|| format!("layer '{}' is not a convolution", node.name))?;
        let output = self.output(step);
        let form = Form::of(window, output, groups);
        let at_once = form.at_once();
        let per_quad = QUAD * folded.taps * folded.inputs.next_multiple_of(if groups == 1 { QUAD } else { 1 });
        let room = self.most / per_quad / at_once * at_once;
        if room == 0 {
            let bytes = 4 * per_quad * at_once;
            return Err(format!(
                "layer '{}' needs a weight buffer of at least {bytes} bytes, more than the device allows",
                node.name
            ));
        }
        let all = output.c.div_ceil(QUAD).next_multiple_of(at_once);
        let parts = (0..all).step_by(room).map(|first| first..all.min(first + room));
        let shapes = [input, output];
        let launch = |quads: Range<usize>| {
            let (kernel, mut launch, element, weights) = match form {
                Form::Tile(_) => {
                    let turns = quads.len() / at_once;
                    let launch = tile(EPILOGUE, window, shapes, turns, at_once, self.target.workgroup_size);
                    ("float.tile", launch, "vec4<u32>", folded.tiles(quads.clone(), at_once, window.kernel[1]))
                }
                Form::Point => {
                    let launch = point(EPILOGUE, window, shapes, quads.len());
                    ("float.point", launch, "vec4<f32>", folded.points(quads.clone()))
                }
                Form::Grouped => {
                    let launch = grouped(EPILOGUE, window, shapes, quads.len(), groups);
                    ("float.grouped", launch, "f32", folded.plain(quads.clone()))
                }
            };
            launch.read("weights", element, weights);
            launch.header.shape("FIRST_QUAD", quads.start);
            self.read_input(&mut launch, step);
            self.finish(&mut launch, step, all * QUAD, None, &|c| if c < output.c { folded.shift(c) } else { 0.0 });
            (kernel, launch)
        };
        Ok(parts.map(launch).collect())
    }

    fn read_input(&self, launch: &mut Launch, step: &Step) {
        let view = self.places.view(step.input);
        launch.header.shape("IN_QUADS", self.shapes[step.input].c.div_ceil(QUAD));
        launch.header.shape("IN_ROW", view.row).shape("IN_AT", view.at / QUAD);
        launch.read("input", "vec4<f32>", view.tensor);
    }

    /// Adds constants, table and buffers of `shaders/float/epilogue.wgsl` for `channels` output channels.
    fn finish<'t>(
        &self,
        launch: &mut Launch,
        step: &'t Step,
        channels: usize,
        scale: Option<&'t Affine>,
        shift: &'t dyn Fn(usize) -> f64,
    ) {
        let mut table = Table::new(channels);
        table.row(0, |c| bits(shift(c)));
        let mut row = |name: &str, numbers: Option<&'t [f64]>, header: &mut Header| {
            let one = |numbers: &'t [f64]| table.row(0, move |c| bits(numbers.get(c).copied().unwrap_or(0.0)));
            header.number(name, numbers.map_or(0, one));
        };
        let (header, second) = (&mut launch.header, step.second.as_ref());
        row("SCALE", scale.map(|a| a.gain.as_slice()), header);
        row("SECOND_SCALE", second.map(|s| s.affine.gain.as_slice()), header);
        row("SECOND_SHIFT", second.map(|s| s.affine.shift.as_slice()), header);
        header.flag("HAS_SCALE", scale.is_some()).flag("HAS_RESIDUAL", step.residual.is_some());
        header.flag("RELU", step.relu).flag("HAS_OUTPUT", step.output.is_some());
        header.flag("HAS_SECOND", second.is_some()).flag("SECOND_RELU", second.is_some_and(|s| s.relu));
        let views = [step.residual, step.output, second.map(|s| s.output)].map(|id| id.map(|id| self.places.view(id)));
        let names = [["RESIDUAL_ROW", "RESIDUAL_AT"], ["OUTPUT_ROW", "OUTPUT_AT"], ["SECOND_ROW", "SECOND_AT"]];
        for ([row, at], view) in names.into_iter().zip(views) {
            header.shape(row, view.map_or(0, |v| v.row)).shape(at, view.map_or(0, |v| v.at / QUAD));
        }
        header.number("ROWS", table.rows());
        let [residual, output, second] = views.map(|view| view.map(|v| v.tensor));
        launch.read("table", "vec4<i32>", table.words());
        launch.read("residual", "vec4<f32>", residual);
        launch.write("output", "vec4<f32>", output).write("second", "vec4<f32>", second);
    }
}

/// A number in the form that tables hold.
fn bits(x: f64) -> i32 {
    (x as f32).to_bits() as i32
}
