//! The portable network: operations on real tensors and codes as the original code defines them, independent of how a
//! device runs them. This is what the packed file stores; [`crate::lower`] turns it into integer operations.

mod builder;
mod counts;
mod facts;
mod params;
pub mod preprocess;
mod real;
mod real_weights;
mod signs;
mod text;
mod widths;

pub use crate::quant::{Encoding, Ties};
pub use builder::{ConvOptions, GraphBuilder};
pub use facts::{Fact, Kind};
pub use params::{Bytes, Dtype, ParamSpec, Params, Role, Tensor};
pub use real_weights::RealWeights;

use crate::tensor::{Shape, Window};
use serde::{Deserialize, Serialize};

/// Most nodes of a graph. Bounds the time of passes that are quadratic in the number of nodes.
pub const MAX_NODES: usize = 10_000;
/// Longest name of a layer in a file, in bytes.
const MAX_NAME: usize = 512;
/// Most inputs of a layer in a file.
const MAX_INPUTS: usize = 1024;

/// Index of a node in [`Graph::nodes`].
pub type NodeId = usize;

/// A network: nodes in topological order. The first node is the input, the last one gives the logits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<NamedNode>", into = "Vec<NamedNode>")]
pub struct Graph {
    nodes: Vec<Node>,
}

/// One operation of the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The layer's name, under which its parameters are found (see [`Graph::parameters`]).
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// The nodes it reads, in order.
    pub inputs: Vec<NodeId>,
}

/// What a node computes, in real numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Op {
    /// The tensor the first layer receives.
    Input {
        /// Its shape.
        shape: Shape,
    },
    /// 2-D convolution (cross-correlation). Padded taps contribute nothing. A dense layer is a convolution whose window
    /// covers its input.
    Conv {
        /// Output channels.
        outputs: usize,
        /// The window that slides over the input.
        window: Window,
        /// How the weights are stored.
        weights: Weights,
        /// Whether a bias per output channel is added.
        bias: bool,
        /// Output channels are split evenly among as many groups of input channels.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        groups: usize,
    },
    /// (x - mean) / sqrt(variance + epsilon) * gamma + beta, per channel.
    BatchNorm {
        /// Added to the variance.
        epsilon: f64,
    },
    /// max(x, 0).
    Relu,
    /// The learned activation quantizer (LQ-Nets section 3.2).
    Quantize {
        /// Bits of a code.
        bits: usize,
        /// What the bits of a code mean.
        #[serde(default, skip_serializing_if = "is_default")]
        encoding: Encoding,
        /// Which level a number gets that equals a threshold.
        #[serde(default, skip_serializing_if = "is_default")]
        ties: Ties,
    },
    /// Maximum over windows. Padding never wins.
    MaxPool {
        /// The window that slides over the input.
        window: Window,
    },
    /// Mean over windows.
    AvgPool {
        /// The window that slides over the input; it has no padding.
        window: Window,
    },
    /// Sum of two tensors of one shape.
    Add,
    /// Adds zero channels.
    PadChannels {
        /// Channels of the result.
        channels: usize,
        /// How many of the zero channels come before the input's; the others follow them.
        #[serde(default, skip_serializing_if = "is_default")]
        before: usize,
    },
    /// Concatenation of the inputs' channels. Each input keeps its kind: codes with their own basis, or real numbers.
    Concat,
}

fn one() -> usize {
    1
}

