//! Layers that only move and add numbers, forward and back.

use super::recorder::{Extent, Tensor};
use super::{BufferId, Into, Recorder, quads, row};
use crate::backend::gpu::kernels::geometry;
use crate::backend::gpu::kernels::launch::Launch;
use crate::backend::gpu::kernels::rounds::rounds_of_taps;
use crate::tensor::{Shape, Window};

const COPY: &str = include_str!("../../../../shaders/train/copy.wgsl");
const ADD: &str = include_str!("../../../../shaders/train/add.wgsl");
const POOL: &str = include_str!("../../../../shaders/train/pool.wgsl");
const POOL_BACK: &str = include_str!("../../../../shaders/train/pool.back.wgsl");

/// A pooling layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pool {
    pub window: Window,
    /// Of a maximum: where it keeps the taps that gave it, if the way back needs them.
    pub max: Option<Option<BufferId>>,
}

/// Where the channels of a tensor lie within a wider one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub first: usize,
    /// Whether it fills the row up with zeros, on both sides.
    pub alone: bool,
    /// Whether it is the last one, which fills up the row's end.
    pub last: bool,
}

/// A copy of channels, as `copy.wgsl` has it.
struct Copy {
    count: usize,
    shift: usize,
    channels: usize,
    /// Where the channels begin, and numbers of a row.
    from: [usize; 2],
    to: [usize; 2],
    adds: bool,
}

impl Recorder {
    fn copy(&mut self, pixels: usize, from: BufferId, to: BufferId, copy: &Copy) {
        let mut launch = Launch::new(pixels * copy.count, &[COPY]);
        let header = &mut launch.header;
        header.shape("COUNT", copy.count).shape("SHIFT", copy.shift).shape("IN_C", copy.channels);
        header.shape("IN_AT", copy.from[0]).shape("IN_ROW", copy.from[1]);
        header.shape("OUT_AT", copy.to[0]).shape("OUT_ROW", copy.to[1]).flag("ADDS", copy.adds);
        launch.read("input", "f32", from).write("output", "f32", to);
        self.add("train.copy", launch, Extent::ByImage);
    }

    /// Fills a tensor with zeros; `other` is any other tensor.
    pub(super) fn clear(&mut self, tensor: Tensor, other: Tensor) {
        let count = row(tensor.shape.c);
        let copy = Copy { count, shift: 0, channels: 0, from: [0, 0], to: [0, count], adds: false };
        self.copy(tensor.shape.pixels(), other.buffer, tensor.buffer, &copy);
    }

    /// Puts the channels of `x` into the wider `to`.
    pub(crate) fn put(&mut self, x: Tensor, to: Tensor, member: Member) {
        let (own, whole, first) = (x.shape.c, row(to.shape.c), member.first);
        let end = if member.last { whole } else { first + own };
        let start = if member.alone { 0 } else { first };
        let copy = Copy {
            count: end - start,
            // Number c of those copied is channel start + c - first of x.
            shift: start.wrapping_sub(first),
            channels: own,
            from: [0, row(own)],
            to: [start, whole],
            adds: false,
        };
        self.copy(x.shape.pixels(), x.buffer, to.buffer, &copy);
    }

    /// Takes the gradient of those channels out of that of the wider tensor.
    pub(crate) fn take(&mut self, gradient: Tensor, into: Into, first: usize) {
        let own = into.tensor.shape.c;
        let copy = Copy {
            count: row(own),
            shift: 0,
            channels: own,
            from: [first, row(gradient.shape.c)],
            to: [0, row(own)],
            adds: into.adds,
        };
        self.copy(gradient.shape.pixels(), gradient.buffer, into.tensor.buffer, &copy);
    }

    /// The sum of two tensors.
    pub(crate) fn sum(&mut self, a: Tensor, b: BufferId, to: BufferId) {
        self.added(a, Some(b), to, false);
    }

    /// Passes a gradient on.
    pub(crate) fn pass_on(&mut self, gradient: Tensor, into: Into) {
        self.added(gradient, None, into.tensor.buffer, into.adds);
    }

    fn added(&mut self, a: Tensor, b: Option<BufferId>, to: BufferId, adds: bool) {
        let mut launch = Launch::new(a.vectors(), &[ADD]);
        launch.header.flag("HAS_OTHER", b.is_some()).flag("ADDS", adds);
        launch.read("input", "vec4<f32>", a.buffer).read("other", "vec4<f32>", b).write("output", "vec4<f32>", to);
        self.add("train.add", launch, Extent::ByImage);
    }

    /// Adds the pass forward of a pooling layer.
    pub(crate) fn pool(&mut self, pool: &Pool, x: Tensor, to: Tensor) {
        let mut launch = self.pooling(pool, POOL, [x.shape, to.shape], to.shape);
        let taken = pool.max.flatten();
        launch.header.flag("KEEPS", taken.is_some());
        launch.read("input", "vec4<f32>", x.buffer);
        launch.write("taken", "vec4<u32>", taken).write("output", "vec4<f32>", to.buffer);
        self.add("train.pool", launch, Extent::ByImage);
    }

    /// Adds the gradient of its input.
    pub(crate) fn pool_back(&mut self, pool: &Pool, gradient: Tensor, into: Into) {
        let shapes = [into.tensor.shape, gradient.shape];
        let mut launch = self.pooling(pool, POOL_BACK, shapes, into.tensor.shape);
        launch.header.flag("ADDS", into.adds);
        launch.read("gradient", "vec4<f32>", gradient.buffer).read("taken", "vec4<u32>", pool.max.flatten());
        launch.write("output", "vec4<f32>", into.tensor.buffer);
        self.add("train.pool_back", launch, Extent::ByImage);
    }

    /// A launch with an invocation for each vector of `own`.
    fn pooling(&self, pool: &Pool, file: &'static str, [input, output]: [Shape; 2], own: Shape) -> Launch {
        let mut launch = Launch::new(own.pixels() * quads(own.c), &[file]);
        geometry::window(&mut launch.header, &pool.window, input, output);
        launch.header.shape("QUADS", quads(own.c)).flag("MAX", pool.max.is_some());
        launch.rounds = rounds_of_taps(pool.window.kernel, 0);
        launch
    }
}
