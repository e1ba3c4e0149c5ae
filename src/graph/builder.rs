//! Builds graphs node by node, for the zoo and for applications with networks of their own.

use super::facts::infer;
use super::{Encoding, Fact, Graph, Node, NodeId, Op, Ties, Weights};
use crate::tensor::{Shape, Window};

/// Collects nodes; [`GraphBuilder::finish`] checks them all.
///
/// ```
/// use lq_infer::internals::graph::{GraphBuilder, Weights};
/// use lq_infer::internals::tensor::{Shape, Window};
///
/// let mut b = GraphBuilder::new(Shape { h: 8, w: 8, c: 3 });
/// let x = b.conv("first", b.input(), 16, Window::padded(3, 1, 1), Weights::Float);
/// let x = b.quantize("codes", x, 2);
/// let x = b.conv("second", x, 10, Window::padded(3, 1, 1), Weights::Planes { bits: 1 });
/// let x = b.global_avg_pool("pool", x);
/// assert_eq!(b.shape(x).to_string(), "1x1x10");
/// assert_eq!(b.finish()?.classes(), 10);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug)]
pub struct GraphBuilder {
    nodes: Vec<Node>,
    /// `None` for a node that is inconsistent or reads an inconsistent node.
    facts: Vec<Option<Fact>>,
}

/// Options of a convolution besides its window. The default is float weights without bias, in one group.
#[derive(Clone, Copy, Debug)]
pub struct ConvOptions {
    /// How the weights are stored.
    pub weights: Weights,
    /// Whether a bias per output channel is added.
    pub bias: bool,
    /// Number of groups into which input and output channels are split.
    pub groups: usize,
}

impl Default for ConvOptions {
    fn default() -> Self {
        ConvOptions { weights: Weights::Float, bias: false, groups: 1 }
    }
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

    /// Shape of a node's result; 0x0x0 if the node is inconsistent, which [`GraphBuilder::finish`] reports.
    pub fn shape(&self, x: NodeId) -> Shape {
        self.facts.get(x).copied().flatten().map_or(Shape { h: 0, w: 0, c: 0 }, |fact| fact.shape)
    }

    /// Adds a convolution without bias, in one group.
    pub fn conv(&mut self, name: &str, x: NodeId, outputs: usize, window: Window, weights: Weights) -> NodeId {
        self.conv_with(name, x, outputs, window, ConvOptions { weights, ..ConvOptions::default() })
    }

    /// Adds a convolution of any kind. With `groups`, output channels are split evenly among as many groups of input
    /// channels. [`Window::dilated`] makes it a dilated convolution.
    pub fn conv_with(&mut self, name: &str, x: NodeId, outputs: usize, window: Window, options: ConvOptions) -> NodeId {
        let ConvOptions { weights, bias, groups } = options;
        self.push(name, Op::Conv { outputs, window, weights, bias, groups }, &[x])
    }

    /// Adds a float depthwise convolution without bias: every channel has a window of its own.
    pub fn depthwise_conv(&mut self, name: &str, x: NodeId, window: Window) -> NodeId {
        let channels = self.shape(x).c;
        self.conv_with(name, x, channels, window, ConvOptions { groups: channels, ..ConvOptions::default() })
    }

    /// Adds a float dense layer with bias over the whole of `x`, whose height and width are `size`.
    pub fn dense(&mut self, name: &str, x: NodeId, outputs: usize, size: [usize; 2]) -> NodeId {
        self.conv_with(name, x, outputs, Window::whole(size), ConvOptions { bias: true, ..ConvOptions::default() })
    }

    /// Adds a quantizer of `bits` bits as in the original code.
    pub fn quantize(&mut self, name: &str, x: NodeId, bits: usize) -> NodeId {
        self.quantize_with(name, x, bits, Encoding::ZeroOne, Ties::Below)
    }

    /// Adds a quantizer with the given encoding and rule for ties.
    pub fn quantize_with(&mut self, name: &str, x: NodeId, bits: usize, encoding: Encoding, ties: Ties) -> NodeId {
        self.push(name, Op::Quantize { bits, encoding, ties }, &[x])
    }

    /// Adds max(x, 0).
    pub fn relu(&mut self, name: &str, x: NodeId) -> NodeId {
        self.push(name, Op::Relu, &[x])
    }

    /// Adds a max pooling. Padding never wins.
    pub fn max_pool(&mut self, name: &str, x: NodeId, window: Window) -> NodeId {
        self.push(name, Op::MaxPool { window }, &[x])
    }

    /// Adds an average pooling, whose window must not be padded.
    pub fn avg_pool(&mut self, name: &str, x: NodeId, window: Window) -> NodeId {
        self.push(name, Op::AvgPool { window }, &[x])
    }

    /// Adds the mean over all positions.
    pub fn global_avg_pool(&mut self, name: &str, x: NodeId) -> NodeId {
        let Shape { h, w, .. } = self.shape(x);
        self.avg_pool(name, x, Window::whole([h, w]))
    }

    /// Adds the sum of two tensors of one shape.
    pub fn add(&mut self, name: &str, a: NodeId, b: NodeId) -> NodeId {
        self.push(name, Op::Add, &[a, b])
    }

    /// Adds the concatenation of the channels of all `parts`.
    pub fn concat(&mut self, name: &str, parts: &[NodeId]) -> NodeId {
        self.push(name, Op::Concat, parts)
    }

    /// Adds a node that appends zero channels to `x`, up to `channels` in all.
    pub fn pad_channels(&mut self, name: &str, x: NodeId, channels: usize) -> NodeId {
        self.push(name, Op::PadChannels { channels, before: 0 }, &[x])
    }

    /// The same with `before` of the zero channels before those of `x`.
    pub fn pad_channels_around(&mut self, name: &str, x: NodeId, before: usize, channels: usize) -> NodeId {
        self.push(name, Op::PadChannels { channels, before }, &[x])
    }

    /// Adds a batch norm with the given name and epsilon.
    pub fn batch_norm_with(&mut self, name: &str, x: NodeId, epsilon: f64) -> NodeId {
        self.push(name, Op::BatchNorm { epsilon }, &[x])
    }

    /// Adds a batch norm named `<scope>/bn`, with an epsilon of 1e-5.
    pub fn batch_norm(&mut self, scope: &str, x: NodeId) -> NodeId {
        self.batch_norm_with(&format!("{scope}/bn"), x, 1e-5)
    }

    /// Adds a batch norm `<scope>/bn` followed by a ReLU `<scope>/relu`.
    pub fn bn_relu(&mut self, scope: &str, x: NodeId) -> NodeId {
        let x = self.batch_norm(scope, x);
        self.relu(&format!("{scope}/relu"), x)
    }

    /// Checks names, order, shapes and kinds, and returns the graph.
    pub fn finish(self) -> Result<Graph, String> {
        Graph::new(self.nodes)
    }
}
