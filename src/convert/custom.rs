//! Networks of one's own: a graph as JSON, or built with a [`GraphBuilder`](crate::graph::GraphBuilder), and a checkpoint
//! with the weights of its layers.

use super::bind::{Requirement, requirements};
use super::checkpoint::{Checkpoint, map, open_regular};
use super::export::GRAPH_KEY;
use super::mean_image::WHITE;
use super::names::PLAIN;
use super::stream::DataFile;
use super::{Conversion, ConvertOptions, Title, pack, recognize, safetensors, widths};
use crate::error::{Error, Result};
use crate::format::{Header, check_ends};
use crate::graph::Graph;
use crate::graph::preprocess::{Normalize, Preprocess};
use crate::quant::Ties;
use crate::zoo::Definition;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::Path;

/// The version of graph files that this crate reads.
pub const GRAPH_VERSION: u32 = 1;
/// Id in the packed file of networks that are not in the zoo.
const NETWORK: &str = "custom";
/// Longest graph file that is read; the largest network of the zoo takes about 100 kB.
const MAX_FILE: u64 = 8 << 20;

/// A network of one's own without its weights: what a graph file holds (`models/README.md` is its specification).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomNetwork {
    /// [`GRAPH_VERSION`].
    pub version: u32,
    /// Name of the model, to which its bit widths are added.
    pub name: String,
    /// The layers, as in a packed file.
    pub graph: Graph,
    /// From pictures to the first layer's tensor.
    pub preprocess: Preprocess,
    /// One label per class, or none.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Level of a float weight that equals a threshold.
    #[serde(default)]
    pub weight_ties: Ties,
}

impl CustomNetwork {
    /// Reads a graph file, or the one inside a `.safetensors` that [`super::export_float`] wrote.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::BadModel`] with the layer, what it has and what it needs.
    pub fn read(path: &Path) -> Result<Self> {
        let exported = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("safetensors"));
        let text = if exported { read_exported(path)? } else { read_text(path)? };
        Self::parse(&text).map_err(|problem| Error::bad_model(path, problem))
    }

    /// The network of a packed file. A mean image is apart from it: [`super::export_float`] writes it as a variable.
    pub(super) fn of(header: &Header) -> Self {
        let mut preprocess = header.preprocess.clone();
        if let Normalize::MeanImage { divide } = preprocess.normalize {
            preprocess.normalize = Normalize::TensorOnly { range: WHITE / divide };
        }
        let suffix = format!(" {}", widths(&header.graph));
        let name = header.name.strip_suffix(&suffix).unwrap_or(&header.name).to_owned();
        let (graph, labels) = (header.graph.clone(), header.labels.clone());
        // Exported weights lie on levels, and so on no threshold.
        CustomNetwork { version: GRAPH_VERSION, name, graph, preprocess, labels, weight_ties: Ties::default() }
    }

    /// Parses the text of a graph file.
    pub fn parse(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct VersionOnly {
            version: u32,
        }
        let VersionOnly { version } = serde_json::from_str(text).map_err(|e| format!("graph file: {e}"))?;
        if version != GRAPH_VERSION {
            return Err(format!("graph file of version {version}, this program reads version {GRAPH_VERSION}"));
        }
        let network: CustomNetwork = serde_json::from_str(text).map_err(|e| format!("graph file: {e}"))?;
        network.check()?;
        Ok(network)
    }

    /// Checks that graph, preprocessing and labels belong together.
    fn check(&self) -> Result<(), String> {
        if let Normalize::MeanImage { .. } = self.preprocess.normalize {
            return Err("a mean image is given at conversion; until then, the network is \"tensor-only\"".into());
        }
        check_ends(&self.graph, &self.preprocess, &self.labels)
    }

    /// What a definition of the zoo says.
    pub fn definition(&self) -> Definition {
        let CustomNetwork { graph, preprocess, weight_ties, .. } = self.clone();
        Definition { graph, preprocess, weight_ties, copies: None }
    }
}

fn read_text(path: &Path) -> Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|e| Error::io(path, e))?;
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(|e| Error::io(path, e))?;
    if text.len() as u64 > MAX_FILE {
        return Err(Error::bad_model(path, format!("a graph file of more than {MAX_FILE} bytes")));
    }
    Ok(text)
}

fn read_exported(path: &Path) -> Result<String> {
    let file = map(&DataFile(open_regular(path)?), path)?;
    let entry = safetensors::metadata(&file, GRAPH_KEY).map_err(|problem| Error::bad_model(path, problem))?;
    entry.ok_or_else(|| Error::bad_model(path, "holds no graph; `lq-infer export` writes files that do"))
}

