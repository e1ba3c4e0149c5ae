//! A network that can be trained: the steps of a graph, the memory of their tensors, and both passes over a batch.

use super::parameter::{Kept, Part};
use super::parts::Scratch;
use super::steps::loss::{Targets, Worth, loss};
use super::steps::{ActivationQuantizer, Conv, Into, Norm, Place, Pointwise, Run, Step, Value, WeightQuantizer, rate};
use crate::float::{InstructionSet, Move, Number, geometry};
use crate::graph::{Graph, NodeId, Op, Ties, Weights};
use crate::plan::{Access, Slots};
use crate::tensor::Shape;

/// A network in the form in which it is trained.
pub(super) struct Network<R> {
    stages: Vec<Stage<R>>,
    /// Pictures of the largest batch.
    capacity: usize,
    slots: Vec<Vec<R>>,
    set: InstructionSet,
    scratch: Scratch<R>,
    classes: usize,
    /// Batches that bases have learned from.
    pub learned: usize,
}

/// A step in its place.
struct Stage<R> {
    step: Step<R>,
    /// The layers that it computes, in order.
    layers: Vec<String>,
    inputs: Vec<usize>,
    to: Shape,
    /// Where the result is; none if it is codes, which the step keeps.
    value: Option<usize>,
    /// Where the gradient of the result is, if it is wanted.
    gradient: Option<usize>,
    /// Where the gradient of each input goes, and whether it is added there.
    into: Vec<Option<(usize, bool)>>,
}

impl<R: Number> Network<R> {
    /// The network of a graph for batches of up to `capacity` pictures, with weights of 0 and the original's initial bases.
    /// `for_training` says whether it has room for gradients.
    pub(super) fn new(graph: &Graph, ties: Ties, capacity: usize, for_training: bool) -> Result<Self, String> {
        let mut stages = stages(graph, ties)?;
        let words = assign(&mut stages, for_training)?;
        let slots = words.iter().map(|words| vec![R::default(); words * capacity]).collect();
        Ok(Network {
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
        let Network { stages, slots, set, scratch, learned, .. } = self;
        let run = Run { pictures, set: *set, training, rate: rate(*learned), scratch };
        for at in 1..stages.len() {
            let (before, rest) = stages.split_at_mut(at);
            let Stage { step, inputs, to, value, .. } = &mut rest[0];
            let mut result = value.map_or_else(Vec::new, |slot| std::mem::take(&mut slots[slot]));
            let read = read(before, inputs, slots, pictures);
            let numbers = value.map_or(0, |_| pictures * to.elements());
            step.forward(&run, &read, &mut result[..numbers], *to);
            if let Some(slot) = value {
                slots[*slot] = result;
            }
        }
    }

    fn backward(&mut self, at: usize, pictures: usize) {
        let Network { stages, slots, set, scratch, learned, .. } = self;
        let run = Run { pictures, set: *set, training: true, rate: rate(*learned), scratch };
        let (before, rest) = stages.split_at_mut(at);
        let Stage { step, inputs, to, value, gradient, into, .. } = &mut rest[0];
        let Some(gradient) = *gradient else { return };
        let numbers = pictures * to.elements();
        let mut taken: Vec<Option<Vec<R>>> =
            into.iter().map(|into| into.map(|(slot, _)| std::mem::take(&mut slots[slot]))).collect();
        let places = taken.iter_mut().zip(&*into).zip(&*inputs).map(|((taken, into), &input)| {
            let length = pictures * before[input].to.elements();
            taken.as_mut().zip(*into).map(|(taken, (_, adds))| Into { numbers: &mut taken[..length], adds })
        });
        let result = value.filter(|_| step.reads_result()).map_or(&[][..], |slot| &slots[slot][..numbers]);
        let read = if step.reads_input() { read(before, inputs, slots, pictures) } else { shapes(before, inputs) };
        let places = places.collect();
        step.backward(&run, &read, (result, *to), &slots[gradient][..numbers], places);
        for (taken, into) in taken.into_iter().zip(&*into) {
            if let Some((taken, (slot, _))) = taken.zip(*into) {
                slots[slot] = taken;
            }
        }
    }

    /// Passes all that is kept from batch to batch to `act`, with the name of its layer.
    pub(super) fn kept(&mut self, act: &mut dyn FnMut(&str, Part, Kept<R>)) {
        for Stage { step, layers, .. } in &mut self.stages {
            step.kept(&mut |place, part, kept| {
                let layer = if place == Place::Quantizer { layers.last() } else { layers.first() };
                act(layer.map_or("", String::as_str), part, kept);
            });
        }
    }

    /// The first layer whose last result has a number that is not finite. Results whose memory was used again are not seen.
    pub(super) fn not_finite(&self, pictures: usize) -> Option<&str> {
        let is_finite = |stage: &Stage<R>| match (&stage.step, stage.value) {
            (Step::Pointwise(step), _) if !step.is_finite() => false,
            (_, Some(slot)) => {
                let numbers = &self.slots[slot][..pictures * stage.to.elements()];
                numbers.iter().all(|x| x.double().is_finite())
            }
            _ => true,
        };
        self.stages.iter().find(|stage| !is_finite(stage)).and_then(|stage| stage.layers.first()).map(String::as_str)
    }

    /// Bytes of all tensors.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.slots.iter().map(|slot| slot.len() * size_of::<R>()).sum()
    }
}

/// What a step reads.
fn read<'a, R: Number>(
    before: &'a [Stage<R>],
    inputs: &[usize],
    slots: &'a [Vec<R>],
    pictures: usize,
) -> Vec<(Value<'a, R>, Shape)> {
    let one = |&input: &usize| {
        let Stage { step, to, value, .. } = &before[input];
        let codes = if let Step::Pointwise(step) = step { step.value() } else { None };
        let numbers = value.map_or(&[][..], |slot| &slots[slot][..pictures * to.elements()]);
        (codes.unwrap_or(Value::Numbers(numbers)), *to)
    };
    inputs.iter().map(one).collect()
}

