//! Export: a model's network with float weights, in the plain naming, for any framework. Conversion takes it back.

use super::custom::CustomNetwork;
use super::layout::WeightDims;
use super::names::{MEAN_IMAGE, PLAIN};
use super::parameters::{Parameter, of_graph};
use crate::convert::readers::check_names;
use crate::error::{Error, Result};
use crate::files::Staged;
use crate::format::{self, Packed};
use crate::graph::preprocess::ChannelOrder;
use crate::graph::{Graph, Op, ParamSpec, Params, RealWeights, Role};
use crate::quant::{Levels, channel_basis};
use safetensors::{Dtype, View};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Writes the network of `packed` to `path` as safetensors of 32-bit floats; the file appears whole or not at all.
///
/// Tensors have the plain naming (`models/README.md`) and PyTorch's order. Quantized weights are given as the levels
/// they have, with the bases beside them. Every activation quantizer has, besides its basis, `levels` and
/// `thresholds`, both ascending: its output is `levels[i]` for a number above i thresholds. The metadata entry
/// `lq-infer-graph` is a graph file for it. [`crate::convert::convert_graph`] takes both back.
///
/// # Errors
/// [`Error::Usage`] if two layers would have one name, or a name that conversion refuses; [`Error::Io`] if the file
/// cannot be written, or its header would be too long to be read.
pub fn export_float(packed: &Packed, path: &Path) -> Result<()> {
    stage_float(packed, path)?.commit()
}

/// As [`export_float`], but the file takes its place only at [`Staged::commit`].
pub fn stage_float(packed: &Packed, path: &Path) -> Result<Staged> {
    let (tensors, graph) = floats(packed).map_err(Error::Usage)?;
    let entries = HashMap::from([(format::GRAPH_KEY.to_owned(), graph)]);
    format::stage_safetensors(path, tensors.iter().collect(), entries)
}

/// The tensors of the file, and its graph file.
fn floats(packed: &Packed) -> Result<(BTreeMap<String, Exported<'_>>, String), String> {
    let mut export = Export { graph: &packed.header.graph, params: &packed.params, tensors: BTreeMap::new() };
    for parameter in of_graph(export.graph)? {
        export.parameter(&parameter)?;
    }
    if let Some(mean) = &packed.mean_image {
        export.numbers(
            MEAN_IMAGE.to_owned(),
            mean.shape.clone(),
            rgb(mean.f32(), packed.header.preprocess.channels),
        )?;
    }
    check_names(export.tensors.keys())?;
    let graph = serde_json::to_string(&CustomNetwork::of(&packed.header)).map_err(|e| e.to_string())?;
    Ok((export.tensors, graph))
}

/// A picture with its channels in the order R, G, B.
fn rgb(picture: &[f32], order: ChannelOrder) -> Vec<f32> {
    let mut picture = picture.to_vec();
    if order == ChannelOrder::Bgr {
        picture.chunks_exact_mut(3).for_each(<[f32]>::reverse);
    }
    picture
}

struct Export<'a> {
    graph: &'a Graph,
    params: &'a Params,
    tensors: BTreeMap<String, Exported<'a>>,
}

impl<'a> Export<'a> {
    fn add(&mut self, name: String, shape: Vec<usize>, numbers: Numbers<'a>) -> Result<(), String> {
        match self.tensors.insert(name.clone(), Exported { shape, numbers }) {
            None => Ok(()),
            Some(_) => Err(format!("two layers would have the tensor '{name}'")),
        }
    }

    fn numbers(&mut self, name: String, shape: Vec<usize>, numbers: Vec<f32>) -> Result<(), String> {
        self.add(name, shape, Numbers::Few(numbers))
    }

    fn parameter(&mut self, parameter: &Parameter) -> Result<(), String> {
        let Parameter { spec: ParamSpec { role, layer, shape, .. }, dims } = parameter;
        let tensor = self.params.get(layer, *role)?;
        let name = |pattern: &str| PLAIN.name(pattern, layer);
        match role {
            Role::Weight => self.weights(name(PLAIN.weight[0]), *dims, RealWeights::Floats(tensor)),
            Role::Planes => {
                let basis = self.params.get(layer, Role::WeightBasis)?.f32();
                self.weights(name(PLAIN.weight[0]), *dims, RealWeights::Planes { planes: tensor, basis })
            }
            Role::WeightBasis => {
                let (bits, outputs) = (shape[0], shape[1]);
                let channels = (0..outputs).flat_map(|out| channel_basis(tensor.f32(), outputs, out));
                self.numbers(name(PLAIN.weight_basis), vec![outputs, bits], channels.collect())
            }
            Role::Bias => self.numbers(name(PLAIN.bias[0]), shape.clone(), tensor.f32().to_vec()),
            Role::BatchNorm => {
                let mut rows = PLAIN.batch_norm.iter().zip(tensor.f32().chunks(shape[1].max(1)));
                rows.try_for_each(|(pattern, row)| self.numbers(name(pattern), vec![shape[1]], row.to_vec()))
            }
            Role::ActivationBasis => self.quantizer(layer, tensor.f32()),
        }
    }

    fn weights(&mut self, name: String, dims: WeightDims, weights: RealWeights<'a>) -> Result<(), String> {
        self.add(name, PLAIN.layout.weight_shapes(&dims).swap_remove(0), Numbers::Weights { dims, weights })
    }

    fn quantizer(&mut self, layer: &str, basis: &[f32]) -> Result<(), String> {
        let node = self.graph.nodes().iter().find(|n| n.name == layer);
        let Some(Op::Quantize { encoding, .. }) = node.map(|n| &n.op) else {
            return Err(format!("layer '{layer}' is no quantizer"));
        };
        let levels = Levels::of_activations(basis, *encoding);
        self.numbers(PLAIN.name(PLAIN.activation_basis, layer), vec![basis.len()], basis.to_vec())?;
        self.numbers(PLAIN.name("{}.levels", layer), vec![levels.values.len()], levels.values)?;
        self.numbers(PLAIN.name("{}.thresholds", layer), vec![levels.thresholds.len()], levels.thresholds)
    }
}

/// A tensor of the file. Weights are made float when they are written: all together may not fit in memory.
struct Exported<'a> {
    shape: Vec<usize>,
    numbers: Numbers<'a>,
}

enum Numbers<'a> {
    Few(Vec<f32>),
    /// In PyTorch's order.
    Weights {
        dims: WeightDims,
        weights: RealWeights<'a>,
    },
}

impl View for &Exported<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut bytes = Vec::with_capacity(self.data_len());
        let mut put = |number: f32| bytes.extend_from_slice(&number.to_le_bytes());
        match &self.numbers {
            Numbers::Few(numbers) => numbers.iter().for_each(|&number| put(number)),
            Numbers::Weights { dims, weights } => {
                for output in 0..dims.outputs {
                    let channel = weights.channel(output, dims.inputs);
                    (0..dims.rows()).for_each(|flat| put(channel[dims.row(flat)]));
                }
            }
        }
        Cow::Owned(bytes)
    }

    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * size_of::<f32>()
    }
}
