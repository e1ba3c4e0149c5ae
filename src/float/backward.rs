//! Gradients of a layer on one picture.

use super::layer::{Conv, Layer, PIXELS, rank};
use super::patches::Geometry;
use super::product::{Extent, View, add_product};
use crate::tensor::Shape;

/// A layer that is ready to run both ways.
pub(crate) struct Ready {
    pub layer: Layer,
    geometry: Option<Geometry>,
    /// Weights of a convolution, `[out, depth]`.
    rows: Vec<f32>,
}

impl Ready {
    /// A layer that is no convolution.
    pub(crate) fn of(layer: Layer) -> Self {
        Ready { layer, geometry: None, rows: Vec::new() }
    }

    /// A convolution with weights `[out, depth]`.
    pub(crate) fn conv(geometry: Geometry, rows: Vec<f32>, bias: Vec<f32>) -> Self {
        Ready { layer: Layer::Conv(Conv::new(geometry, &rows, bias)), geometry: Some(geometry), rows }
    }
}

/// What a layer read and gave, and the gradient of what it gave.
pub(crate) struct Pass<'a> {
    pub inputs: &'a [(&'a [f32], Shape)],
    pub to: Shape,
    pub result: &'a [f32],
    pub gradient: &'a [f32],
}

/// Adds the gradient of each input to `into`, where it is wanted, and that of the parameters to `parameters`.
pub(crate) fn backward(ready: &Ready, pass: &Pass, into: &mut [Option<Vec<f32>>], parameters: &mut [Vec<f32>]) {
    let Pass { inputs, to, result, gradient } = *pass;
    let x = inputs[0].0;
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
        Layer::Relu => masked(&mut into[0], gradient, result, |y| y > 0.0),
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
            masked(&mut into[0], gradient, x, |x| (x > lowest) & (x < highest));
        }
        Layer::Same => masked(&mut into[0], gradient, x, |_| true),
        Layer::Move(layer) => {
            let mut into: Vec<Option<&mut [f32]>> = into.iter_mut().map(Option::as_deref_mut).collect();
            layer.backward(inputs, (result, to), gradient, &mut into);
        }
    }
}

