//! The state of a training as a file: a safetensors of 32-bit floats in the plain naming (`models/README.md`), which
//! `convert` and `quantize` read and PyTorch loads, with the optimizer's averages beside the parameters
//! (`training.NAME.momentum`), a graph file, and the settings and the position as JSON.

use super::network::Network;
use super::parameter::{Kept, Part};
use super::progress::Position;
use super::settings::Settings;
use crate::convert::{Checkpoint, CustomNetwork, plain_variables, safetensors_entry};
use crate::error::{Error, Result};
use crate::files::Staged;
use crate::format::{GRAPH_KEY, stage_tensors};
use crate::graph::{Op, Role, Tensor};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The metadata entry with what is no tensor.
const TRAINING_KEY: &str = "lq-infer-training";
/// The version that this crate writes, and the only one that it reads.
const VERSION: u32 = 1;
/// Variable of the mean image, `[h, w, 3]` RGB.
const MEAN_IMAGE: &str = "preprocess.mean_image";

/// What a state holds besides its tensors and its network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    version: u32,
    /// Id of the network in the zoo, if it is there.
    pub arch: Option<String>,
    pub settings: Settings,
    pub position: Position,
    /// Digest of the pictures' classes, by which another dataset is noticed.
    pub data: u32,
}

impl Record {
    pub(super) fn new(arch: Option<String>, settings: Settings, position: Position, data: u32) -> Self {
        Record { version: VERSION, arch, settings, position, data }
    }
}

/// Where a kept part of a layer is in the file.
struct Variable {
    name: String,
    shape: Vec<usize>,
    /// Taps and input channels of weights, which the file has in PyTorch's order.
    weights: Option<[usize; 2]>,
}

/// The variables of all layers.
fn variables(definition: &CustomNetwork) -> Result<BTreeMap<(String, Part), Variable>, String> {
    let definition = definition.definition();
    let (graph, facts) = (&definition.graph, definition.graph.facts()?);
    let mut sizes = BTreeMap::new();
    for node in graph.nodes() {
        if let Op::Conv { window, groups, .. } = &node.op {
            sizes.insert(node.name.as_str(), [window.taps(), facts[node.inputs[0]].shape.c / groups]);
        }
    }
    let mut requirements = plain_variables(&definition)?.into_iter();
    let mut all = BTreeMap::new();
    for spec in graph.parameters()? {
        let parts: &[Part] = match spec.role {
            Role::Weight | Role::Planes => &[Part::Weight],
            Role::WeightBasis | Role::ActivationBasis => &[Part::Basis],
            Role::Bias => &[Part::Bias],
            Role::BatchNorm => &[Part::Gamma, Part::Beta, Part::Mean, Part::Variance],
        };
        for &part in parts {
            let requirement = requirements.next().ok_or_else(|| format!("layer '{}' has no variable", spec.layer))?;
            let shape = requirement.shapes.into_iter().next().unwrap_or_default();
            let weights = (part == Part::Weight).then(|| sizes.get(spec.layer.as_str()).copied()).flatten();
            all.insert((spec.layer.clone(), part), Variable { name: requirement.variable, shape, weights });
        }
    }
    Ok(all)
}

impl Variable {
    fn momentum(&self) -> String {
        format!("training.{}.momentum", self.name)
    }

    /// Numbers in the file's order.
    fn written(&self, own: &[f32]) -> Vec<f32> {
        let mut file = own.to_vec();
        if let Some([taps, inputs]) = self.weights {
            for (to, from) in file.chunks_exact_mut(taps * inputs).zip(own.chunks_exact(taps * inputs)) {
                (0..taps * inputs).for_each(|at| to[at] = from[at % taps * inputs + at / taps]);
            }
        }
        file
    }

    /// Numbers in the order of steps.
    fn read(&self, file: &[f32]) -> Vec<f32> {
        let mut own = file.to_vec();
        if let Some([taps, inputs]) = self.weights {
            for (to, from) in own.chunks_exact_mut(taps * inputs).zip(file.chunks_exact(taps * inputs)) {
                (0..taps * inputs).for_each(|at| to[at % taps * inputs + at / taps] = from[at]);
            }
        }
        own
    }
}

