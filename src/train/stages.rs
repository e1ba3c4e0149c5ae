//! A graph as the stages of training: which operations are done together, what each reads, and where results and gradients are.
//! Knows no kernels, so that processors and GPUs run the same stages.

use crate::float::{Geometry, Move, geometry};
use crate::graph::{Encoding, Fact, Graph, NodeId, Op, Ties, Weights};
use crate::plan::{Access, Slots};
use crate::tensor::Shape;

/// A stage in its place.
pub(super) struct Stage {
    pub kind: Kind,
    /// The layers that it computes, in order.
    pub layers: Vec<String>,
    pub inputs: Vec<usize>,
    pub to: Shape,
    /// Where the result is; none if it is codes, which the stage keeps.
    pub value: Option<usize>,
    /// Where the gradient of the result is, if it is wanted.
    pub gradient: Option<usize>,
    /// Where the gradient of each input goes, and whether it is added there.
    pub into: Vec<Option<(usize, bool)>>,
}

/// What a stage computes.
pub(super) enum Kind {
    /// The pictures.
    Input,
    Conv {
        geometry: Geometry,
        /// Bits of the weights, if they are quantized.
        bits: Option<usize>,
        bias: bool,
    },
    Pointwise {
        /// The batch norm's epsilon.
        norm: Option<f64>,
        relu: bool,
        quantizer: Option<Quantizer>,
        /// Whether only convolutions read the result, which may then be codes.
        codes: bool,
    },
    Move(Move),
}

/// A quantizer of activations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quantizer {
    pub bits: usize,
    pub encoding: Encoding,
    pub ties: Ties,
}

impl Kind {
    /// Whether the gradient depends on the result.
    pub(super) fn reads_result(&self) -> bool {
        matches!(self, Kind::Move(Move::MaxPool(_)))
    }

    /// Whether the gradient depends on the input.
    pub(super) fn reads_input(&self) -> bool {
        matches!(self, Kind::Conv { .. } | Kind::Pointwise { .. } | Kind::Move(Move::MaxPool(_)))
    }

    /// Adds an operation that can be computed together with these.
    fn takes(&mut self, op: &Op) -> bool {
        let Kind::Pointwise { relu, quantizer, .. } = self else { return false };
        match op {
            Op::Relu if !*relu && quantizer.is_none() => *relu = true,
            Op::Quantize { bits, encoding, ties } if quantizer.is_none() => {
                *quantizer = Some(Quantizer { bits: *bits, encoding: *encoding, ties: *ties });
            }
            _ => return false,
        }
        true
    }

    fn of(graph: &Graph, id: NodeId, facts: &[Fact]) -> Result<Self, String> {
        let node = &graph.nodes()[id];
        let mut kind = Kind::Pointwise { norm: None, relu: false, quantizer: None, codes: false };
        match &node.op {
            Op::Input { .. } => kind = Kind::Input,
            Op::Conv { weights, bias, .. } => {
                let bits = if let Weights::Planes { bits } = weights { Some(*bits) } else { None };
                kind = Kind::Conv { geometry: geometry(node, facts, id), bits, bias: *bias };
            }
            Op::BatchNorm { epsilon } => {
                kind = Kind::Pointwise { norm: Some(*epsilon), relu: false, quantizer: None, codes: false };
            }
            op if kind.takes(op) => {}
            op => kind = Kind::Move(Move::of(op).ok_or_else(|| format!("layer '{}' cannot be trained", node.name))?),
        }
        Ok(kind)
    }
}

/// How the memory of a network is laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Whether gradients have a place.
    pub gradients: bool,
    /// Whether results that only convolutions read are kept by their stages, as codes.
    pub codes: bool,
    /// What the channels of a pixel are filled up to a multiple of.
    pub channels: usize,
}

/// The stages of a graph, and the numbers per picture of each slot.
pub(super) fn stages(graph: &Graph, layout: Layout) -> Result<(Vec<Stage>, Vec<usize>), String> {
    let mut stages = joined(graph)?;
    if layout.codes {
        keep_codes(&mut stages);
    }
    let slots = assign(&mut stages, layout)?;
    Ok((stages, slots))
}

/// The stages without places. A batch norm, the ReLU that alone reads it, and the quantizer that alone reads that, are one.
fn joined(graph: &Graph) -> Result<Vec<Stage>, String> {
    let facts = graph.facts()?;
    // The stage whose result a node's is.
    let mut stage_of: Vec<usize> = Vec::new();
    let mut stages: Vec<Stage> = Vec::new();
    for (id, node) in graph.nodes().iter().enumerate() {
        let own = stage_of.get(node.inputs.first().copied().unwrap_or(0)).copied();
        if let Some((at, stage)) = own.and_then(|at| Some((at, stages.get_mut(at)?)))
            && graph.consumers(node.inputs[0]).count() == 1
            && stage.kind.takes(&node.op)
        {
            stage.layers.push(node.name.clone());
            stage_of.push(at);
            continue;
        }
        let inputs: Vec<usize> = node.inputs.iter().map(|&input| stage_of[input]).collect();
        let mut distinct = inputs.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() < inputs.len() {
            return Err(format!("layer '{}' reads one tensor twice, which cannot be trained", node.name));
        }
        let kind = Kind::of(graph, id, &facts)?;
        stage_of.push(stages.len());
        let (layers, into) = (vec![node.name.clone()], Vec::new());
        stages.push(Stage { kind, layers, inputs, to: facts[id].shape, value: None, gradient: None, into });
    }
    Ok(stages)
}

/// Quantizers that only convolutions read give codes.
fn keep_codes(stages: &mut [Stage]) {
    let mut others = vec![false; stages.len()];
    for stage in stages.iter().filter(|stage| !matches!(stage.kind, Kind::Conv { .. })) {
        stage.inputs.iter().for_each(|&input| others[input] = true);
    }
    others.iter_mut().last().into_iter().for_each(|last| *last = true);
    for (stage, _) in stages.iter_mut().zip(others).filter(|(_, others)| !others) {
        if let Kind::Pointwise { quantizer, codes, .. } = &mut stage.kind {
            *codes = quantizer.is_some();
        }
    }
}

/// Decides where results and gradients are. Returns the numbers per picture of each slot.
fn assign(stages: &mut [Stage], layout: Layout) -> Result<Vec<usize>, String> {
    let (count, for_training) = (stages.len(), layout.gradients);
    // Tensor i is the result of stage i, and i + count its gradient. A sum passes its gradient on to an input that nothing
    // else reads.
    let mut gradients: Vec<usize> = (count..2 * count).collect();
    let readers = |stages: &[Stage], of: usize| stages.iter().filter(|stage| stage.inputs.contains(&of)).count();
    for at in (1..count).rev().filter(|_| for_training) {
        if let Kind::Move(Move::Add) = stages[at].kind {
            let alone = stages[at].inputs.iter().copied().find(|&input| input > 0 && readers(stages, input) == 1);
            alone.into_iter().for_each(|input| gradients[input] = gradients[at]);
        }
    }
    let words = |stage: &Stage| stage.to.pixels() * stage.to.c.next_multiple_of(layout.channels);
    let elements: Vec<usize> = stages.iter().map(words).collect();
    let tensors: Vec<usize> = elements.iter().chain(&elements).copied().collect();
    let has_value: Vec<bool> =
        stages.iter().map(|stage| !matches!(stage.kind, Kind::Pointwise { codes: true, .. })).collect();
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
            reads.extend(values(&stage.inputs).into_iter().filter(|_| stage.kind.reads_input()));
            reads.extend(stage.kind.reads_result().then_some(at));
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
