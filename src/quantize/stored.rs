//! The quantized network's parameters, as they are found.

use super::codes::Channel;
use super::layer::Found;
use crate::float::{Conv, Geometry, Layer, affine};
use crate::graph::{Graph, Node, NodeId, Op, Params, Role, Tensor, Weights};
use crate::quant;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// The network so far: nodes that may get a bias, and parameters by name.
pub(super) struct Parameters {
    nodes: Vec<Node>,
    tensors: BTreeMap<String, Tensor>,
    /// Batch norms that have another mean than in the float network.
    changed: BTreeSet<String>,
}

impl Parameters {
    /// Starts with the parameters of the float network.
    pub(super) fn new(graph: &Graph, float: &Params) -> Self {
        Parameters { nodes: graph.nodes().to_vec(), tensors: float.tensors().clone(), changed: BTreeSet::new() }
    }

    pub(super) fn put(&mut self, layer: &str, role: Role, tensor: Tensor) {
        self.tensors.insert(format!("{layer}/{}", role.suffix()), tensor);
    }

    /// Stores a convolution with new weights and returns it ready to run. The constants go into the mean of the batch norm that
    /// alone reads the convolution, else into its bias: (x + constant) - mean = x - (mean - constant).
    pub(super) fn put_conv(
        &mut self,
        graph: &Graph,
        float: &Params,
        id: NodeId,
        geometry: Geometry,
        found: Found,
    ) -> Result<Layer, String> {
        let node = &graph.nodes()[id];
        let constants: Vec<f32> = found.constants.iter().map(|&c| c as f32).collect();
        let norm = norm_for_constants(graph, id);
        let bias = if norm.is_some() { vec![0.0; constants.len()] } else { constants.clone() };
        let layer = Layer::Conv(Conv::new(geometry, &found.weights, bias));
        match (&found.channels, found.weights) {
            (Some(channels), _) => self.put_codes(&node.name, geometry, channels),
            (None, Cow::Owned(weights)) => {
                let [height, width] = geometry.window.kernel;
                let shape = vec![geometry.to.c, height, width, geometry.inputs()];
                self.put(&node.name, Role::Weight, Tensor::from_f32(shape, weights));
            }
            // The float network's own are here already.
            (None, Cow::Borrowed(_)) => {}
        }
        if let Some(norm) = norm {
            let mut numbers = float.get(&norm.name, Role::BatchNorm)?.f32().to_vec();
            let means = 2 * constants.len()..3 * constants.len();
            numbers[means].iter_mut().zip(&constants).for_each(|(mean, constant)| *mean -= constant);
            self.changed.insert(norm.name.clone());
            self.put(&norm.name, Role::BatchNorm, Tensor::from_f32(vec![4, constants.len()], numbers));
            return Ok(layer);
        }
        self.put(&node.name, Role::Bias, Tensor::from_f32(vec![constants.len()], constants));
        if let Op::Conv { bias, .. } = &mut self.nodes[id].op {
            *bias = true;
        }
        Ok(layer)
    }

    /// Stores codes and bases in place of float weights.
    fn put_codes(&mut self, layer: &str, geometry: Geometry, channels: &[Channel]) {
        let (inputs, [height, width], outputs) = (geometry.inputs(), geometry.window.kernel, channels.len());
        let bits = channels.first().map_or(1, |channel| channel.basis.len());
        let codes: Vec<u8> = channels.iter().flat_map(|channel| channel.codes.iter().copied()).collect();
        let bases = (0..bits).flat_map(|j| channels.iter().map(move |channel| channel.basis[j])).collect();
        let shape = vec![outputs, height, width, quant::words(inputs), bits];
        self.tensors.remove(&format!("{layer}/{}", Role::Weight.suffix()));
        self.put(layer, Role::Planes, Tensor::from_u32(shape, quant::pack(&codes, inputs, bits)));
        self.put(layer, Role::WeightBasis, Tensor::from_f32(vec![bits, outputs], bases));
    }

    /// The batch norm `name` with the mean that it has by now; none if it was not changed.
    pub(super) fn batch_norm(&self, name: &str, op: &Op) -> Option<Layer> {
        let Op::BatchNorm { epsilon } = op else { return None };
        self.changed.get(name)?;
        let rows = self.tensors.get(&format!("{name}/{}", Role::BatchNorm.suffix()))?;
        Some(affine(rows.f32(), *epsilon))
    }

    /// The network and all its parameters.
    pub(super) fn finish(self) -> Result<(Graph, BTreeMap<String, Tensor>), String> {
        Ok((Graph::new(self.nodes)?, self.tensors))
    }
}

/// The batch norm that alone reads convolution `id`, if that has no bias.
fn norm_for_constants(graph: &Graph, id: NodeId) -> Option<&Node> {
    let mut readers = graph.consumers(id);
    let norm = readers.next().filter(|_| readers.next().is_none()).map(|reader| &graph.nodes()[reader]);
    let has_bias = matches!(graph.nodes()[id].op, Op::Conv { bias: true, .. });
    norm.filter(|reader| !has_bias && matches!(reader.op, Op::BatchNorm { .. }))
}

/// The network with the biases that convolutions get when they are stored, as far as something before them is quantized, or
/// their weights are.
pub(super) fn with_biases(graph: &Graph) -> Result<Graph, String> {
    let mut nodes = graph.nodes().to_vec();
    let mut changed = vec![false; nodes.len()];
    for (id, node) in nodes.iter_mut().enumerate() {
        let reads_changed = node.inputs.iter().any(|&input| changed[input]);
        let is_quantized = matches!(node.op, Op::Quantize { .. } | Op::Conv { weights: Weights::Planes { .. }, .. });
        changed[id] = reads_changed || is_quantized;
        if let (Op::Conv { bias, .. }, true, None) = (&mut node.op, changed[id], norm_for_constants(graph, id)) {
            *bias = true;
        }
    }
    Graph::new(nodes)
}