/// Writes the state, to take the place of `path`.
pub(super) fn stage(
    path: &Path,
    definition: &CustomNetwork,
    network: &mut Network<f32>,
    mean_image: Option<&[f32]>,
    record: &Record,
) -> Result<Staged> {
    let variables = variables(definition).map_err(Error::Usage)?;
    let mut tensors: BTreeMap<String, Tensor> = BTreeMap::new();
    network.kept(&mut |layer, part, kept| {
        let Some(variable) = variables.get(&(layer.to_owned(), part)) else { return };
        let mut put = |name: String, numbers: &[f32]| {
            tensors.insert(name, Tensor::from_f32(variable.shape.clone(), variable.written(numbers)));
        };
        match kept {
            Kept::Parameter(parameter) => {
                put(variable.name.clone(), &parameter.values);
                put(variable.momentum(), &parameter.momentum);
            }
            Kept::Statistic(numbers) => put(variable.name.clone(), numbers),
            Kept::Basis(basis) => put(variable.name.clone(), basis),
        }
    });
    if let Some(mean) = mean_image {
        let shape = definition.graph.input_shape();
        tensors.insert(MEAN_IMAGE.into(), Tensor::from_f32(vec![shape.h, shape.w, shape.c], mean.to_vec()));
    }
    let text = |problem: serde_json::Error| Error::Usage(problem.to_string());
    let entries = HashMap::from([
        (GRAPH_KEY.to_owned(), serde_json::to_string(definition).map_err(text)?),
        (TRAINING_KEY.to_owned(), serde_json::to_string(record).map_err(text)?),
    ]);
    stage_tensors(path, &tensors, entries)
}

/// A state that was read.
pub(super) struct Loaded {
    pub definition: CustomNetwork,
    pub record: Record,
    checkpoint: Checkpoint,
}

/// Opens the state in a file.
pub(super) fn open(path: &Path) -> Result<Loaded> {
    let bad = |problem: String| Error::bad_checkpoint(path, problem);
    let entry = safetensors_entry(path, TRAINING_KEY)?;
    let text = entry.ok_or_else(|| bad("is no state of a training; `lq-infer train` writes such files".into()))?;
    let record: Record =
        serde_json::from_str(&text).map_err(|e| bad(format!("its record of the training is damaged: {e}")))?;
    if record.version != VERSION {
        return Err(bad(format!("has version {}, supported is {VERSION}", record.version)));
    }
    record.settings.check().map_err(|error| bad(error.to_string()))?;
    let graph = safetensors_entry(path, GRAPH_KEY)?.ok_or_else(|| bad("holds no graph".into()))?;
    let definition = CustomNetwork::parse(&graph).map_err(bad)?;
    Ok(Loaded { definition, record, checkpoint: Checkpoint::open(path)? })
}

impl Loaded {
    /// Puts the tensors into a network.
    pub(super) fn restore(&self, network: &mut Network<f32>) -> Result<()> {
        let variables = variables(&self.definition).map_err(Error::Usage)?;
        let bad = |problem: String| Error::bad_checkpoint(self.checkpoint.path(), problem);
        let mut result = Ok(());
        network.kept(&mut |layer, part, kept| {
            let Some(variable) = variables.get(&(layer.to_owned(), part)) else { return };
            let take = |name: &str, to: &mut Vec<f32>| {
                let numbers = self.checkpoint.read_f32(name)?;
                if numbers.len() != to.len() {
                    return Err(bad(format!("'{name}' has {} numbers, expected {}", numbers.len(), to.len())));
                }
                *to = variable.read(&numbers);
                Ok(())
            };
            let taken = match kept {
                Kept::Parameter(parameter) => take(&variable.name, &mut parameter.values)
                    .and_then(|()| take(&variable.momentum(), &mut parameter.momentum)),
                Kept::Statistic(numbers) => take(&variable.name, numbers),
                Kept::Basis(basis) => take(&variable.name, basis),
            };
            if result.is_ok() {
                result = taken;
            }
        });
        result
    }

    /// The mean image, if the network needs one.
    pub(super) fn mean_image(&self) -> Result<Option<Vec<f32>>> {
        let has = self.checkpoint.variables().contains_key(MEAN_IMAGE);
        has.then(|| self.checkpoint.read_f32(MEAN_IMAGE)).transpose()
    }
}
