//! Layers that only move and add numbers, without parameters: pooling, addition, zero channels, concatenation.

use super::vectors::Number;
use crate::graph::Op;
use crate::tensor::{Shape, Window};

/// Such a layer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Move {
    MaxPool(Window),
    AvgPool(Window),
    Add,
    /// Zero channels, `before` of them first.
    Pad {
        before: usize,
    },
    Concat,
}

impl Move {
    /// The layer that computes `op`, if it is one of these.
    pub(crate) fn of(op: &Op) -> Option<Self> {
        match op {
            Op::MaxPool { window } => Some(Move::MaxPool(*window)),
            Op::AvgPool { window } => Some(Move::AvgPool(*window)),
            Op::Add => Some(Move::Add),
            Op::PadChannels { before, .. } => Some(Move::Pad { before: *before }),
            Op::Concat => Some(Move::Concat),
            _ => None,
        }
    }

    /// Runs the layer on one picture; `result` is 0 before.
    pub(crate) fn forward<R: Number>(self, inputs: &[(&[R], Shape)], result: &mut [R], to: Shape) {
        let (x, from) = inputs[0];
        match self {
            Move::Add => result.iter_mut().zip(x).zip(inputs[1].0).for_each(|((r, a), b)| *r = *a + *b),
            Move::MaxPool(window) => {
                let larger = |a, b| if b > a { b } else { a };
                pool(&window, (x, from), result, to, R::of(f64::NEG_INFINITY), larger);
            }
            Move::AvgPool(window) => {
                pool(&window, (x, from), result, to, R::default(), |a, b| a + b);
                let taps = R::of(window.taps() as f64);
                result.iter_mut().for_each(|r| *r = *r / taps);
            }
            Move::Pad { before } => {
                let rows = result.chunks_exact_mut(to.c).zip(x.chunks_exact(from.c));
                rows.for_each(|(row, x)| row[before..before + from.c].copy_from_slice(x));
            }
            Move::Concat => {
                let mut first = 0;
                for (x, from) in inputs {
                    let rows = result.chunks_exact_mut(to.c).zip(x.chunks_exact(from.c));
                    rows.for_each(|(row, x)| row[first..first + from.c].copy_from_slice(x));
                    first += from.c;
                }
            }
        }
    }

    /// Adds the gradient of each input to `into`, where it is wanted, for one picture of which the layer made `result`.
    /// Only a maximum reads numbers; others may be empty.
    pub(crate) fn backward<R: Number>(
        self,
        inputs: &[(&[R], Shape)],
        (result, to): (&[R], Shape),
        gradient: &[R],
        into: &mut [Option<&mut [R]>],
    ) {
        let (x, from) = inputs[0];
        match self {
            Move::Add => into.iter_mut().flatten().for_each(|into| {
                into.iter_mut().zip(gradient).for_each(|(x, g)| *x += *g);
            }),
            Move::AvgPool(window) => {
                let Some(into) = &mut into[0] else { return };
                let share = R::of(1.0 / window.taps() as f64);
                pooled(&window, from, to, |pixel, at| {
                    (0..to.c).for_each(|c| into[at * to.c + c] += share * gradient[pixel * to.c + c]);
                });
            }
            Move::MaxPool(window) => {
                let Some(into) = &mut into[0] else { return };
                // The first of equal maxima moves the result.
                let mut taken = vec![false; to.elements()];
                pooled(&window, from, to, |pixel, at| {
                    for c in 0..to.c {
                        let own = pixel * to.c + c;
                        if !taken[own] && x[at * to.c + c] == result[own] {
                            taken[own] = true;
                            into[at * to.c + c] += gradient[own];
                        }
                    }
                });
            }
            Move::Pad { before } => {
                let Some(into) = &mut into[0] else { return };
                let rows = into.chunks_exact_mut(from.c).zip(gradient.chunks_exact(to.c));
                rows.for_each(|(row, g)| row.iter_mut().zip(&g[before..]).for_each(|(x, g)| *x += *g));
            }
            Move::Concat => {
                let mut first = 0;
                for ((_, from), into) in inputs.iter().zip(into) {
                    if let Some(into) = into {
                        let rows = into.chunks_exact_mut(from.c).zip(gradient.chunks_exact(to.c));
                        rows.for_each(|(row, g)| row.iter_mut().zip(&g[first..]).for_each(|(x, g)| *x += *g));
                    }
                    first += from.c;
                }
            }
        }
    }
}

/// Combines the pixels under a window, channel by channel.
fn pool<R: Number>(
    window: &Window,
    (x, from): (&[R], Shape),
    result: &mut [R],
    to: Shape,
    start: R,
    combine: impl Fn(R, R) -> R,
) {
    for (pixel, result) in result.chunks_exact_mut(to.c).enumerate() {
        result.fill(start);
        for (at, _) in window.inside(from, pixel / to.w, pixel % to.w) {
            result.iter_mut().zip(&x[at * from.c..]).for_each(|(r, &x)| *r = combine(*r, x));
        }
    }
}

/// Calls `act` for every output pixel and every input pixel under its window.
fn pooled(window: &Window, from: Shape, to: Shape, mut act: impl FnMut(usize, usize)) {
    for pixel in 0..to.pixels() {
        window.inside(from, pixel / to.w, pixel % to.w).for_each(|(at, _)| act(pixel, at));
    }
}
