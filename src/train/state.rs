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

#[cfg(test)]
mod tests {
    use crate::convert::{Checkpoint, ConvertOptions, CustomNetwork, GRAPH_VERSION, convert_graph};
    use crate::graph::preprocess::{ChannelOrder, Filter, Normalize, Preprocess, Resize};
    use crate::graph::{GraphBuilder, Role, Ties, Weights};
    use crate::quant::channel_basis;
    use crate::random::Rng;
    use crate::tensor::{Shape, Window};
    use crate::train::{Augment, Dataset, On, Schedule, Settings, Start, Subject, Trainer};
    use std::path::Path;

    fn network() -> CustomNetwork {
        let mut b = GraphBuilder::new(Shape { h: 8, w: 8, c: 3 });
        let x = b.conv("a/first", b.input(), 8, Window::padded(3, 1, 1), Weights::Float);
        let x = b.bn_relu("a", x);
        let x = b.quantize("a/quant", x, 2);
        let x = b.conv("a/second", x, 6, Window::padded(3, 2, 1), Weights::Planes { bits: 3 });
        let x = b.bn_relu("b", x);
        b.dense("dense", x, 3, [4, 4]);
        let resize = Resize { shorter_edge: 8, filter: Filter::PillowBilinear, crop: [8; 2], stretch: None };
        let normalize = Normalize::Channel { mean: [0.5; 3], std: [0.25; 3] };
        CustomNetwork {
            version: GRAPH_VERSION,
            name: "small".into(),
            graph: b.finish().unwrap(),
            preprocess: Preprocess { resize, channels: ChannelOrder::Rgb, normalize },
            labels: Vec::new(),
            weight_ties: Ties::Below,
        }
    }

    /// 40 random pictures in three classes, in the format of CIFAR-10.
    fn dataset(folder: &Path) -> Dataset {
        let mut rng = Rng::new(1);
        let mut record = |class: u8| {
            let pixels: Vec<u8> = (0..3072).map(|_| rng.bits() as u8 / 2 + 40 * class).collect();
            [vec![class], pixels].concat()
        };
        let bytes: Vec<u8> = (0..40).flat_map(|at| record((at % 3) as u8)).collect();
        let path = folder.join("data_batch_1.bin");
        std::fs::write(&path, bytes).unwrap();
        Dataset::of_cifar(&[path], &network().preprocess.resize).unwrap()
    }

    /// The state after two epochs, with an interruption after `stop` steps if one is given.
    fn trained(data: &Dataset, file: &Path, stop: Option<usize>) -> Vec<u8> {
        let settings = Settings {
            epochs: 2,
            batch: 18,
            rate: 0.05,
            schedule: Schedule::Cosine,
            warmup: 0.0,
            momentum: 0.9,
            decay: 1e-4,
            smoothing: 0.0,
            teacher: 0.0,
            augment: Augment::Shift,
            mirror: true,
            seed: 3,
        };
        let subject = Subject { network: network(), arch: None };
        let mut trainer = Trainer::new(&On::Cpu, subject, settings, Start::Random, data).unwrap();
        for step in 0..4 {
            if stop == Some(step) {
                trainer.save(file).unwrap();
                trainer = Trainer::resume(&On::Cpu, file, data).unwrap();
            }
            trainer.step(data).unwrap();
            if trainer.is_epoch_done(data) {
                trainer.end_epoch(None, data).unwrap();
            }
        }
        assert!(trainer.is_done());
        trainer.save(file).unwrap();
        std::fs::read(file).unwrap()
    }

    #[test]
    fn threads_and_interruptions_leave_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let (data, file) = (dataset(folder.path()), folder.path().join("state.safetensors"));
        let expected = trained(&data, &file, None);
        for threads in 1..=3 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert!(pool.install(|| trained(&data, &file, None)) == expected, "{threads} threads");
        }
        (0..4).for_each(|stop| assert!(trained(&data, &file, Some(stop)) == expected, "stopped before step {stop}"));
    }

    #[test]
    fn a_state_converts_to_what_was_trained() {
        let folder = tempfile::tempdir().unwrap();
        let (data, file) = (dataset(folder.path()), folder.path().join("state.safetensors"));
        trained(&data, &file, None);
        let (checkpoint, network) = (Checkpoint::open(&file).unwrap(), CustomNetwork::read(&file).unwrap());
        let packed = convert_graph(&checkpoint, &network, &ConvertOptions::default(), &|_, _| {}).unwrap().packed;
        assert_eq!(packed.header.name, "small 3/2");
        let basis = packed.params.get("a/second", Role::WeightBasis).unwrap().f32();
        let own = checkpoint.read_f32("a.second.basis").unwrap();
        (0..6).for_each(|output| assert_eq!(channel_basis(basis, 6, output), own[3 * output..3 * (output + 1)]));
        let dense = packed.params.get("dense", Role::Weight).unwrap().f32();
        let own = checkpoint.read_f32("dense.weight").unwrap();
        // [out, h, w, in] there, [out, in, h, w] here.
        assert_eq!((dense[6], dense[1]), (own[1], own[16]));
    }
}
