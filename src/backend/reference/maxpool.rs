//! Reference of `shaders/maxpool.wgsl`.

use crate::backend::arena::{Arena, Output};
use crate::lower::MaxPool;

/// Maximum over the taps of every window that lie inside the input; 0 if there are none.
pub(super) fn run(k: &MaxPool, arena: &Arena, out: &mut Output) {
    let (input, shape) = (arena.read(k.input), arena.spec(k.input).shape);
    let to = out.spec.shape;
    for (index, target) in out.data.iter_mut().enumerate() {
        let (pixel, c) = (index / to.c, index % to.c);
        let taps = k.window.inside(shape, pixel / to.w, pixel % to.w);
        let most = taps.map(|(at, _)| input[at * shape.c + c] as i32).max();
        *target = most.unwrap_or(0) as u32;
    }
}
