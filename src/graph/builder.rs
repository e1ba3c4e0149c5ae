//! Builds graphs node by node; used by the zoo and by people with networks of their own.

use super::facts::infer;
use super::{Encoding, Fact, Graph, Node, NodeId, Op, Ties, Weights};
use crate::tensor::{Shape, Window};

/// Collects nodes; [`GraphBuilder::finish`] checks them all.
#[derive(Debug)]
pub struct GraphBuilder {
    nodes: Vec<Node>,
    /// None for a node that is inconsistent or reads such a node.
    facts: Vec<Option<Fact>>,
}

impl GraphBuilder {
    /// Starts a graph whose first layer receives a tensor of `shape`; the input is node 0.
    pub fn new(shape: Shape) -> Self {
        let mut builder = GraphBuilder { nodes: Vec::new(), facts: Vec::new() };
        builder.push("input", Op::Input { shape }, &[]);
        builder
    }

    /// The input node.
    pub fn input(&self) -> NodeId {
        0
    }

    /// Adds a node of any kind.
    pub fn push(&mut self, name: &str, op: Op, inputs: &[NodeId]) -> NodeId {
        let node = Node { name: name.to_owned(), op, inputs: inputs.to_vec() };
        let known: Option<Vec<Fact>> = inputs.iter().map(|&i| self.facts.get(i).copied().flatten()).collect();
        self.facts.push(known.and_then(|facts| infer(&node, &facts).ok()));
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Shape of a node's result. A node that is inconsistent, which [`GraphBuilder::finish`] reports, has no extent.
    pub fn shape(&self, x: NodeId) -> Shape {
        self.facts.get(x).copied().flatten().map_or(Shape { h: 0, w: 0, c: 0 }, |fact| fact.shape)
    }

    /// Adds a convolution without bias.
    pub fn conv(&mut self, name: &str, x: NodeId, outputs: usize, window: Window, weights: Weights) -> NodeId {
        self.push(name, Op::Conv { outputs, window, weights, bias: false, groups: 1 }, &[x])
    }

    /// Adds a float dense layer with bias over the whole of `x`, whose height and width are `size`.
    pub fn dense(&mut self, name: &str, x: NodeId, outputs: usize, size: [usize; 2]) -> NodeId {
        let op = Op::Conv { outputs, window: Window::whole(size), weights: Weights::Float, bias: true, groups: 1 };
        self.push(name, op, &[x])
    }

    /// Adds the original's quantizer of `bits` bits.
    pub fn quantize(&mut self, name: &str, x: NodeId, bits: usize) -> NodeId {
        let op = Op::Quantize { bits, encoding: Encoding::ZeroOne, ties: Ties::Below };
        self.push(name, op, &[x])
    }

    /// Adds a batch norm named `<scope>/bn`.
    pub fn batch_norm(&mut self, scope: &str, x: NodeId) -> NodeId {
        self.push(&format!("{scope}/bn"), Op::BatchNorm { epsilon: 1e-5 }, &[x])
    }

    /// Adds `<scope>/bn` and `<scope>/relu`.
    pub fn bn_relu(&mut self, scope: &str, x: NodeId) -> NodeId {
        let x = self.batch_norm(scope, x);
        self.push(&format!("{scope}/relu"), Op::Relu, &[x])
    }

    /// Checks names, order, shapes and kinds.
    pub fn finish(self) -> Result<Graph, String> {
        Graph::new(self.nodes)
    }
}
