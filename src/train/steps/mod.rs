//! The steps of a network, forward and backward, with what they keep from batch to batch. Each file derives its gradients.

mod activation;
mod conv;
pub(super) mod loss;
mod normal;
mod pointwise;
mod weights;

pub(super) use conv::Conv;
pub(super) use normal::Norm;
pub(super) use pointwise::Pointwise;

use super::parameter::{Kept, Part};
use super::parts::{PARTS, Scratch, ranges, split};
use crate::float::{InstructionSet, Move, Number};
use crate::tensor::Shape;
use rayon::prelude::*;

pub(super) use activation::ActivationQuantizer;
pub(super) use weights::{WeightQuantizer, rate};

/// One step.
pub(super) enum Step<R> {
    /// The pictures.
    Input,
    Conv(Box<Conv<R>>),
    Pointwise(Box<Pointwise<R>>),
    Move(Move),
}

/// A tensor of all pictures.
#[derive(Clone, Copy)]
pub(super) enum Value<'a, R> {
    Numbers(&'a [R]),
    /// Codes of a quantizer, and the level of each code.
    Codes(&'a [u8], &'a [R]),
}

/// How a batch is run.
pub(super) struct Run<'a, R> {
    pub pictures: usize,
    pub set: InstructionSet,
    /// Whether batch norms use the statistics of the batch and bases move.
    pub training: bool,
    /// How far bases move towards those that suit the batch best.
    pub rate: f64,
    pub scratch: &'a Scratch<R>,
}

/// Where the gradient of an input goes.
pub(super) struct Into<'a, R> {
    pub numbers: &'a mut [R],
    /// Whether it is added to what is there.
    pub adds: bool,
}

impl<R: Number> Step<R> {
    /// Computes `result` from the inputs. A step that makes codes keeps them, and its result is empty.
    pub(super) fn forward(&mut self, run: &Run<R>, inputs: &[(Value<R>, Shape)], result: &mut [R], to: Shape) {
        match self {
            Step::Input => {}
            Step::Conv(conv) => conv.forward(run, inputs[0].0, result),
            Step::Pointwise(step) => step.forward(run, numbers(inputs[0].0), result),
            Step::Move(step) => {
                let each = |(picture, result): (usize, &mut [R])| {
                    result.fill(R::default());
                    step.forward(&of_picture(inputs, picture), result, to);
                };
                result.par_chunks_exact_mut(to.elements()).enumerate().for_each(each);
            }
        }
    }

    /// Computes the gradients of the inputs that are wanted, and of the parameters, from that of the result. `result` is empty
    /// unless [`Step::reads_result`].
    pub(super) fn backward(
        &mut self,
        run: &Run<R>,
        inputs: &[(Value<R>, Shape)],
        (result, to): (&[R], Shape),
        gradient: &[R],
        into: Vec<Option<Into<R>>>,
    ) {
        let mut into = into;
        match self {
            Step::Input => {}
            Step::Conv(conv) => conv.backward(run, inputs[0].0, gradient, into.remove(0)),
            Step::Pointwise(step) => step.backward(run, numbers(inputs[0].0), gradient, into.remove(0)),
            Step::Move(step) => backward_move(*step, run, inputs, (result, to), gradient, into),
        }
    }

    /// Whether the gradient depends on the result.
    pub(super) fn reads_result(&self) -> bool {
        matches!(self, Step::Move(Move::MaxPool(_)))
    }

    /// Whether the gradient depends on the input.
    pub(super) fn reads_input(&self) -> bool {
        matches!(self, Step::Conv(_) | Step::Pointwise(_) | Step::Move(Move::MaxPool(_)))
    }

    /// Passes all that is kept to `act`.
    pub(super) fn kept(&mut self, act: &mut dyn FnMut(Place, Part, Kept<R>)) {
        match self {
            Step::Conv(conv) => conv.kept(act),
            Step::Pointwise(step) => step.kept(act),
            Step::Input | Step::Move(_) => {}
        }
    }
}

/// Which of the layers that a step computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A convolution, or a batch norm.
    Layer,
    /// A quantizer.
    Quantizer,
}

/// The numbers of a tensor. Only convolutions are given codes.
fn numbers<'a, R>(value: Value<'a, R>) -> &'a [R] {
    match value {
        Value::Numbers(numbers) => numbers,
        Value::Codes(..) => &[],
    }
}

/// The tensors of one picture; empty where there are none.
fn of_picture<'a, R: Number>(inputs: &[(Value<'a, R>, Shape)], picture: usize) -> Vec<(&'a [R], Shape)> {
    let one = |&(value, shape): &(Value<'a, R>, Shape)| {
        let own = numbers(value).get(picture * shape.elements()..(picture + 1) * shape.elements());
        (own.unwrap_or_default(), shape)
    };
    inputs.iter().map(one).collect()
}

fn backward_move<R: Number>(
    step: Move,
    run: &Run<R>,
    inputs: &[(Value<R>, Shape)],
    (result, to): (&[R], Shape),
    gradient: &[R],
    into: Vec<Option<Into<R>>>,
) {
    let ranges = ranges(run.pictures, PARTS);
    // The gradients of each part's inputs.
    let mut parts: Vec<Vec<Option<&mut [R]>>> = ranges.iter().map(|_| Vec::new()).collect();
    for (into, (_, shape)) in into.into_iter().zip(inputs) {
        match into {
            Some(Into { numbers, adds }) => {
                if !adds {
                    numbers.fill(R::default());
                }
                let own = split(numbers, &ranges, shape.elements());
                parts.iter_mut().zip(own).for_each(|(part, own)| part.push(Some(own)));
            }
            None => parts.iter_mut().for_each(|part| part.push(None)),
        }
    }
    parts.into_par_iter().zip(&ranges).for_each(|(mut part, range)| {
        for (at, picture) in range.clone().enumerate() {
            let mut own: Vec<Option<&mut [R]>> = part
                .iter_mut()
                .zip(inputs)
                .map(|(into, (_, shape))| {
                    let elements = shape.elements();
                    into.as_deref_mut().map(|numbers| &mut numbers[at * elements..(at + 1) * elements])
                })
                .collect();
            let made = result.get(picture * to.elements()..(picture + 1) * to.elements()).unwrap_or_default();
            let gradient = &gradient[picture * to.elements()..(picture + 1) * to.elements()];
            step.backward(&of_picture(inputs, picture), (made, to), gradient, &mut own);
        }
    });
}
