//! Gradients of a layer on one picture.

use super::node::Ready;
use crate::quantize::forward::{Layer, rank};
use crate::quantize::patches::Geometry;
use crate::quantize::product::{Extent, View, add_product};
use crate::tensor::{Shape, Window};

/// Output pixels that are treated at once.
const PIXELS: usize = 96;

/// What a layer read and gave, and the gradient of what it gave.
pub(super) struct Pass<'a> {
    pub inputs: &'a [(&'a [f32], Shape)],
    pub to: Shape,
    pub result: &'a [f32],
    pub gradient: &'a [f32],
}

/// Adds the gradient of each input to `into`, where it is wanted, and that of the parameters to `parameters`.
pub(super) fn backward(ready: &Ready, pass: &Pass, into: &mut [Option<Vec<f32>>], parameters: &mut [Vec<f32>]) {
    let Pass { inputs, to, result, gradient } = *pass;
    let (x, from) = inputs[0];
    match &ready.layer {
        Layer::Conv(_) => convolution(ready, pass, into[0].as_mut(), parameters),
        Layer::Affine { factor, .. } => {
            for (at, gradient) in gradient.chunks_exact(to.c).enumerate() {
                let x = &x[at * to.c..][..to.c];
                if let [factors, summands] = parameters {
                    (0..to.c).for_each(|c| factors[c] += gradient[c] * x[c]);
                    (0..to.c).for_each(|c| summands[c] += gradient[c]);
                }
                if let Some(into) = &mut into[0] {
                    let into = &mut into[at * to.c..][..to.c];
                    (0..to.c).for_each(|c| into[c] += gradient[c] * factor[c]);
                }
            }
        }
        Layer::Relu => each(into, 0, gradient, |i, g| if result[i] > 0.0 { g } else { 0.0 }),
        Layer::Quantize(levels, ties) => {
            let (lowest, highest) = (levels.values[0], levels.values[levels.values.len() - 1]);
            if let [basis] = parameters {
                let off = if lowest < 0.0 { -1.0 } else { 0.0 };
                for (&x, &g) in x.iter().zip(gradient).filter(|(_, g)| **g != 0.0) {
                    let code = levels.codes[rank(levels, x, *ties)];
                    basis
                        .iter_mut()
                        .enumerate()
                        .for_each(|(j, b)| *b += g * if code >> j & 1 == 1 { 1.0 } else { off });
                }
            }
            // A number within the levels moves as its level does; one beyond them does not.
            each(into, 0, gradient, |i, g| if x[i] > lowest && x[i] < highest { g } else { 0.0 });
        }
        Layer::Add => (0..2).for_each(|input| each(into, input, gradient, |_, g| g)),
        Layer::Same => each(into, 0, gradient, |_, g| g),
        Layer::AvgPool(window) => {
            let Some(into) = &mut into[0] else { return };
            let share = 1.0 / window.taps() as f32;
            pooled(window, from, to, |pixel, at| {
                (0..to.c).for_each(|c| into[at * to.c + c] += share * gradient[pixel * to.c + c]);
            });
        }
        Layer::MaxPool(window) => {
            let Some(into) = &mut into[0] else { return };
            // The first of equal maxima moves the result.
            let mut taken = vec![false; to.elements()];
            pooled(window, from, to, |pixel, at| {
                for c in 0..to.c {
                    let own = pixel * to.c + c;
                    if !taken[own] && x[at * to.c + c] == result[own] {
                        taken[own] = true;
                        into[at * to.c + c] += gradient[own];
                    }
                }
            });
        }
        Layer::Pad { before } => {
            let Some(into) = &mut into[0] else { return };
            let rows = into.chunks_exact_mut(from.c).zip(gradient.chunks_exact(to.c));
            rows.for_each(|(row, g)| row.iter_mut().zip(&g[*before..]).for_each(|(x, g)| *x += g));
        }
        Layer::Concat => {
            let mut first = 0;
            for ((_, from), into) in inputs.iter().zip(into) {
                if let Some(into) = into {
                    let rows = into.chunks_exact_mut(from.c).zip(gradient.chunks_exact(to.c));
                    rows.for_each(|(row, g)| row.iter_mut().zip(&g[first..]).for_each(|(x, g)| *x += g));
                }
                first += from.c;
            }
        }
    }
}

/// Adds to the gradient of one input, number by number.
fn each(into: &mut [Option<Vec<f32>>], input: usize, gradient: &[f32], of: impl Fn(usize, f32) -> f32) {
    if let Some(into) = &mut into[input] {
        into.iter_mut().zip(gradient).enumerate().for_each(|(i, (x, &g))| *x += of(i, g));
    }
}

/// Calls `act` for every output pixel and every input pixel under its window.
fn pooled(window: &Window, from: Shape, to: Shape, mut act: impl FnMut(usize, usize)) {
    for pixel in 0..to.pixels() {
        window.inside(from, pixel / to.w, pixel % to.w).for_each(|(at, _)| act(pixel, at));
    }
}

/// With patches P, weights W and gradients G of the outputs, P' G is the gradient of the weights and G W' that of the
/// patches.
fn convolution(ready: &Ready, pass: &Pass, mut into: Option<&mut Vec<f32>>, parameters: &mut [Vec<f32>]) {
    let Some(geometry) = ready.geometry else { return };
    let Geometry { to, groups, .. } = geometry;
    let (depth, outputs) = (geometry.depth(), geometry.outputs());
    let mut patches = vec![0f32; PIXELS * depth];
    for (block, gradient) in pass.gradient.chunks(PIXELS * to.c).enumerate() {
        let rows = gradient.len() / to.c;
        if let Some(bias) = parameters.last_mut() {
            gradient.chunks_exact(to.c).for_each(|row| bias.iter_mut().zip(row).for_each(|(b, g)| *b += g));
        }
        for group in 0..groups {
            let patches = &mut patches[..rows * depth];
            let gradient = View::of(&gradient[group * outputs..], to.c);
            if let Some(weights) = parameters.first_mut() {
                geometry.fill(pass.inputs[0].0, group, block * PIXELS, patches, depth);
                let weights = &mut weights[group * depth * outputs..][..depth * outputs];
                let extent = Extent { rows: depth, depth: rows, columns: outputs };
                add_product(weights, outputs, View::of(patches, depth).transposed(), gradient, extent);
            }
            if let Some(into) = &mut into {
                patches.fill(0.0);
                let weights = View::of(&ready.rows[group * outputs * depth..][..outputs * depth], depth);
                add_product(patches, depth, gradient, weights, Extent { rows, depth: outputs, columns: depth });
                geometry.spread(patches, group, block * PIXELS, into, depth);
            }
        }
    }
}
