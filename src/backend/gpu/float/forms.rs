//! Which shader runs a convolution, and what it is told of its shape. Training runs the same shaders, with another epilogue.

use crate::backend::gpu::kernels::geometry;
use crate::backend::gpu::kernels::launch::Launch;
use crate::backend::gpu::kernels::rounds::{rounds, rounds_of_taps};
use crate::backend::gpu::kernels::texts::ROWS;
use crate::backend::gpu::table::QUAD;
use crate::tensor::{Shape, Window};

const TILE: &str = include_str!("../../../../shaders/float/conv.tile.wgsl");
const POINT: &str = include_str!("../../../../shaders/float/conv.point.wgsl");
const GROUPED: &str = include_str!("../../../../shaders/float/conv.grouped.wgsl");

/// Neighbouring pixels that an invocation of `conv.tile.wgsl` computes. 4 pixels by 4 quads was the fastest of the
/// tiles tried (`benches/record/2026-11-25-f32.md`).
const PIXELS: usize = 4;
/// Quads of output channels that it computes at once.
pub(in crate::backend::gpu) const QUADS: usize = 4;
/// Windows with more taps in a row get half as many quads, or the unrolled shader would become too long.
const LONG_ROW: usize = 3;
/// Windows with more taps in a row use `conv.point.wgsl`, which does not unroll them.
const LONGEST_ROW: usize = 16;

/// The shader that runs a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backend::gpu) enum Form {
    /// `conv.tile.wgsl` with so many quads of outputs at once.
    Tile(usize),
    Point,
    Grouped,
}

impl Form {
    /// That of a convolution.
    pub(in crate::backend::gpu) fn of(window: &Window, output: Shape, groups: usize) -> Self {
        let taps = window.kernel[1];
        match groups {
            1 if output.pixels() > 1 && taps <= LONGEST_ROW => {
                Form::Tile((if taps > LONG_ROW { QUADS / 2 } else { QUADS }).min(output.c.div_ceil(QUAD)))
            }
            1 => Form::Point,
            _ => Form::Grouped,
        }
    }

    /// Quads of outputs at once.
    pub(in crate::backend::gpu) fn at_once(self) -> usize {
        if let Form::Tile(at_once) = self { at_once } else { 1 }
    }
}

/// A launch of `conv.tile.wgsl` for so many turns of `at_once` quads, without buffers.
pub(in crate::backend::gpu) fn tile(
    epilogue: &'static str,
    window: &Window,
    [input, output]: [Shape; 2],
    turns: usize,
    at_once: usize,
    workgroup_size: u32,
) -> Launch {
    let tile = [PIXELS, 2, 1].into_iter().find(|&n| n <= output.w).unwrap_or(1);
    let (across, lanes, quads) = (output.w.div_ceil(tile), input.c.min(QUAD), output.c.div_ceil(QUAD));
    let mut launch = Launch::new(across * output.h, &[epilogue, TILE]);
    (launch.workgroup_size, launch.layers) = (workgroup_size, turns);
    launch.rounds = rounds(window.kernel[0], rounds(input.c.div_ceil(QUAD), 0));
    let header = &mut launch.header;
    geometry::window_with_constant_rows(header, window, input, output);
    header.shape("TILES", across).number("TILE", tile).number("QUADS_AT_ONCE", at_once);
    header.number("COLUMNS", geometry::columns(window, tile));
    header.number("IN_LANES", lanes).flag("WHOLE_TILES", output.w.is_multiple_of(tile));
    header.shape("OUT_QUADS", quads).flag("WHOLE_TURNS", quads.is_multiple_of(at_once));
    header.number("STEP_WEIGHTS", window.kernel[1] * lanes * at_once);
    launch
}

/// A launch of `conv.point.wgsl`, with an invocation for each pixel and each of `quads` quads, without buffers.
pub(in crate::backend::gpu) fn point(
    epilogue: &'static str,
    window: &Window,
    shapes: [Shape; 2],
    quads: usize,
) -> Launch {
    each(epilogue, POINT, window, shapes, quads)
}

/// The same of `conv.grouped.wgsl`.
pub(in crate::backend::gpu) fn grouped(
    epilogue: &'static str,
    window: &Window,
    [input, output]: [Shape; 2],
    quads: usize,
    groups: usize,
) -> Launch {
    let mut launch = each(epilogue, GROUPED, window, [input, output], quads);
    let inputs = input.c / groups;
    launch.header.shape("GROUP_IN", inputs).shape("GROUP_OUT", output.c / groups);
    launch.rounds = QUAD * rounds_of_taps(window.kernel, rounds(inputs, 0));
    launch
}

fn each(
    epilogue: &'static str,
    file: &'static str,
    window: &Window,
    [input, output]: [Shape; 2],
    quads: usize,
) -> Launch {
    let mut launch = Launch::new(output.pixels() * quads, &[ROWS, epilogue, file]);
    geometry::window(&mut launch.header, window, input, output);
    launch.header.shape("QUADS", quads);
    launch.rounds = rounds_of_taps(window.kernel, rounds(input.c.div_ceil(QUAD), 0));
    launch
}
