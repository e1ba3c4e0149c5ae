//! A network that is trained on the CPU: a step for each stage, the memory of their tensors, and both passes over a batch.

use super::parameter::{Kept, Part};
use super::parts::Scratch;
use super::stages::{Kind, Layout, Quantizer, Stage, stages};
use super::steps::loss::{Targets, Worth, loss};
use super::steps::{ActivationQuantizer, Conv, Into, Norm, Place, Pointwise, Run, Step, Value, WeightQuantizer, rate};
use crate::float::{InstructionSet, Number};
use crate::graph::{Graph, Ties};
use crate::tensor::Shape;

/// A network in the form in which it is trained.
pub(super) struct Network<R> {
    stages: Vec<Stage>,
    /// The step of each stage.
    steps: Vec<Step<R>>,
    /// Pictures of the largest batch.
    capacity: usize,
    slots: Vec<Vec<R>>,
    set: InstructionSet,
    scratch: Scratch<R>,
    classes: usize,
    /// Batches that bases have learned from.
    pub learned: usize,
}

impl<R: Number> Network<R> {
    /// The network of a graph for batches of up to `capacity` pictures, with weights of 0 and the original's initial bases.
    /// `for_training` says whether it has room for gradients.
    pub(super) fn new(graph: &Graph, ties: Ties, capacity: usize, for_training: bool) -> Result<Self, String> {
        let (stages, words) = stages(graph, Layout { gradients: for_training, codes: true, channels: 1 })?;
        let slots = words.iter().map(|words| vec![R::default(); words * capacity]).collect();
        Ok(Network {
            steps: steps(&stages, ties),
            stages,
            capacity,
            slots,
            set: InstructionSet::best(),
            scratch: Scratch::default(),
            classes: graph.classes(),
            learned: 0,
        })
    }

    /// Uses another instruction set than the best.
    #[cfg(test)]
    pub(super) fn use_set(&mut self, set: InstructionSet) {
        self.set = set;
    }

    /// Pictures of the largest batch.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Room for the pictures of the next batch, `[pictures, h, w, c]`.
    pub(super) fn input(&mut self, pictures: usize) -> &mut [R] {
        let numbers = pictures * self.stages[0].to.elements();
        &mut self.slots[self.stages[0].value.unwrap_or(0)][..numbers]
    }

    /// The logits of the pictures in [`Network::input`], by the averages of the batch norms.
    pub(super) fn infer(&mut self, pictures: usize) -> &[R] {
        self.forward(pictures, false);
        self.logits(pictures)
    }

    fn logits(&self, pictures: usize) -> &[R] {
        let slot = self.stages.last().and_then(|stage| stage.value).unwrap_or(0);
        &self.slots[slot][..pictures * self.classes]
    }

    /// Both passes over the pictures in [`Network::input`]; gradients are then in the parameters.
    pub(super) fn learn(&mut self, labels: &[usize], teacher: &[R], targets: Targets) -> Worth {
        let pictures = labels.len();
        self.learned += 1;
        self.forward(pictures, true);
        let last = self.stages.len() - 1;
        let Some(slot) = self.stages[last].gradient else { return Worth::default() };
        let mut gradient = std::mem::take(&mut self.slots[slot]);
        let numbers = pictures * self.classes;
        let worth = loss(self.logits(pictures), labels, teacher, targets, &mut gradient[..numbers]);
        self.slots[slot] = gradient;
        (1..=last).rev().for_each(|at| self.backward(at, pictures));
        worth
    }

    fn forward(&mut self, pictures: usize, training: bool) {
        let Network { stages, steps, slots, set, scratch, learned, .. } = self;
        let run = Run { pictures, set: *set, training, rate: rate(*learned), scratch };
        for at in 1..stages.len() {
            let (before, rest) = steps.split_at_mut(at);
            let Stage { inputs, to, value, .. } = &stages[at];
            let mut result = value.map_or_else(Vec::new, |slot| std::mem::take(&mut slots[slot]));
            let read = read(stages, before, inputs, slots, pictures);
            let numbers = value.map_or(0, |_| pictures * to.elements());
            rest[0].forward(&run, &read, &mut result[..numbers], *to);
            if let Some(slot) = value {
                slots[*slot] = result;
            }
        }
    }

