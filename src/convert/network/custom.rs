//! Networks of the user's own: a graph as JSON, or built with a [`GraphBuilder`](crate::graph::GraphBuilder).

use super::mean_image::WHITE;
use crate::convert::readers::safetensors;
use crate::error::{Error, Result};
use crate::files::{RegularFile, read_text};
use crate::format::{GRAPH_KEY, Header, MAX_HEADER, check_ends, parse_versioned};
use crate::graph::Graph;
use crate::graph::preprocess::{Normalize, Preprocess};
use crate::quant::Ties;
use crate::zoo::Definition;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The version of graph files that this crate reads.
pub const GRAPH_VERSION: u32 = 1;
/// A network of the user's own without its weights: what a graph file holds (`models/README.md` is its specification).
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
        let text = if exported { read_exported(path)? } else { read_text(path, MAX_HEADER)? };
        Self::parse(&text).map_err(|problem| Error::bad_model(path, problem))
    }

    /// A network of the zoo, or another definition, as a network of one's own. Labels are left out unless there is one
    /// for each class.
    ///
    /// # Errors
    /// The parts do not belong together.
    pub fn of_definition(name: &str, definition: Definition, labels: Vec<String>) -> Result<Self, String> {
        let Definition { graph, preprocess, weight_ties, .. } = definition;
        let labels = if labels.len() == graph.classes() { labels } else { Vec::new() };
        let preprocess = without_mean_image(preprocess);
        let network =
            CustomNetwork { version: GRAPH_VERSION, name: name.to_owned(), graph, preprocess, labels, weight_ties };
        network.check().map(|()| network)
    }

    /// The network of a packed file. A mean image is apart from it: [`super::export_float`] writes it as a variable.
    pub(super) fn of(header: &Header) -> Self {
        let preprocess = without_mean_image(header.preprocess.clone());
        let suffix = format!(" {}", header.graph.widths());
        let name = header.name.strip_suffix(&suffix).unwrap_or(&header.name).to_owned();
        let (graph, labels) = (header.graph.clone(), header.labels.clone());
        // Exported weights lie on levels, and so on no threshold.
        CustomNetwork { version: GRAPH_VERSION, name, graph, preprocess, labels, weight_ties: Ties::default() }
    }

    /// Parses the text of a graph file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let network: CustomNetwork = parse_versioned(text, "graph file", GRAPH_VERSION)?;
        network.check()?;
        Ok(network)
    }

    /// Checks that graph, preprocessing and labels belong together.
    pub(in crate::convert) fn check(&self) -> Result<(), String> {
        if let Normalize::MeanImage { .. } = self.preprocess.normalize {
            return Err("a mean image is given at conversion; until then, the network is \"tensor-only\"".into());
        }
        check_ends(&self.graph, &self.preprocess, &self.labels)
    }

    /// The network as a definition of the zoo gives it.
    pub fn definition(&self) -> Definition {
        let CustomNetwork { graph, preprocess, weight_ties, .. } = self.clone();
        Definition { graph, preprocess, weight_ties, copies: None }
    }
}

/// Preprocessing whose mean image is given elsewhere.
fn without_mean_image(mut preprocess: Preprocess) -> Preprocess {
    if let Normalize::MeanImage { divide } = preprocess.normalize {
        preprocess.normalize = Normalize::TensorOnly { range: WHITE / divide };
    }
    preprocess
}

fn read_exported(path: &Path) -> Result<String> {
    safetensors_entry(path, GRAPH_KEY)?
        .ok_or_else(|| Error::bad_model(path, "holds no graph; `lq-infer export` writes files that do"))
}

/// A metadata entry of a safetensors file, if it has it.
pub(crate) fn safetensors_entry(path: &Path, key: &str) -> Result<Option<String>> {
    let file = RegularFile::open(path)?;
    safetensors::metadata(&file, key).map_err(|problem| Error::bad_model(path, problem))
}
