//! The network that the arguments name.

use super::args::TrainArgs;
use crate::cli::network::Ends;
use crate::convert::{Checkpoint, ConvertOptions, CustomNetwork, Unquantized, convert, convert_graph};
use crate::error::{Error, Result};
use crate::format::Packed;
use crate::graph::{Node, Op, Weights};
use crate::quantize::LayerBits;
use crate::train::Subject;
use crate::zoo::{self, Uniform};
use std::path::Path;

/// The network of a graph file, or one of the zoo with as many classes as the pictures have, whose names become its labels.
pub(super) fn subject(
    args: &TrainArgs,
    own: Option<CustomNetwork>,
    classes: Option<Vec<String>>,
    count: usize,
) -> Result<Subject> {
    if let (Some(path), Some(mut network)) = (&args.graph, own) {
        let found = network.graph.classes();
        if found != count {
            let problem = format!("the network has {found} classes, the pictures have {count}");
            return Err(Error::bad_model(path, problem));
        }
        if network.labels.is_empty() {
            network.labels = classes.unwrap_or_default();
        }
        return Ok(Subject { network, arch: None });
    }
    let id = args.id.as_deref().unwrap_or_default();
    let found = zoo::find(id).map_err(Error::Usage)?;
    let widths = Uniform {
        weights: args.bits.weights.map_or(Weights::Float, |bits| Weights::Planes { bits }),
        activation_bits: args.bits.activations,
    };
    let ends = Ends { widths, classes: Some(count), input_size: args.input_size };
    let definition = found.build(&ends).map_err(Error::Usage)?;
    if let Some(copies) = definition.copies {
        let problem = format!(
            "layer '{}' of {id} is stored in another way than it is run; train its graph instead",
            copies.layer
        );
        return Err(Error::Usage(format!("{problem}: lq-infer graph {id} -o net.json, then --graph net.json")));
    }
    let is_quantizer = |node: &Node| matches!(node.op, Op::Quantize { .. });
    if let (Some(bits), false) = (args.bits.activations, definition.graph.nodes().iter().any(is_quantizer)) {
        let (weights, known) = (LayerBits { activations: None, ..args.bits }, definition.graph.widths());
        let problem = format!("{id} has no quantizers of activations ({known}), so {bits} bits of them cannot be had");
        return Err(Error::Usage(format!("{problem}; give --bits {weights}")));
    }
    let network = CustomNetwork::of_definition(id, definition, classes.unwrap_or_default()).map_err(Error::Usage)?;
    Ok(Subject { network, arch: Some(id.to_owned()) })
}

/// A network in float, as `convert` reads it.
pub(super) fn float(path: &Path) -> Result<Packed> {
    let checkpoint = Checkpoint::open(path)?;
    let options = ConvertOptions { unquantized: Unquantized::Expected, ..ConvertOptions::default() };
    let has_graph = path.extension().is_some_and(|e| e == "safetensors") && CustomNetwork::read(path).is_ok();
    let conversion = match has_graph {
        true => convert_graph(&checkpoint, &CustomNetwork::read(path)?, &options, &|_, _| {}),
        false => convert(&checkpoint, &options, &|_, _| {}),
    }?;
    let is_quantized = |spec: &crate::graph::ParamSpec| spec.role == crate::graph::Role::Planes;
    let specs = conversion.packed.header.graph.parameters().unwrap_or_default();
    match specs.iter().any(is_quantized) {
        true => Err(Error::bad_checkpoint(path, "is quantized; a network in float is needed here")),
        false => Ok(conversion.packed),
    }
}