/// Adds to the gradient of an input, where it is wanted, those numbers of `gradient` whose partner among `numbers` passes.
fn masked(into: &mut Option<Vec<f32>>, gradient: &[f32], numbers: &[f32], passes: impl Fn(f32) -> bool) {
    if let Some(into) = into {
        let each = into.iter_mut().zip(gradient).zip(numbers);
        each.for_each(|((into, &g), &x)| *into += if passes(x) { g } else { 0.0 });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::float::moves::Move;
    use crate::random::Rng;
    use crate::tensor::Window;

    /// Compares gradients with differences of sum(weight * result) for small steps of every number that a layer reads, and
    /// of every parameter that it has.
    fn check(layer: impl Fn(&[Vec<f32>]) -> Ready, parameters: Vec<Vec<f32>>, shapes: &[Shape], to: Shape) {
        let mut rng = Rng::new(3);
        let mut random = |count| (0..count).map(|_| rng.uniform(-1.0, 1.0) as f32).collect::<Vec<f32>>();
        let inputs: Vec<Vec<f32>> = shapes.iter().map(|shape| random(shape.elements())).collect();
        let gradient = random(to.elements());
        let run = |inputs: &[Vec<f32>], parameters: &[Vec<f32>]| {
            let read: Vec<(&[f32], Shape)> = inputs.iter().zip(shapes).map(|(x, s)| (&x[..], *s)).collect();
            let mut result = vec![0.0; to.elements()];
            layer(parameters).layer.picture(&read, &mut result, to);
            result
        };
        let loss = |inputs: &[Vec<f32>], parameters: &[Vec<f32>]| -> f64 {
            run(inputs, parameters).iter().zip(&gradient).map(|(y, g)| f64::from(*y) * f64::from(*g)).sum()
        };
        let result = run(&inputs, &parameters);
        let read: Vec<(&[f32], Shape)> = inputs.iter().zip(shapes).map(|(x, s)| (&x[..], *s)).collect();
        let mut into: Vec<Option<Vec<f32>>> = inputs.iter().map(|x| Some(vec![0.0; x.len()])).collect();
        let mut found: Vec<Vec<f32>> = parameters.iter().map(|x| vec![0.0; x.len()]).collect();
        let pass = Pass { inputs: &read, to, result: &result, gradient: &gradient };
        backward(&layer(&parameters), &pass, &mut into, &mut found);
        let close = |slope: f64, found: f32| assert!((slope - f64::from(found)).abs() < 2e-2, "{slope} {found}");
        const STEP: f32 = 1e-3;
        for (input, into) in into.iter().enumerate() {
            for (at, &found) in into.as_ref().unwrap().iter().enumerate() {
                let moved = |by: f32| {
                    let mut inputs = inputs.clone();
                    inputs[input][at] += by;
                    loss(&inputs, &parameters)
                };
                close((moved(STEP) - moved(-STEP)) / f64::from(2.0 * STEP), found);
            }
        }
        for (parameter, found) in found.iter().enumerate() {
            for (at, &found) in found.iter().enumerate() {
                let moved = |by: f32| {
                    let mut parameters = parameters.clone();
                    parameters[parameter][at] += by;
                    loss(&inputs, &parameters)
                };
                close((moved(STEP) - moved(-STEP)) / f64::from(2.0 * STEP), found);
            }
        }
    }

    #[test]
    fn gradients_are_slopes() {
        let shape = |h, w, c| Shape { h, w, c };
        let small = shape(4, 3, 4);
        let none = |layer: fn() -> Layer| move |_: &[Vec<f32>]| Ready::of(layer());
        check(none(|| Layer::Relu), vec![], &[small], small);
        check(none(|| Layer::Move(Move::Add)), vec![], &[small, small], small);
        check(none(|| Layer::Move(Move::Concat)), vec![], &[small, shape(4, 3, 1)], shape(4, 3, 5));
        check(none(|| Layer::Move(Move::Pad { before: 1 })), vec![], &[small], shape(4, 3, 7));
        check(none(|| Layer::Move(Move::AvgPool(Window::valid(2, 1)))), vec![], &[small], shape(3, 2, 4));
        check(none(|| Layer::Move(Move::MaxPool(Window::padded(3, 2, 1)))), vec![], &[small], shape(2, 2, 4));
        let affine = |p: &[Vec<f32>]| Ready::of(Layer::Affine { factor: p[0].clone(), summand: p[1].clone() });
        check(affine, vec![vec![0.5, -1.0, 2.0, 0.1], vec![0.0, 1.0, 0.3, -2.0]], &[small], small);
    }

    #[test]
    fn gradients_of_convolutions_are_slopes() {
        let (from, to) = (Shape { h: 5, w: 4, c: 4 }, Shape { h: 3, w: 2, c: 6 });
        let geometry = Geometry { from, to, window: Window::padded(3, 2, 1), groups: 2 };
        let mut rng = Rng::new(4);
        let mut random = |count| (0..count).map(|_| rng.uniform(-1.0, 1.0) as f32).collect::<Vec<f32>>();
        // The weights in the convolution's own order, [group, depth, output], in which their gradients come.
        let (depth, outputs) = (geometry.depth(), geometry.outputs());
        let ready = |p: &[Vec<f32>]| {
            let weight = |o: usize, k: usize| p[0][(o / outputs * depth + k) * outputs + o % outputs];
            let rows = (0..to.c).flat_map(|o| (0..depth).map(move |k| (o, k))).map(|(o, k)| weight(o, k)).collect();
            Ready::conv(geometry, rows, p[1].clone())
        };
        check(ready, vec![random(depth * to.c), random(to.c)], &[from], to);
    }
}