/// The same for a step that only needs to know the shapes.
fn shapes<'a, R: Number>(before: &[Stage<R>], inputs: &[usize]) -> Vec<(Value<'a, R>, Shape)> {
    inputs.iter().map(|&input| (Value::Numbers(&[][..]), before[input].to)).collect()
}

/// The steps of a graph. A batch norm, the ReLU that alone reads it, and the quantizer that alone reads that, are one.
fn stages<R: Number>(graph: &Graph, ties: Ties) -> Result<Vec<Stage<R>>, String> {
    let facts = graph.facts()?;
    // The stage whose result a node's is.
    let mut stage_of: Vec<usize> = Vec::new();
    let mut stages: Vec<Stage<R>> = Vec::new();
    for (id, node) in graph.nodes().iter().enumerate() {
        let shape = facts[id].shape;
        let own = stage_of.get(node.inputs.first().copied().unwrap_or(0)).copied();
        if let Some((at, stage)) = own.and_then(|at| Some((at, stages.get_mut(at)?)))
            && graph.consumers(node.inputs[0]).count() == 1
            && joins(&mut stage.step, &node.op)
        {
            stage.layers.push(node.name.clone());
            stage_of.push(at);
            continue;
        }
        let mut inputs: Vec<usize> = node.inputs.iter().map(|&input| stage_of[input]).collect();
        let step = step(graph, id, &facts, ties)?;
        inputs.sort_unstable();
        inputs.dedup();
        if inputs.len() < node.inputs.len() {
            return Err(format!("layer '{}' reads one tensor twice, which cannot be trained", node.name));
        }
        stage_of.push(stages.len());
        stages.push(Stage {
            step,
            layers: vec![node.name.clone()],
            inputs: node.inputs.iter().map(|&input| stage_of[input]).collect(),
            to: shape,
            value: None,
            gradient: None,
            into: Vec::new(),
        });
    }
    keep_codes(&mut stages);
    Ok(stages)
}

/// Adds an operation to a step that can compute it as well.
fn joins<R: Number>(step: &mut Step<R>, op: &Op) -> bool {
    let Step::Pointwise(step) = step else { return false };
    match op {
        Op::Relu if !step.relu && step.quantizer.is_none() => step.relu = true,
        Op::Quantize { bits, encoding, ties } if step.quantizer.is_none() => {
            step.quantizer = Some(ActivationQuantizer::new(*bits, *encoding, *ties));
        }
        _ => return false,
    }
    true
}

fn step<R: Number>(graph: &Graph, id: NodeId, facts: &[crate::graph::Fact], ties: Ties) -> Result<Step<R>, String> {
    let node = &graph.nodes()[id];
    let channels = facts[id].shape.c;
    let mut pointwise = Pointwise::new(channels);
    match &node.op {
        Op::Input { .. } => return Ok(Step::Input),
        Op::Conv { weights, bias, .. } => {
            let geometry = geometry(node, facts, id);
            let zeros = |count: usize| vec![R::default(); count];
            let mut conv = Conv::new(geometry, zeros(channels * geometry.depth()), bias.then(|| zeros(channels)));
            if let Weights::Planes { bits } = weights {
                conv.quantizer = Some(WeightQuantizer::new(*bits, ties, channels, geometry.window.taps()));
            }
            return Ok(Step::Conv(Box::new(conv)));
        }
        Op::BatchNorm { epsilon } => pointwise.norm = Some(Norm::new(channels, *epsilon)),
        Op::Relu => pointwise.relu = true,
        Op::Quantize { bits, encoding, ties } => {
            pointwise.quantizer = Some(ActivationQuantizer::new(*bits, *encoding, *ties));
        }
        op => {
            let layer = Move::of(op).ok_or_else(|| format!("layer '{}' cannot be trained", node.name))?;
            return Ok(Step::Move(layer));
        }
    }
    Ok(Step::Pointwise(Box::new(pointwise)))
}