fn is_one(n: &usize) -> bool {
    *n == 1
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How a convolution's weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "stored", deny_unknown_fields)]
pub enum Weights {
    /// 32-bit floats: layers the paper leaves in full precision.
    Float,
    /// `bits` planes in {-1, +1} and one basis per output channel.
    Planes {
        /// Planes of a weight.
        bits: usize,
    },
}

impl Graph {
    /// A graph of `nodes`, each of which may only read earlier ones. Names, order, shapes and kinds are checked.
    pub fn new(nodes: Vec<Node>) -> Result<Self, String> {
        if nodes.len() > MAX_NODES {
            return Err(format!("has {} layers, supported are {MAX_NODES}", nodes.len()));
        }
        let mut names = std::collections::HashSet::new();
        for (id, node) in nodes.iter().enumerate() {
            if !names.insert(node.name.as_str()) {
                return Err(format!("two layers are named '{}'", node.name));
            }
            if node.inputs.iter().any(|&i| i >= id) {
                return Err(format!("layer '{}' reads a layer that does not precede it", node.name));
            }
            if (id == 0) != matches!(node.op, Op::Input { .. }) {
                return Err(format!("layer '{}': the input must be the first layer and the only one", node.name));
            }
        }
        let graph = Graph { nodes };
        graph.facts()?;
        Ok(graph)
    }

    /// All nodes in order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Shape of the tensor the first layer receives.
    pub fn input_shape(&self) -> Shape {
        match self.nodes.first().map(|n| &n.op) {
            Some(Op::Input { shape }) => *shape,
            _ => Shape { h: 0, w: 0, c: 0 },
        }
    }

    /// Number of logits: the elements of the last layer's result.
    pub fn classes(&self) -> usize {
        self.facts().ok().and_then(|facts| facts.last().map(|f| f.shape.elements())).unwrap_or(0)
    }

    /// The nodes that a concatenation consists of, in channel order, with nested concatenations expanded. Any other
    /// node is its own only leaf.
    pub fn leaves(&self, id: NodeId) -> Vec<NodeId> {
        let (mut leaves, mut open) = (Vec::new(), vec![id]);
        while let Some(id) = open.pop() {
            match self.nodes[id].op {
                Op::Concat => open.extend(self.nodes[id].inputs.iter().rev()),
                _ => leaves.push(id),
            }
        }
        leaves
    }

    /// The nodes that read `id`, in order.
    pub fn consumers(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes.iter().enumerate().filter(move |(_, n)| n.inputs.contains(&id)).map(|(i, _)| i)
    }
}

/// A node as it stands in JSON, with its inputs by name.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedNode {
    name: String,
    op: Op,
    inputs: Vec<String>,
}

impl TryFrom<Vec<NamedNode>> for Graph {
    type Error = String;

    fn try_from(named: Vec<NamedNode>) -> Result<Self, String> {
        let mut index = std::collections::HashMap::new();
        let mut nodes = Vec::with_capacity(named.len());
        for node in named {
            check_sizes(&node)?;
            let find = |input: &String| {
                index
                    .get(input)
                    .copied()
                    .ok_or_else(|| format!("layer '{}' reads '{input}', which does not precede it", node.name))
            };
            let inputs = node.inputs.iter().map(find).collect::<Result<_, _>>()?;
            index.insert(node.name.clone(), nodes.len());
            nodes.push(Node { name: node.name, op: node.op, inputs });
        }
        Graph::new(nodes)
    }
}

/// Bounds what a file can make this program do and say: the longest names of real networks have about 200 bytes, and
/// their widest concatenations less than 100 inputs.
fn check_sizes(node: &NamedNode) -> Result<(), String> {
    let too_long = |name: &&String| name.len() > MAX_NAME;
    if let Some(name) = std::iter::once(&node.name).chain(&node.inputs).find(too_long) {
        let start: String = name.chars().take(40).collect();
        return Err(format!("a name '{start}...' has {} bytes, at most {MAX_NAME} are supported", name.len()));
    }
    match node.inputs.len() {
        0..=MAX_INPUTS => Ok(()),
        found => Err(format!("layer '{}' has {found} inputs, at most {MAX_INPUTS} are supported", node.name)),
    }
}

impl From<Graph> for Vec<NamedNode> {
    fn from(graph: Graph) -> Self {
        let names: Vec<String> = graph.nodes.iter().map(|n| n.name.clone()).collect();
        let named = |n: Node| NamedNode {
            name: n.name,
            op: n.op,
            inputs: n.inputs.into_iter().map(|i| names[i].clone()).collect(),
        };
        graph.nodes.into_iter().map(named).collect()
    }
}
