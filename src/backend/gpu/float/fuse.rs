//! From a graph to steps. A step computes one node together with the nodes behind it that only need its result: a
//! batch norm (folded into a convolution's weights), an addition, a ReLU, and then, as a second output, the batch norm
//! and ReLU that begin the next layer where activations come first. That way they are computed once per number; on the
//! input side of a 3x3 convolution it would be nine times.

use crate::graph::{Graph, NodeId, Op, Params};
use crate::lower::{Affine, BatchNorm};

/// What a step computes before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// The convolution, pool or padding at this node.
    Node(NodeId),
    /// Nothing: it copies its input.
    Copy,
    /// A member of a concatenation: it copies its input to the channels of the output from this one on.
    Concat(usize),
}

/// A head, and what follows in the same launch, in this order. Tensors are named by the nodes that give them.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub name: String,
    pub head: Head,
    pub input: NodeId,
    pub affine: Option<Affine>,
    pub residual: Option<NodeId>,
    pub relu: bool,
    /// Where the result so far is kept, if anything else needs it.
    pub output: Option<NodeId>,
    pub second: Option<Second>,
}

/// A second output, made of the first.
#[derive(Clone, Debug)]
pub(super) struct Second {
    pub affine: Affine,
    pub relu: bool,
    pub output: NodeId,
}

/// The steps of a network without quantizers. A concatenation is a step for each of its inputs.
pub(super) fn steps(graph: &Graph, params: &Params) -> Result<Vec<Step>, String> {
    let readers = (0..graph.nodes().len()).map(|id| graph.consumers(id).collect()).collect();
    let mut fuse = Fuse { graph, params, readers, kept: vec![false; graph.nodes().len()] };
    let mut absorbed = vec![false; graph.nodes().len()];
    let mut steps = Vec::new();
    for (id, node) in graph.nodes().iter().enumerate() {
        match node.op {
            Op::Input { .. } => fuse.kept[id] = true,
            Op::Concat => {
                steps.extend(fuse.concat(id)?);
                fuse.kept[id] = true;
            }
            _ if absorbed[id] => {}
            _ => {
                let (step, inside) = fuse.step(id)?;
                inside.into_iter().for_each(|node| absorbed[node] = true);
                for kept in step.output.into_iter().chain(step.second.as_ref().map(|s| s.output)) {
                    fuse.kept[kept] = true;
                }
                steps.push(step);
            }
        }
    }
    Ok(steps)
}

struct Fuse<'a> {
    graph: &'a Graph,
    params: &'a Params,
    readers: Vec<Vec<NodeId>>,
    /// Whether a step so far keeps this node's result.
    kept: Vec<bool>,
}

impl Fuse<'_> {
    fn concat(&self, id: NodeId) -> Result<Vec<Step>, String> {
        let facts = self.graph.facts()?;
        let mut at = 0;
        let member = |&input: &NodeId| {
            let head = Head::Concat(at);
            at += facts[input].shape.c;
            Step { output: Some(id), ..self.plain(id, head, input) }
        };
        Ok(self.graph.nodes()[id].inputs.iter().map(member).collect())
    }

    fn plain(&self, id: NodeId, head: Head, input: NodeId) -> Step {
        let name = self.graph.nodes()[id].name.clone();
        Step { name, head, input, affine: None, residual: None, relu: false, output: None, second: None }
    }

    /// The step that begins with node `id`, and the nodes in it.
    fn step(&self, id: NodeId) -> Result<(Step, Vec<NodeId>), String> {
        let node = &self.graph.nodes()[id];
        let pointwise = matches!(node.op, Op::BatchNorm { .. } | Op::Relu | Op::Add);
        let head = if pointwise { Head::Copy } else { Head::Node(id) };
        let mut step = self.plain(id, head, node.inputs[0]);
        if pointwise {
            self.take(&mut step, id, node.inputs[0])?;
        }
        let (mut tail, mut inside) = (id, vec![id]);
        while let Some(next) = self.next(&step, tail) {
            if !self.take(&mut step, next, tail)? {
                break;
            }
            inside.push(next);
            tail = next;
        }
        match &mut step.second {
            Some(second) => second.output = tail,
            None => step.output = Some(tail),
        }
        Ok((step, inside))
    }

    /// The node that may follow `tail` in its step: the only one that reads it, or of several the batch norm of a
    /// second output.
    fn next(&self, step: &Step, tail: NodeId) -> Option<NodeId> {
        let is_batch_norm = |id: &&NodeId| matches!(self.graph.nodes()[**id].op, Op::BatchNorm { .. });
        match self.readers[tail].as_slice() {
            [only] => Some(*only),
            several if step.second.is_none() => {
                let mut norms = several.iter().filter(is_batch_norm);
                norms.next().filter(|_| norms.next().is_none()).copied()
            }
            _ => None,
        }
    }

    /// Adds node `id`, which reads `tail`, to the step; whether it could.
    fn take(&self, step: &mut Step, id: NodeId, tail: NodeId) -> Result<bool, String> {
        let node = &self.graph.nodes()[id];
        let shared = self.readers[tail].len() > 1 && step.name != node.name;
        match (&node.op, &mut step.second) {
            (Op::BatchNorm { .. }, None) => {
                let affine = BatchNorm::of(self.graph, self.params, id)?.affine();
                if step.affine.is_none() && step.residual.is_none() && !step.relu && !shared {
                    step.affine = Some(affine);
                } else {
                    step.output = shared.then_some(tail);
                    step.second = Some(Second { affine, relu: false, output: id });
                }
            }
            (Op::Relu, None) if !step.relu => step.relu = true,
            (Op::Relu, Some(second)) if !second.relu => second.relu = true,
            (Op::Add, None) if step.residual.is_none() && !step.relu => {
                let other = if node.inputs[0] == tail { node.inputs[1] } else { node.inputs[0] };
                if !self.kept[other] {
                    return Ok(false);
                }
                step.residual = Some(other);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}
