//! Convolutions and dense layers.
//!
//! With patches P of the padded input, weights W and gradients G of the results, the results are P W, and P' G is the gradient
//! of the weights. An input pixel gets the gradient of every result that reads it, times the weight with which it is read: for
//! a stride of 1 that is a convolution of the padded G with the window turned round; for larger ones it is one such
//! convolution, with a part of the taps, for each position of a pixel within the stride ([`Phase`]).

use super::call::{Into, Place, Run, Value};
use super::weights::WeightQuantizer;
use crate::float::{Geometry, LANES, LEVELS, Number, Product, Start, Sweep, Vectors, WeightGradient, Work, rounded_up};
use crate::train::parameter::{Kept, Parameter, Part};
use crate::train::parts::{PARTS, ranges, split};
use rayon::prelude::*;
use std::ops::Range;

/// Pixels that one sweep covers at least, if the part has as many: the weights are then read once for all of them.
const PIXELS: usize = 256;
/// Numbers of all partial sums of a weight gradient. Layers with more weights have fewer parts.
const PARTIAL_SUMS: usize = 1 << 24;

/// The step.
pub(in crate::train) struct Conv<R> {
    geometry: Geometry,
    /// `[out, depth]`.
    pub weight: Parameter<R>,
    pub bias: Option<Parameter<R>>,
    pub quantizer: Option<WeightQuantizer>,
    /// Pictures of a sweep.
    together: usize,
    padded: Padded,
    sweep: Sweep,
    /// `[groups, depth, width]`.
    ordered: Vec<R>,
    /// How gradients of the results are padded for the way back.
    back: Padded,
    phases: Vec<Phase<R>>,
}

/// A picture with zeros around it.
#[derive(Clone, Copy)]
struct Padded {
    rows: usize,
    columns: usize,
    channels: usize,
    /// Rows above and columns to the left.
    before: [usize; 2],
}

impl Padded {
    fn numbers(&self) -> usize {
        self.rows * self.columns * self.channels
    }
}

/// The input pixels at one position within the stride, on the way back.
struct Phase<R> {
    sweep: Sweep,
    /// Taps by which they are read, in the order of the sweep.
    taps: Vec<usize>,
    /// `[groups, taps, outputs of a group, width]`.
    ordered: Vec<R>,
}

impl<R: Number> Conv<R> {
    /// A convolution with weights `[out, depth]`.
    pub(in crate::train) fn new(geometry: Geometry, weights: Vec<R>, bias: Option<Vec<R>>) -> Self {
        let Geometry { from, to, window, .. } = geometry;
        let together = PIXELS.div_ceil(to.pixels().max(1));
        let span = window.span();
        let needs = |d: usize, outputs: usize| (outputs - 1) * window.stride[d] + span[d];
        let padded = Padded {
            rows: needs(0, to.h).max(window.before[0] + from.h),
            columns: needs(1, to.w).max(window.before[1] + from.w),
            channels: from.c,
            before: window.before,
        };
        let sweep = forward_sweep(&geometry, &padded, together);
        let (back, phases) = phases(&geometry, together);
        Conv {
            geometry,
            weight: Parameter::new(weights, true),
            bias: bias.map(|bias| Parameter::new(bias, false)),
            quantizer: None,
            together,
            padded,
            sweep,
            ordered: Vec::new(),
            back,
            phases,
        }
    }

    pub(super) fn forward(&mut self, run: &Run<R>, x: Value<R>, result: &mut [R]) {
        let rows = match &mut self.quantizer {
            Some(quantizer) => quantizer.quantize(run, &self.weight.values),
            None => self.weight.values.clone(),
        };
        self.order(&rows, run.training);
        let (conv, to) = (&*self, self.geometry.to);
        let (outputs, width) = (self.geometry.outputs(), rounded_up(self.geometry.outputs()));
        let mut bias = vec![R::default(); rounded_up(to.c) + width];
        if let Some(own) = &self.bias {
            bias[..to.c].copy_from_slice(&own.values);
        }
        let ranges = ranges(run.pictures, PARTS);
        let parts = ranges.par_iter().zip(split(result, &ranges, to.elements()));
        parts.for_each(|(pictures, result)| {
            conv.in_groups(run, x, pictures, &mut |from, range| {
                let result = &mut result[(range.start - pictures.start) * to.elements()..];
                for group in 0..conv.geometry.groups {
                    let product = Product {
                        sweep: &conv.sweep,
                        pixels: range.len() * to.pixels(),
                        from: &from[group * conv.geometry.inputs()..],
                        weights: &conv.ordered[group * conv.sweep.depth() * width..],
                        width,
                        columns: outputs,
                        to: &mut result[group * outputs..],
                        start: Start::Bias(&bias[group * outputs..]),
                    };
                    R::run(run.set, product);
                }
            });
        });
    }

