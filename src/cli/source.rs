//! The checkpoint that `convert` and `quantize` read, and what the caller knows of it.

use super::failure::Failure;
use super::files::{check_labels, read_labels, usage};
use super::output;
use crate::convert::{Checkpoint, Conversion, ConvertOptions, CustomNetwork, convert, convert_graph};
use crate::error::{Error, Result};
use crate::format::Packed;
use crate::session::{Engine, Model, add_golden_with};
use clap::Args;
use std::path::{Path, PathBuf};

/// What a checkpoint does not say.
#[derive(Args, Debug)]
pub(super) struct SourceArgs {
    /// Key of the state dict in a PyTorch checkpoint that holds several, such as state_dict_ema
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    /// Network id [default: recognized from names and shapes]
    #[arg(long, value_name = "ID")]
    arch: Option<String>,
    /// JSON file that describes a network of your own, whose weights the checkpoint holds (see models/README.md), or a
    /// .safetensors file written by `export`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["arch", "input_size"])]
    pub graph: Option<PathBuf>,
    /// What the names of the network's variables start with, such as "student." [default: found]
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    /// Text file with one label per line
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// .npy with the per-pixel mean of the training pictures, [H,W,3] RGB
    #[arg(long, value_name = "FILE")]
    mean_image: Option<PathBuf>,
    /// Height and width of the pictures, if not those of the original network
    #[arg(long, value_name = "PIXELS")]
    input_size: Option<usize>,
    /// Name stored in the model
    #[arg(long)]
    pub name: Option<String>,
}

impl SourceArgs {
    /// The checkpoint at `path`, which none of `outputs` may replace.
    pub(super) fn open<'a>(
        &self,
        path: &Path,
        outputs: impl IntoIterator<Item = &'a PathBuf>,
    ) -> Result<Checkpoint, Failure> {
        let checkpoint = match &self.key {
            None => Checkpoint::open(path)?,
            Some(key) => Checkpoint::open_state_dict(path, key)?,
        };
        match outputs.into_iter().find(|output| checkpoint.includes(output)) {
            Some(output) => Err(usage(output, "the output would replace the checkpoint")),
            None => Ok(checkpoint),
        }
    }

    /// These arguments as options of a conversion, but for the labels, which [`SourceArgs::convert`] sets.
    pub(super) fn options(&self) -> Result<ConvertOptions> {
        Ok(ConvertOptions {
            arch: self.arch.clone(),
            prefix: self.prefix.clone(),
            mean_image: self.mean_image.clone(),
            input_size: self.input_size,
            name: self.name.clone(),
            ..ConvertOptions::default()
        })
    }

    /// Converts a checkpoint with [`SourceArgs::options`] or more, and notes which other networks it may be.
    pub(super) fn convert(&self, checkpoint: &Checkpoint, options: &ConvertOptions) -> Result<Conversion> {
        let labels = self.labels.as_deref().map(|path| Ok((path, read_labels(path)?))).transpose()?;
        let bar = output::long_progress(0, "numbers");
        let conversion = match &self.graph {
            Some(graph) => convert_graph(checkpoint, &CustomNetwork::read(graph)?, options, &output::track(&bar)),
            None => convert(checkpoint, options, &output::track(&bar)),
        };
        bar.finish_and_clear();
        let mut conversion = conversion?;
        if let Some((path, labels)) = labels {
            check_labels(path, &labels, conversion.packed.header.graph.classes())?;
            conversion.packed.header.labels = labels;
        }
        let (chosen, others) = (&conversion.packed.header.network, &conversion.alternatives);
        if !others.is_empty() {
            output::note(&format!(
                "note: taken as {chosen}. The checkpoint does not say what pictures it was trained on; --arch {} fits as \
                 well.",
                others.join(" or ")
            ));
        }
        Ok(conversion)
    }
}

/// The model of what was made from `checkpoint`, with golden vectors that the reference computes.
pub(super) fn with_golden(checkpoint: &Path, packed: Packed) -> Result<Model> {
    let bar = output::long_progress(0, "golden images");
    let model = add_golden_with(packed, &Engine::reference(), &output::track(&bar)).map_err(|error| match error {
        // Lowering refused the network. The message should name the checkpoint, as there is no packed file yet.
        Error::BadModel { problem, .. } => Error::bad_checkpoint(checkpoint, problem),
        other => other,
    });
    bar.finish_and_clear();
    model
}
