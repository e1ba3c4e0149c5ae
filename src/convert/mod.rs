//! Conversion: checkpoint reader -> name rules -> network definition (zoo) -> bound parameters -> packed model.

mod bind;
pub mod checkpoint;
mod element;
mod locate;
mod names;
pub mod npz;
mod pickle;
mod recognize;
pub mod safetensors;
mod sstable;
pub mod tf_bundle;
pub mod torch;
mod views;
mod zip_directory;

use crate::error::{Error, Result};
use crate::format::{Header, Packed, Source, VERSION, npy};
use crate::graph::preprocess::{ChannelOrder, Normalize};
use crate::graph::{Graph, Op, Tensor, Weights};
use crate::zoo::{Definition, Network};
use checkpoint::Checkpoint;
use std::path::{Path, PathBuf};

/// What a checkpoint does not say.
#[derive(Clone, Debug, Default)]
pub struct ConvertOptions {
    /// Id of the network; recognised from names and shapes if absent.
    pub arch: Option<String>,
    /// One label per class; those of the network's usual data set if absent and of the right count.
    pub labels: Option<Vec<String>>,
    /// `.npy` file with the per-pixel mean of the training pictures, `[height, width, 3]` RGB, for networks that use one.
    pub mean_image: Option<PathBuf>,
    /// Height and width of the pictures; those of the original network if absent.
    pub input_size: Option<usize>,
    /// Name of the model; network and bit widths if absent.
    pub name: Option<String>,
}

/// Converts the checkpoint that `path` means (see [`Checkpoint::open`]). The result has no golden
/// vectors yet. `progress` is told (done, total) parameters.
pub fn convert(path: &Path, options: &ConvertOptions, progress: &dyn Fn(usize, usize)) -> Result<Packed> {
    let checkpoint = Checkpoint::open(path)?;
    let bad = |problem: String| Error::bad_checkpoint(checkpoint.path(), problem);
    let (network, definition) = recognize::recognize(&checkpoint, options).map_err(bad)?;
    let params = bind::bind(&checkpoint, &definition.graph, progress)?;
    let Definition { graph, mut preprocess } = definition;
    let mean_image = match &options.mean_image {
        None => None,
        Some(file) => Some(mean_image(file, &graph, &mut preprocess.normalize, preprocess.channels)?),
    };
    let classes = graph.facts().map_err(bad)?.last().map_or(0, |f| f.shape.elements());
    let header = Header {
        version: VERSION,
        name: options.name.clone().unwrap_or_else(|| format!("{} {}", network.id, widths(&graph))),
        network: network.id.to_owned(),
        labels: labels(options, network, classes)?,
        graph,
        preprocess,
        source: Source {
            kind: checkpoint.kind().to_string(),
            file: checkpoint.path().file_name().unwrap_or_default().to_string_lossy().into_owned(),
            sha256: checkpoint.sha256()?,
            converter: concat!("lq-infer ", env!("CARGO_PKG_VERSION")).to_owned(),
        },
        golden: Vec::new(),
    };
    let packed = Packed { header, params, mean_image };
    packed.check().map_err(bad)?;
    Ok(packed)
}

fn labels(options: &ConvertOptions, network: &Network, classes: usize) -> Result<Vec<String>> {
    match &options.labels {
        Some(given) if given.len() != classes => {
            Err(Error::Usage(format!("{} labels were given, the network has {classes} classes", given.len())))
        }
        Some(given) => Ok(given.clone()),
        None if network.labels().count() == classes => Ok(network.labels().map(str::to_owned).collect()),
        None => Ok(Vec::new()),
    }
}

/// "2/2", or every width that occurs, as in "1,2/2"; 32 stands for float.
pub fn widths(graph: &Graph) -> String {
    let join = |pick: &dyn Fn(&Op) -> Option<usize>| {
        let set: std::collections::BTreeSet<usize> = graph.nodes().iter().filter_map(|n| pick(&n.op)).collect();
        if set.is_empty() {
            return "32".to_owned();
        }
        set.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    };
    let weights = join(&|op| match op {
        Op::Conv { weights: Weights::Planes { bits }, .. } => Some(*bits),
        _ => None,
    });
    let activations = join(&|op| if let Op::Quantize { bits, .. } = op { Some(*bits) } else { None });
    format!("{weights}/{activations}")
}

/// Reads a mean image and makes the preprocessing use it.
fn mean_image(file: &Path, graph: &Graph, normalize: &mut Normalize, order: ChannelOrder) -> Result<Tensor> {
    let Normalize::TensorOnly { range } = *normalize else {
        return Err(Error::Usage("this network subtracts one mean per channel and takes no mean image".into()));
    };
    let bytes = std::fs::read(file).map_err(|e| Error::io(file, e))?;
    let (shape, mut data) = npy::read_f32(&bytes).map_err(|problem| Error::bad_input(file, problem))?;
    let input = graph.input_shape();
    if shape != [input.h, input.w, 3] {
        let expected = [input.h, input.w, 3];
        return Err(Error::bad_input(file, format!("mean image has shape {shape:?}, expected {expected:?}")));
    }
    if let Some(v) = data.iter().find(|v| !(0.0..=255.0).contains(*v)) {
        return Err(Error::bad_input(file, format!("mean image has the value {v}, expected 0 to 255")));
    }
    if order == ChannelOrder::Bgr {
        data.chunks_exact_mut(3).for_each(<[f32]>::reverse);
    }
    *normalize = Normalize::MeanImage { divide: 255.0 / range };
    Ok(Tensor::from_f32(shape, data))
}