    pub(super) fn backward(&mut self, run: &Run<R>, x: Value<R>, gradient: &[R], into: Option<Into<R>>) {
        if let Some(into) = into {
            self.backward_input(run, gradient, into);
        }
        self.backward_weights(run, x, gradient);
    }

    /// The gradient of the input.
    fn backward_input(&self, run: &Run<R>, gradient: &[R], into: Into<R>) {
        let Geometry { from, to, groups, .. } = self.geometry;
        let (inputs, outputs) = (self.geometry.inputs(), self.geometry.outputs());
        let (width, back, ranges) = (rounded_up(inputs), self.back, ranges(run.pictures, PARTS));
        let start = if into.adds { Start::Present } else { Start::Zero };
        let parts = ranges.par_iter().zip(split(into.numbers, &ranges, from.elements()));
        parts.for_each(|(pictures, into)| {
            run.scratch.with(self.together * back.numbers(), |padded| {
                for first in pictures.clone().step_by(self.together) {
                    let range = first..pictures.end.min(first + self.together);
                    for (at, picture) in range.clone().enumerate() {
                        let picture = &gradient[picture * to.elements()..][..to.elements()];
                        copy(picture, to.w * to.c, &back, &mut padded[at * back.numbers()..]);
                    }
                    let into = &mut into[(first - pictures.start) * from.elements()..];
                    for (phase, group) in self.phases.iter().flat_map(|phase| (0..groups).map(move |g| (phase, g))) {
                        let product = Product {
                            sweep: &phase.sweep,
                            pixels: phase.sweep.pixels() / self.together * range.len(),
                            from: &padded[group * outputs..],
                            weights: &phase.ordered[group * phase.sweep.depth() * width..],
                            width,
                            columns: inputs,
                            to: &mut into[group * inputs..],
                            start,
                        };
                        R::run(run.set, product);
                    }
                }
            });
        });
    }