/// Packs `network` with the weights of the checkpoint that `weights` means. Its variables are named by the network's layers,
/// in the plain naming or as one of the other sources does; float weights of quantized layers are quantized here.
/// `options.arch` and `options.input_size` do not apply. `progress` is told (done, total) numbers.
///
/// # Errors
/// [`Error::BadCheckpoint`] names the variable, what was found and what was expected. [`Error::Usage`] says what in `network`
/// or `options` does not belong together.
///
/// # Example
/// ```
/// use lq_infer::convert::{ConvertOptions, CustomNetwork, GRAPH_VERSION, convert_graph};
/// use lq_infer::graph::preprocess::{ChannelOrder, Filter, Normalize, Preprocess, Resize};
/// use lq_infer::graph::{GraphBuilder, Weights};
/// use lq_infer::tensor::{Shape, Window};
///
/// // A float convolution, a 2-bit quantizer, a 1-bit convolution and a float dense layer.
/// let mut b = GraphBuilder::new(Shape { h: 8, w: 8, c: 3 });
/// let x = b.conv("first", b.input(), 4, Window::padded(3, 2, 1), Weights::Float);
/// let x = b.batch_norm_with("norm", x, 1e-5);
/// let x = b.quantize("quant", x, 2);
/// let x = b.conv("second", x, 5, Window::valid(3, 1), Weights::Planes { bits: 1 });
/// let x = b.global_avg_pool("mean", x);
/// b.dense("last", x, 2, [1, 1]);
/// let network = CustomNetwork {
///     version: GRAPH_VERSION,
///     name: "tiny".into(),
///     graph: b.finish()?,
///     preprocess: Preprocess {
///         resize: Resize { shorter_edge: 8, filter: Filter::PillowBilinear, crop: [8, 8] },
///         channels: ChannelOrder::Rgb,
///         normalize: Normalize::Channel { mean: [0.5; 3], std: [0.25; 3] },
///     },
///     labels: vec!["cat".into(), "dog".into()],
///     weight_ties: Default::default(),
/// };
/// # let variables: [(&str, &[usize]); 10] = [
/// #     ("first.weight", &[4, 3, 3, 3]), ("norm.weight", &[4]), ("norm.bias", &[4]), ("norm.running_mean", &[4]),
/// #     ("norm.running_var", &[4]), ("quant.basis", &[2]), ("second.weight", &[5, 4, 3, 3]), ("second.basis", &[5, 1]),
/// #     ("last.weight", &[2, 5]), ("last.bias", &[2]),
/// # ];
/// # let numbers: Vec<u8> = (0..180).flat_map(|i| (0.01 + (i % 7) as f32).to_le_bytes()).collect();
/// # let views = variables.map(|(name, shape)| {
/// #     let bytes = &numbers[..4 * shape.iter().product::<usize>()];
/// #     (name, safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.to_vec(), bytes).unwrap())
/// # });
/// # let folder = tempfile::tempdir()?;
/// # let weights = folder.path().join("weights.safetensors");
/// # std::fs::write(&weights, safetensors::serialize(views, None)?)?;
/// // `weights` is a file with "first.weight" [4, 3, 3, 3], "norm.weight" [4], ..., "quant.basis" [2],
/// // "second.weight" [5, 4, 3, 3], "second.basis" [5, 1], "last.weight" [2, 5] and "last.bias" [2].
/// let packed = convert_graph(&weights, &network, &ConvertOptions::default(), &|_, _| {})?.packed;
/// assert_eq!(packed.header.name, "tiny 1/2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn convert_graph(
    weights: &Path,
    network: &CustomNetwork,
    options: &ConvertOptions,
    progress: &dyn Fn(usize, usize),
) -> Result<Conversion> {
    if options.arch.is_some() || options.input_size.is_some() {
        return Err(Error::Usage("a graph says itself which network it is and what size its pictures have".into()));
    }
    network.check().map_err(Error::Usage)?;
    let checkpoint = Checkpoint::open(weights)?;
    let definition = network.definition();
    let rules = recognize::source(&checkpoint, &definition)
        .map_err(|problem| Error::bad_checkpoint(checkpoint.path(), problem))?;
    let title = Title { network: NETWORK, name: &network.name, labels: network.labels.clone() };
    pack(&checkpoint, definition, rules, title, options, progress)
}

/// The variables that a network needs from a checkpoint in the plain naming, in order of the layers. Batch norms may go
/// without weight and bias.
pub fn plain_variables(definition: &Definition) -> Result<Vec<Requirement>, String> {
    requirements(definition, &PLAIN, &|_| true)
}
