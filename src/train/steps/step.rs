//! All steps behind one type.

use super::call::{Into, Place, Run, Value};
use super::conv::Conv;
use super::pointwise::Pointwise;
use crate::float::{Move, Number};
use crate::tensor::Shape;
use crate::train::parameter::{Kept, Part};
use crate::train::parts::{PARTS, ranges, split};
use rayon::prelude::*;

/// One step.
pub(in crate::train) enum Step<R> {
    /// The pictures.
    Input,
    Conv(Box<Conv<R>>),
    Pointwise(Box<Pointwise<R>>),
    Move(Move),
}

impl<R: Number> Step<R> {
    /// Computes `result` from the inputs. A step that makes codes keeps them, and its result is empty.
    pub(in crate::train) fn forward(
        &mut self,
        run: &Run<R>,
        inputs: &[(Value<R>, Shape)],
        result: &mut [R],
        to: Shape,
    ) {
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
    /// unless the gradient depends on it.
    pub(in crate::train) fn backward(
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

    /// Passes all that is kept to `act`.
    pub(in crate::train) fn kept(&mut self, act: &mut dyn FnMut(Place, Part, Kept<R>)) {
        match self {
            Step::Conv(conv) => conv.kept(act),
            Step::Pointwise(step) => step.kept(act),
            Step::Input | Step::Move(_) => {}
        }
    }
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