    /// The gradients of weights and bias.
    fn backward_weights(&mut self, run: &Run<R>, x: Value<R>, gradient: &[R]) {
        let Geometry { to, groups, .. } = self.geometry;
        let (depth, outputs) = (self.geometry.depth(), self.geometry.outputs());
        let width = rounded_up(outputs);
        let group_size = depth * width;
        let parts = (PARTIAL_SUMS / (groups * group_size).max(1)).clamp(1, PARTS);
        let ranges = ranges(run.pictures, parts);
        let conv = &*self;
        let mut sums = vec![R::default(); groups * group_size];
        run.scratch.with(parts * groups * group_size, |partial| {
            let each = partial.par_chunks_exact_mut((groups * group_size).max(1)).zip(&ranges);
            each.for_each(|(partial, pictures)| {
                conv.in_groups(run, x, pictures, &mut |from, range| {
                    let gradient = &gradient[range.start * to.elements()..range.end * to.elements()];
                    let pixels = range.len() * to.pixels();
                    for group in 0..groups {
                        let mut sum = |gradient: &[R], stride: usize| {
                            let weights = WeightGradient {
                                sweep: &conv.sweep,
                                pixels,
                                from: &from[group * conv.geometry.inputs()..],
                                gradient,
                                stride,
                                width,
                                into: &mut partial[group * group_size..][..group_size],
                            };
                            R::run(run.set, weights);
                        };
                        if outputs == width {
                            sum(&gradient[group * outputs..], to.c);
                            continue;
                        }
                        // Rows of whole vectors.
                        run.scratch.with(pixels * width, |rows| {
                            for (row, pixel) in rows.chunks_exact_mut(width).zip(gradient.chunks_exact(to.c)) {
                                row[..outputs].copy_from_slice(&pixel[group * outputs..][..outputs]);
                            }
                            sum(rows, width);
                        });
                    }
                });
            });
            for part in partial.chunks_exact((groups * group_size).max(1)) {
                sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += *part);
            }
        });
        for (output, row) in self.weight.gradient.chunks_exact_mut(depth).enumerate() {
            let own = &sums[output / outputs * group_size + output % outputs..];
            row.iter_mut().enumerate().for_each(|(k, g)| *g = own[k * width]);
        }
        if let Some(bias) = &mut self.bias {
            let mut sums = vec![0f64; to.c];
            for pixel in gradient[..run.pictures * to.elements()].chunks_exact(to.c) {
                sums.iter_mut().zip(pixel).for_each(|(sum, g)| *sum += g.double());
            }
            bias.gradient.iter_mut().zip(sums).for_each(|(g, sum)| *g = R::of(sum));
        }
    }

    /// Calls `act` for some pictures at a time, padded one after the other, and which they are.
    fn in_groups(&self, run: &Run<R>, x: Value<R>, pictures: &Range<usize>, act: &mut dyn FnMut(&[R], Range<usize>)) {
        let (from, numbers) = (self.geometry.from, self.padded.numbers());
        run.scratch.with(self.together * numbers, |padded| {
            for first in pictures.clone().step_by(self.together) {
                let range = first..pictures.end.min(first + self.together);
                for (at, picture) in range.clone().enumerate() {
                    let (own, to) =
                        (picture * from.elements()..(picture + 1) * from.elements(), &mut padded[at * numbers..]);
                    match x {
                        Value::Numbers(x) => copy(&x[own], from.w * from.c, &self.padded, to),
                        Value::Codes(codes, levels) => {
                            let row = from.w * from.c;
                            R::run(run.set, Expand { codes: &codes[own], levels, row, padded: &self.padded, to });
                        }
                    }
                }
                act(padded, range);
            }
        });
    }

    /// Puts weights `[out, depth]` into the orders of the sweeps.
    fn order(&mut self, rows: &[R], for_training: bool) {
        let Geometry { groups, .. } = self.geometry;
        let (inputs, outputs, depth) = (self.geometry.inputs(), self.geometry.outputs(), self.geometry.depth());
        let width = rounded_up(outputs);
        self.ordered.resize(groups * depth * width, R::default());
        for (output, row) in rows.chunks_exact(depth).enumerate() {
            let own = &mut self.ordered[output / outputs * depth * width + output % outputs..];
            row.iter().enumerate().for_each(|(k, &w)| own[k * width] = w);
        }
        if !for_training {
            return;
        }
        let width = rounded_up(inputs);
        for phase in &mut self.phases {
            phase.ordered.resize(groups * phase.taps.len() * outputs * width, R::default());
            let steps = phase.ordered.chunks_exact_mut(width).enumerate();
            for (step, to) in steps {
                let (group, tap) = (step / outputs / phase.taps.len(), phase.taps[step / outputs % phase.taps.len()]);
                let output = group * outputs + step % outputs;
                to[..inputs].copy_from_slice(&rows[output * depth + tap * inputs..][..inputs]);
            }
        }
    }

    pub(super) fn kept(&mut self, act: &mut dyn FnMut(Place, Part, Kept<R>)) {
        act(Place::Layer, Part::Weight, Kept::Parameter(&mut self.weight));
        if let Some(quantizer) = &mut self.quantizer {
            act(Place::Layer, Part::Basis, Kept::Basis(&mut quantizer.bases));
        }
        if let Some(bias) = &mut self.bias {
            act(Place::Layer, Part::Bias, Kept::Parameter(bias));
        }
    }
}

/// Copies a picture with rows of `row` numbers into a padded one.
fn copy<R: Number>(picture: &[R], row: usize, padded: &Padded, to: &mut [R]) {
    for (y, from) in picture.chunks_exact(row).enumerate() {
        let start = ((y + padded.before[0]) * padded.columns + padded.before[1]) * padded.channels;
        to[start..start + row].copy_from_slice(from);
    }
}

/// Copies the levels of a picture's codes into a padded picture.
struct Expand<'a, R> {
    codes: &'a [u8],
    levels: &'a [R],
    row: usize,
    padded: &'a Padded,
    to: &'a mut [R],
}

impl<R: Number> Work<R> for Expand<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Vectors<R>>(self, s: S) {
        let few = self.levels.first_chunk::<LEVELS>().filter(|_| self.levels.len() == LEVELS);
        for (y, codes) in self.codes.chunks_exact(self.row).enumerate() {
            let start =
                ((y + self.padded.before[0]) * self.padded.columns + self.padded.before[1]) * self.padded.channels;
            let to = &mut self.to[start..start + self.row];
            let ((codes, last), (to, rest)) = (codes.as_chunks::<LANES>(), to.as_chunks_mut::<LANES>());
            let scalar = |codes: &[u8], to: &mut [R]| {
                to.iter_mut().zip(codes).for_each(|(to, &code)| *to = self.levels[usize::from(code)]);
            };
            for (codes, to) in codes.iter().zip(to) {
                match few {
                    Some(levels) => s.write(s.look_up(levels, codes), to),
                    None => scalar(codes, to),
                }
            }
            scalar(last, rest);
        }
    }
}