/// Quantizers that only convolutions read give codes.
fn keep_codes<R: Number>(stages: &mut [Stage<R>]) {
    let mut others = vec![false; stages.len()];
    for stage in stages.iter().filter(|stage| !matches!(stage.step, Step::Conv(_))) {
        stage.inputs.iter().for_each(|&input| others[input] = true);
    }
    others.iter_mut().last().into_iter().for_each(|last| *last = true);
    for (stage, _) in stages.iter_mut().zip(others).filter(|(_, others)| !others) {
        if let Step::Pointwise(step) = &mut stage.step {
            step.codes = step.quantizer.is_some().then(Vec::new);
        }
    }
}

/// Decides where results and gradients are. Returns the numbers per picture of each slot.
fn assign<R: Number>(stages: &mut [Stage<R>], for_training: bool) -> Result<Vec<usize>, String> {
    let count = stages.len();
    let is_codes = |stage: &Stage<R>| matches!(&stage.step, Step::Pointwise(step) if step.codes.is_some());
    // Tensor i is the result of stage i, and i + count its gradient. A sum passes its gradient on to an input that nothing
    // else reads.
    let mut gradients: Vec<usize> = (count..2 * count).collect();
    let readers = |stages: &[Stage<R>], of: usize| stages.iter().filter(|stage| stage.inputs.contains(&of)).count();
    for at in (1..count).rev().filter(|_| for_training) {
        if let Step::Move(Move::Add) = stages[at].step {
            let alone = stages[at].inputs.iter().copied().find(|&input| input > 0 && readers(stages, input) == 1);
            alone.into_iter().for_each(|input| gradients[input] = gradients[at]);
        }
    }
    let elements: Vec<usize> = stages.iter().map(|stage| stage.to.elements()).collect();
    let tensors: Vec<usize> = elements.iter().chain(&elements).copied().collect();
    let has_value: Vec<bool> = stages.iter().map(|stage| !is_codes(stage)).collect();
    let values = |all: &[usize]| all.iter().copied().filter(|&at| has_value[at]).collect::<Vec<usize>>();
    let mut steps: Vec<Access> = Vec::new();
    for (at, stage) in stages.iter().enumerate().skip(1) {
        steps.push(Access { reads: values(&stage.inputs), writes: values(&[at]), keeps_inputs: false });
    }
    let mut written = vec![false; 2 * count];
    if for_training {
        let last = gradients[count - 1];
        written[last] = true;
        steps.push(Access { reads: vec![count - 1], writes: vec![last], keeps_inputs: false });
        for at in (1..count).rev() {
            let stage = &mut stages[at];
            if !written[gradients[at]] {
                // Nothing that leads to the loss reads it.
                stage.into = vec![None; stage.inputs.len()];
                continue;
            }
            let mut reads = vec![gradients[at]];
            reads.extend(values(&stage.inputs).into_iter().filter(|_| stage.step.reads_input()));
            reads.extend(stage.step.reads_result().then_some(at));
            let into = |&input: &usize| {
                let to = gradients[input];
                // Pictures need no gradient; a sum has passed its own on.
                (input > 0 && to != gradients[at]).then(|| (to, std::mem::replace(&mut written[to], true)))
            };
            stage.into = stage.inputs.iter().map(into).collect();
            let writes = stage.into.iter().flatten().map(|(to, _)| *to).collect();
            steps.push(Access { reads, writes, keeps_inputs: false });
        }
    }
    let keep = if for_training { gradients[1.min(count - 1)] } else { count - 1 };
    let Slots { slot_of, words } = Slots::assign(&tensors, &steps, keep)?;
    for (at, stage) in stages.iter_mut().enumerate() {
        stage.value = has_value[at].then(|| slot_of[at]);
        stage.gradient = (at > 0 && written[gradients[at]]).then(|| slot_of[gradients[at]]);
        stage.into.iter_mut().flatten().for_each(|(to, _)| *to = slot_of[*to]);
    }
    Ok(words)
}
