//! The report on a graph whose parameters are bound.

use super::layers::{ConversionReport, FLOAT_BITS, LayerKind, LayerReport};
use super::weights::QuantizedWeights;
use super::{few_values, initial};
use crate::graph::{Encoding, Fact, Graph, Kind, Node, NodeId, Op, Params, Role, Weights};
use crate::quant::Levels;
use std::collections::{BTreeMap, BTreeSet};

/// A variance below this share of a batch norm's epsilon counts as 0.
const STILL: f64 = 1e-3;
/// Bytes of a float.
const FLOAT: usize = 4;

impl ConversionReport {
    /// The report on `graph`; `quantized` has the statistics of each layer with quantized weights.
    pub(in crate::convert) fn new(
        graph: &Graph,
        params: &Params,
        quantized: BTreeMap<String, QuantizedWeights>,
    ) -> Result<Self, String> {
        let (facts, nonnegative) = (graph.facts()?, graph.nonnegative());
        let mut assembler = Assembler { graph, facts, nonnegative, params, quantized };
        let layers = graph.nodes().iter().map(|node| assembler.layer(node)).collect::<Result<Vec<_>, _>>()?;
        Ok(ConversionReport { layers: layers.into_iter().flatten().collect() })
    }
}

struct Assembler<'a> {
    graph: &'a Graph,
    facts: Vec<Fact>,
    /// As [`Graph::nonnegative`] gives it.
    nonnegative: Vec<bool>,
    params: &'a Params,
    quantized: BTreeMap<String, QuantizedWeights>,
}

impl Assembler<'_> {
    /// The report on a node that has parameters.
    fn layer(&mut self, node: &Node) -> Result<Option<LayerReport>, String> {
        let (kind, numbers) = match &node.op {
            Op::Conv { outputs, window, weights, bias, groups } => {
                let [kh, kw] = window.kernel;
                let shape = [*outputs, kh, kw, self.facts[node.inputs[0]].shape.c / groups];
                let numbers = shape.iter().product::<usize>() + if *bias { *outputs } else { 0 };
                (self.conv(node, shape, *weights)?, numbers)
            }
            Op::Quantize { bits, encoding, .. } => (self.quantizer(node, *bits, *encoding)?, 0),
            Op::BatchNorm { epsilon } => self.batch_norm(node, *epsilon)?,
            _ => return Ok(None),
        };
        let (layer, packed_bytes) = (node.name.clone(), self.packed_bytes(node));
        Ok(Some(LayerReport { layer, kind, float_bytes: FLOAT * numbers, packed_bytes }))
    }

    fn conv(&mut self, node: &Node, shape: [usize; 4], weights: Weights) -> Result<LayerKind, String> {
        let quantized = self.quantized.remove(&node.name);
        let (weight_bits, constant_channels, few_values) = match (weights, &quantized) {
            (Weights::Planes { bits }, Some(quantized)) => (bits, quantized.constant_channels, None),
            (Weights::Planes { bits }, None) => (bits, 0, None),
            (Weights::Float, _) => {
                let weights = self.params.get(&node.name, Role::Weight)?.f32();
                let channels = weights.chunks(shape[1..].iter().product::<usize>().max(1));
                let few = few_values::of_channels(channels.clone());
                (FLOAT_BITS, channels.filter(|channel| channel.iter().all(|&w| w == 0.0)).count(), few)
            }
        };
        let activation_bits = self.activation_bits(node.inputs[0]);
        Ok(LayerKind::Conv { shape, weight_bits, activation_bits, constant_channels, few_values, quantized })
    }

    /// Bit widths of a layer's input, each once.
    fn activation_bits(&self, input: NodeId) -> Vec<usize> {
        let bits = |leaf: NodeId| match self.facts[leaf].kind {
            Kind::Codes { bits } => bits,
            Kind::Real | Kind::Mixed => FLOAT_BITS,
        };
        let widths: BTreeSet<usize> = self.graph.leaves(input).into_iter().map(bits).collect();
        widths.into_iter().collect()
    }

    fn quantizer(&self, node: &Node, bits: usize, encoding: Encoding) -> Result<LayerKind, String> {
        let basis = self.params.get(&node.name, Role::ActivationBasis)?.f32().to_vec();
        let levels = Levels::of_activations(&basis, encoding).values;
        let initial_basis = initial::is_of_activations(&basis);
        let negative = levels.iter().filter(|&&level| level < 0.0).count();
        // Numbers from 0 up can get the highest negative level only if the threshold above it is not negative; with
        // levels on both sides of 0 in equal number it is 0.
        let unreachable = self.nonnegative[node.inputs[0]] && 2 * negative >= levels.len();
        let unreachable_levels = if unreachable { negative } else { 0 };
        Ok(LayerKind::Quantizer { bits, basis, levels, initial_basis, unreachable_levels })
    }

    /// The kind of a batch norm, and how many numbers it has.
    fn batch_norm(&self, node: &Node, epsilon: f64) -> Result<(LayerKind, usize), String> {
        let rows = self.params.get(&node.name, Role::BatchNorm)?.f32();
        let channels = rows.len() / 4;
        let (gamma, variance) = (&rows[..channels], &rows[3 * channels..]);
        let zero_gains = gamma.iter().filter(|&&g| g == 0.0).count();
        let still_channels = variance.iter().filter(|&&v| f64::from(v) <= STILL * epsilon).count();
        Ok((LayerKind::BatchNorm { channels, zero_gains, still_channels }, rows.len()))
    }

    fn packed_bytes(&self, node: &Node) -> usize {
        let roles = [Role::Weight, Role::Planes, Role::WeightBasis, Role::Bias, Role::BatchNorm];
        roles.iter().filter_map(|&role| self.params.get(&node.name, role).ok()).map(|t| t.bytes().len()).sum()
    }
}