fn forward_sweep(geometry: &Geometry, padded: &Padded, together: usize) -> Sweep {
    let Geometry { to, window, .. } = *geometry;
    let [kh, kw] = window.kernel;
    let place = |y: usize, x: usize| (y * padded.columns + x) * padded.channels;
    let pixels = (0..together).flat_map(|picture| (0..to.pixels()).map(move |pixel| (picture, pixel)));
    let pixels = pixels.map(|(picture, pixel)| {
        let from = place(pixel / to.w * window.stride[0], pixel % to.w * window.stride[1]);
        [picture * padded.numbers() + from, (picture * to.pixels() + pixel) * to.c]
    });
    let taps = (0..kh).flat_map(|y| (0..kw).map(move |x| (y, x)));
    let runs = taps.map(|(y, x)| [place(y * window.dilation[0], x * window.dilation[1]), geometry.inputs()]);
    Sweep::new(pixels.collect(), runs)
}

/// The phases of the way back, and how the gradient is padded for them.
///
/// Tap k of result o reads input i = o s + k d - b, for stride s, dilation d and padding b. Input i is read by those taps whose
/// k d has the same remainder a by s as i + b: with i + b = m s + a and k d = e s + a, by result m - e. The gradient is padded
/// with the largest e before it, so that result m - e is row m + (largest e - e).
fn phases<R: Number>(geometry: &Geometry, together: usize) -> (Padded, Vec<Phase<R>>) {
    let Geometry { from, to, window, .. } = *geometry;
    let (input, output) = ([from.h, from.w], [to.h, to.w]);
    let largest = [0, 1].map(|d| (window.kernel[d] - 1) * window.dilation[d] / window.stride[d]);
    let extent = |d: usize| {
        let last = (input[d] - 1 + window.before[d]) / window.stride[d];
        largest[d] + output[d].max(last + 1)
    };
    let back = Padded { rows: extent(0), columns: extent(1), channels: to.c, before: largest };
    let place = |y: usize, x: usize| (y * back.columns + x) * back.channels;
    let mut phases = Vec::new();
    for (a, b) in (0..window.stride[0]).flat_map(|a| (0..window.stride[1]).map(move |b| (a, b))) {
        // Positions and places m of the pixels, and numbers and distances of the taps, along one dimension.
        let pixels = |d: usize, a: usize| -> Vec<(usize, usize)> {
            let of = |i: usize| ((i + window.before[d]) % window.stride[d], (i + window.before[d]) / window.stride[d]);
            (0..input[d]).filter(|&i| of(i).0 == a).map(|i| (i, of(i).1)).collect()
        };
        let taps = |d: usize, a: usize| -> Vec<(usize, usize)> {
            let of = |k: usize| (k * window.dilation[d] % window.stride[d], k * window.dilation[d] / window.stride[d]);
            (0..window.kernel[d]).rev().filter(|&k| of(k).0 == a).map(|k| (k, largest[d] - of(k).1)).collect()
        };
        let (rows, columns) = (pixels(0, a), pixels(1, b));
        let (down, across) = (taps(0, a), taps(1, b));
        let all = (0..together).flat_map(|picture| rows.iter().map(move |row| (picture, row)));
        let all = all.flat_map(|(picture, row)| columns.iter().map(move |column| (picture, row, column)));
        let all = all.map(|(picture, &(y, m), &(x, n))| {
            [picture * back.numbers() + place(m, n), ((picture * from.h + y) * from.w + x) * from.c]
        });
        let pairs = || down.iter().flat_map(|y| across.iter().map(move |x| (y, x)));
        let runs = pairs().map(|(y, x)| [place(y.1, x.1), geometry.outputs()]);
        phases.push(Phase {
            sweep: Sweep::new(all.collect(), runs),
            taps: pairs().map(|(y, x)| y.0 * window.kernel[1] + x.0).collect(),
            ordered: Vec::new(),
        });
    }
    (back, phases)
}
