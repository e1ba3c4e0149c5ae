//! Reference of `shaders/avgpool.wgsl`.

use crate::backend::arena::{Arena, Output};
use crate::fixed::rounded_mean;
use crate::lower::AvgPool;

/// Mean over every window, rounded half up.
pub(super) fn run(k: &AvgPool, arena: &Arena, out: &mut Output) {
    let (input, shape) = (arena.read(k.input), arena.spec(k.input).shape);
    let to = out.spec.shape;
    for (index, target) in out.data.iter_mut().enumerate() {
        let (pixel, c) = (index / to.c, index % to.c);
        let taps = k.window.inside(shape, pixel / to.w, pixel % to.w);
        let values = taps.map(|(at, _)| input[at * shape.c + c] as i32);
        *target = rounded_mean(values, k.window.taps() as u32) as u32;
    }
}
