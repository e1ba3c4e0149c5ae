//! Conversion: checkpoint reader -> name rules -> network definition (zoo) -> bound parameters -> packed model.

mod bind;
pub mod checkpoint;
mod custom;
mod element;
mod export;
mod found;
mod layout;
mod locate;
mod mean_image;
mod names;
pub mod npz;
mod pickle;
mod recognize;
pub mod report;
pub mod safetensors;
mod sstable;
pub mod stream;
mod strided;
pub mod tf_bundle;
mod tf_proto;
pub mod torch;
mod views;
mod zip_directory;

use crate::error::{Error, Result};
use crate::format::{Header, Packed, Source, VERSION};
use crate::graph::{Graph, Op, Weights};
use crate::zoo::{Definition, Network};
use checkpoint::Checkpoint;
use names::NameRules;
use recognize::Fit;
use report::ConversionReport;
use std::path::{Path, PathBuf};

pub use bind::Requirement;
pub use custom::{CustomNetwork, GRAPH_VERSION, convert_graph, plain_variables};
pub use export::export_float;

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

/// A converted checkpoint.
#[derive(Clone, Debug)]
pub struct Conversion {
    /// The model, without golden vectors.
    pub packed: Packed,
    /// What became of each layer.
    pub report: ConversionReport,
}

/// Converts the checkpoint that `path` means (see [`Checkpoint::open`]). `progress` is told (done, total) numbers.
pub fn convert(path: &Path, options: &ConvertOptions, progress: &dyn Fn(usize, usize)) -> Result<Conversion> {
    let checkpoint = Checkpoint::open(path)?;
    let bad = |problem: String| Error::bad_checkpoint(checkpoint.path(), problem);
    let Fit { network, definition, rules } = recognize::recognize(&checkpoint, options).map_err(bad)?;
    let labels = usual_labels(network, &definition.graph);
    pack(&checkpoint, definition, rules, Title { network: network.id, name: network.id, labels }, options, progress)
}

/// Ids of all networks that the checkpoint may be. Several fit if a checkpoint does not say what pictures it was trained on;
/// [`convert`] then takes the first with the classes of its usual data set, or just the first.
pub fn candidates(path: &Path, options: &ConvertOptions) -> Result<Vec<&'static str>> {
    let checkpoint = Checkpoint::open(path)?;
    let fits = recognize::fits(&checkpoint, options);
    let fits = fits.map_err(|problem| Error::bad_checkpoint(checkpoint.path(), problem))?;
    Ok(fits.iter().map(|fit| fit.network.id).collect())
}

/// What a packed file says about the network as such.
struct Title<'a> {
    network: &'a str,
    name: &'a str,
    labels: Vec<String>,
}

/// Binds the parameters of `definition` and adds what a packed file holds besides.
fn pack(
    checkpoint: &Checkpoint,
    mut definition: Definition,
    rules: &NameRules,
    title: Title,
    options: &ConvertOptions,
    progress: &dyn Fn(usize, usize),
) -> Result<Conversion> {
    let (params, report) = bind::bind(checkpoint, &definition, rules, progress)?;
    let mean_image = mean_image::find(checkpoint, options, &definition.graph, &mut definition.preprocess)?;
    let Definition { graph, preprocess, .. } = definition;
    let header = Header {
        version: VERSION,
        name: options.name.clone().unwrap_or_else(|| format!("{} {}", title.name, widths(&graph))),
        network: title.network.to_owned(),
        labels: labels(options, &graph, title.labels)?,
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
    packed.check().map_err(|problem| Error::bad_checkpoint(checkpoint.path(), problem))?;
    Ok(Conversion { packed, report })
}

/// Those of the data set that the network is usually trained on, if it has as many classes.
fn usual_labels(network: &Network, graph: &Graph) -> Vec<String> {
    let fits = network.labels().count() == graph.classes();
    network.labels().filter(|_| fits).map(str::to_owned).collect()
}

fn labels(options: &ConvertOptions, graph: &Graph, usual: Vec<String>) -> Result<Vec<String>> {
    let classes = graph.classes();
    match &options.labels {
        Some(given) if given.len() != classes => {
            Err(Error::Usage(format!("{} labels were given, the network has {classes} classes", given.len())))
        }
        Some(given) => Ok(given.clone()),
        None => Ok(usual),
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