    fn backward(&mut self, at: usize, pictures: usize) {
        let Network { stages, steps, slots, set, scratch, learned, .. } = self;
        let run = Run { pictures, set: *set, training: true, rate: rate(*learned), scratch };
        let (before, rest) = steps.split_at_mut(at);
        let Stage { kind, inputs, to, value, gradient, into, .. } = &stages[at];
        let Some(gradient) = *gradient else { return };
        let numbers = pictures * to.elements();
        let mut taken: Vec<Option<Vec<R>>> =
            into.iter().map(|into| into.map(|(slot, _)| std::mem::take(&mut slots[slot]))).collect();
        let places = taken.iter_mut().zip(into).zip(inputs).map(|((taken, into), &input)| {
            let length = pictures * stages[input].to.elements();
            taken.as_mut().zip(*into).map(|(taken, (_, adds))| Into { numbers: &mut taken[..length], adds })
        });
        let result = value.filter(|_| kind.reads_result()).map_or(&[][..], |slot| &slots[slot][..numbers]);
        let read = match kind.reads_input() {
            true => read(stages, before, inputs, slots, pictures),
            false => shapes(stages, inputs),
        };
        let places = places.collect();
        rest[0].backward(&run, &read, (result, *to), &slots[gradient][..numbers], places);
        for (taken, into) in taken.into_iter().zip(into) {
            if let Some((taken, (slot, _))) = taken.zip(*into) {
                slots[slot] = taken;
            }
        }
    }

    /// Passes all that is kept from batch to batch to `act`, with the name of its layer.
    pub(super) fn kept(&mut self, act: &mut dyn FnMut(&str, Part, Kept<R>)) {
        for (step, Stage { layers, .. }) in self.steps.iter_mut().zip(&self.stages) {
            step.kept(&mut |place, part, kept| {
                let layer = if place == Place::Quantizer { layers.last() } else { layers.first() };
                act(layer.map_or("", String::as_str), part, kept);
            });
        }
    }

    /// The first layer whose last result has a number that is not finite. Results whose memory was used again are not seen.
    pub(super) fn not_finite(&self, pictures: usize) -> Option<&str> {
        let is_finite = |(step, stage): &(&Step<R>, &Stage)| match (step, stage.value) {
            (Step::Pointwise(step), _) if !step.is_finite() => false,
            (_, Some(slot)) => {
                let numbers = &self.slots[slot][..pictures * stage.to.elements()];
                numbers.iter().all(|x| x.double().is_finite())
            }
            _ => true,
        };
        let mut all = self.steps.iter().zip(&self.stages);
        all.find(|stage| !is_finite(stage)).and_then(|(_, stage)| stage.layers.first()).map(String::as_str)
    }

    /// How many classes there are.
    pub(super) fn classes(&self) -> usize {
        self.classes
    }

    /// Bytes of all tensors.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.slots.iter().map(|slot| slot.len() * size_of::<R>()).sum()
    }
}

/// What a step reads.
fn read<'a, R: Number>(
    stages: &[Stage],
    before: &'a [Step<R>],
    inputs: &[usize],
    slots: &'a [Vec<R>],
    pictures: usize,
) -> Vec<(Value<'a, R>, Shape)> {
    let one = |&input: &usize| {
        let Stage { to, value, .. } = &stages[input];
        let codes = if let Step::Pointwise(step) = &before[input] { step.value() } else { None };
        let numbers = value.map_or(&[][..], |slot| &slots[slot][..pictures * to.elements()]);
        (codes.unwrap_or(Value::Numbers(numbers)), *to)
    };
    inputs.iter().map(one).collect()
}

/// The same for a step that only needs to know the shapes.
fn shapes<'a, R: Number>(stages: &[Stage], inputs: &[usize]) -> Vec<(Value<'a, R>, Shape)> {
    inputs.iter().map(|&input| (Value::Numbers(&[][..]), stages[input].to)).collect()
}

/// The steps that compute the stages.
fn steps<R: Number>(stages: &[Stage], ties: Ties) -> Vec<Step<R>> {
    stages.iter().map(|stage| step(stage, ties)).collect()
}

fn step<R: Number>(stage: &Stage, ties: Ties) -> Step<R> {
    let channels = stage.to.c;
    match stage.kind {
        Kind::Input => Step::Input,
        Kind::Move(layer) => Step::Move(layer),
        Kind::Conv { geometry, bits, bias } => {
            let zeros = |count: usize| vec![R::default(); count];
            let mut conv = Conv::new(geometry, zeros(channels * geometry.depth()), bias.then(|| zeros(channels)));
            conv.quantizer = bits.map(|bits| WeightQuantizer::new(bits, ties, channels, geometry.window.taps()));
            Step::Conv(Box::new(conv))
        }
        Kind::Pointwise { norm, relu, quantizer, codes } => {
            let mut pointwise = Pointwise::new(channels);
            pointwise.norm = norm.map(|epsilon| Norm::new(channels, epsilon));
            pointwise.relu = relu;
            pointwise.quantizer =
                quantizer.map(|Quantizer { bits, encoding, ties }| ActivationQuantizer::new(bits, encoding, ties));
            pointwise.codes = codes.then(Vec::new);
            Step::Pointwise(Box::new(pointwise))
        }
    }
}
