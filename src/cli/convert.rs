//! `lq-infer convert`

use super::agreement::{self, Verification};
use super::export::written;
use super::failure::{Failure, Outcome};
use super::files::{need_file, read_labels, same_file, size, usage};
use super::preparation::PreparationArgs;
use super::{layers, output};
use crate::convert::report::{ConversionReport, Totals, Warning};
use crate::convert::{Checkpoint, Conversion, ConvertOptions, CustomNetwork, convert, convert_graph, stage_float};
use crate::error::Error;
use crate::files::Staged;
use crate::format::Packed;
use crate::quant::Encoding;
use crate::session::{DeviceSelector, Engine, Model, add_golden_with};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What `--json` prints.
#[derive(Serialize)]
struct Summary<'a> {
    name: &'a str,
    network: &'a str,
    source: &'a crate::format::Provenance,
    #[serde(flatten)]
    report: &'a ConversionReport,
    totals: Totals,
    warnings: Vec<Warning>,
    /// What the user should know of the checkpoint.
    notes: &'a [String],
    /// Ids of other networks that the checkpoint may be.
    alternatives: &'a [&'static str],
    verification: Option<&'a Verification>,
    /// The packed model, if one was written.
    output: Option<&'a Path>,
    /// The network with float weights, if it was written.
    float: Option<&'a Path>,
}

#[derive(Args, Debug)]
pub(super) struct ConvertArgs {
    /// Checkpoint: TensorFlow V2 (.index, prefix, `checkpoint` file or directory), tensorpack .npz, PyTorch .pt or
    /// .pth, a .safetensors of a state dict, or the .index.json of one in several files (or their directory)
    checkpoint: PathBuf,
    /// Packed model to write
    #[arg(short, long, value_name = "OUT", required_unless_present_any = ["float", "verify"])]
    output: Option<PathBuf>,
    /// Also write the network with float weights, as `export` does
    #[arg(long, value_name = "OUT")]
    float: Option<PathBuf>,
    /// Key of the state dict in a PyTorch checkpoint that holds several, such as state_dict_ema
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    /// Convert a checkpoint in which nothing is quantized, as it is
    #[arg(long)]
    allow_float: bool,
    /// Network id [default: recognized from names and shapes]
    #[arg(long, value_name = "ID")]
    arch: Option<String>,
    /// JSON file that describes a network of your own, whose weights the checkpoint holds (see models/README.md), or a
    /// .safetensors file written by `export`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["arch", "input_size"])]
    graph: Option<PathBuf>,
    /// What the names of the network's variables start with, such as "student." [default: found]
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    /// What the bits of activation codes mean: a clear bit adds nothing, or subtracts [default: as the network's code]
    #[arg(long, value_name = "CODES", conflicts_with = "graph")]
    encoding: Option<EncodingArg>,
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
    name: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    preparation: PreparationArgs,
    #[command(flatten)]
    verification: agreement::VerificationArgs,
}

/// An encoding, as an argument.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum EncodingArg {
    /// Codes of 0 and 1, as in the original code
    ZeroOne,
    /// Codes of -1 and 1, as in the paper's text
    PlusMinus,
}

impl From<EncodingArg> for Encoding {
    fn from(arg: EncodingArg) -> Self {
        match arg {
            EncodingArg::ZeroOne => Encoding::ZeroOne,
            EncodingArg::PlusMinus => Encoding::PlusMinus,
        }
    }
}

/// Runs the command.
pub(super) fn run(args: &ConvertArgs) -> Outcome {
    check_outputs(args)?;
    let checkpoint = match &args.key {
        None => Checkpoint::open(&args.checkpoint)?,
        Some(key) => Checkpoint::open_state_dict(&args.checkpoint, key)?,
    };
    check_sources(args, &checkpoint)?;
    let Conversion { mut packed, report, alternatives, notes } = conversion(args, &checkpoint)?;
    args.preparation.apply(&mut packed)?;
    let model = golden(args, packed)?;
    let verification = agreement::check(&args.verification, &model)?;
    let failure = verification.as_ref().and_then(Verification::failure);
    if failure.is_none() {
        write(args, &model)?;
    }
    let file = |path: &Option<PathBuf>| path.clone().filter(|_| failure.is_none());
    let (output, float) = (file(&args.output), file(&args.float));
    let header = model.header();
    let summary = Summary {
        name: &header.name,
        network: &header.network,
        source: &header.source,
        totals: report.totals(),
        warnings: report.warnings(),
        notes: &notes,
        alternatives: &alternatives,
        report: &report,
        verification: verification.as_ref(),
        output: output.as_deref(),
        float: float.as_deref(),
    };
    summary.warn(args, &model);
    if args.json {
        output::json(&summary)?
    } else {
        summary.print(&model)?
    }
    failure.map_or(Ok(()), Err)
}

/// Refuses outputs that are no files, or one file.
fn check_outputs(args: &ConvertArgs) -> Outcome {
    for output in [&args.output, &args.float].into_iter().flatten() {
        need_file(output)?;
    }
    match (&args.output, &args.float) {
        (Some(packed), Some(float)) if packed == float || same_file(packed, float) => {
            Err(usage(float, "is the packed model's file as well"))
        }
        _ => Ok(()),
    }
}

/// Refuses outputs that would replace a file of the checkpoint.
fn check_sources(args: &ConvertArgs, checkpoint: &Checkpoint) -> Outcome {
    match [&args.output, &args.float].into_iter().flatten().find(|output| checkpoint.includes(output)) {
        Some(output) => Err(usage(output, "the output would replace the checkpoint")),
        None => Ok(()),
    }
}

fn conversion(args: &ConvertArgs, checkpoint: &Checkpoint) -> Result<Conversion, Error> {
    let options = ConvertOptions {
        arch: args.arch.clone(),
        prefix: args.prefix.clone(),
        encoding: args.encoding.map(Into::into),
        labels: args.labels.as_deref().map(read_labels).transpose()?,
        mean_image: args.mean_image.clone(),
        input_size: args.input_size,
        name: args.name.clone(),
        allow_float: args.allow_float,
    };
    let bar = output::long_progress(0, "numbers");
    if let Some(graph) = &args.graph {
        let network = CustomNetwork::read(graph)?;
        let conversion = convert_graph(checkpoint, &network, &options, &output::track(&bar));
        bar.finish_and_clear();
        return conversion;
    }
    let conversion = convert(checkpoint, &options, &output::track(&bar))?;
    bar.finish_and_clear();
    note_alternatives(&conversion.packed.header.network, &conversion.alternatives);
    Ok(conversion)
}

/// Adds golden vectors, computed by the reference.
fn golden(args: &ConvertArgs, packed: Packed) -> Result<Model, Error> {
    let reference = Engine::builder().device(DeviceSelector::CpuReference).build()?;
    let bar = output::long_progress(0, "golden images");
    let model = add_golden_with(packed, &reference, &output::track(&bar)).map_err(|error| match error {
        // Lowering refused the network. The message should name the checkpoint, as there is no packed file yet.
        Error::BadModel { problem, .. } => Error::bad_checkpoint(&args.checkpoint, problem),
        other => other,
    });
    bar.finish_and_clear();
    model
}

/// Notes which other networks the checkpoint may be.
pub(super) fn note_alternatives(chosen: &str, others: &[&str]) {
    if !others.is_empty() {
        output::note(&format!(
            "note: taken as {chosen}. The checkpoint does not say what pictures it was trained on; --arch {} fits as well.",
            others.join(" or ")
        ));
    }
}

fn write(args: &ConvertArgs, model: &Model) -> Outcome {
    // Both files are written before either takes its place: a full disk leaves none of them.
    let packed = args.output.as_ref().map(|path| model.stage(path)).transpose().map_err(Failure::of_writing)?;
    let float = args.float.as_ref().map(|path| stage_float(model.packed(), path)).transpose();
    let float = float.map_err(Failure::of_writing)?;
    packed.map_or(Ok(()), Staged::commit).map_err(Failure::of_writing)?;
    float.map_or(Ok(()), Staged::commit).map_err(|error| {
        let Failure { code, message } = Failure::of_writing(error);
        let kept = args.output.as_ref().map(|path| format!("; {} was written", path.display()));
        Failure { code, message: message.map(|message| message + &kept.unwrap_or_default()) }
    })
}

impl Summary<'_> {
    /// Notes what the user should know before using the model.
    fn warn(&self, args: &ConvertArgs, model: &Model) {
        self.notes.iter().for_each(|note| output::note(&format!("note: {note}")));
        self.warnings.iter().for_each(|warning| output::note(&format!("warning: {warning}")));
        if args.graph.is_none() && !model.takes_pixels() {
            output::note(
                "note: this network subtracts the per-pixel mean of its training pictures, which is not in the \
                 checkpoint. Without --mean-image the model takes f32 .npy input only.",
            );
        }
        if model.header().labels.is_empty() {
            output::note(
                "note: the model has no labels, so classes are printed as numbers. --labels adds them, also \
                 `lq-infer label` later.",
            );
        }
    }

    fn print(&self, model: &Model) -> Outcome {
        layers::print(self.report)?;
        if let Some(verification) = self.verification {
            verification.print()?;
        }
        if let Some(path) = self.output {
            print_model(model, path)?;
        }
        self.float.map_or(Ok(()), |path| output::line(&written(path)))
    }
}

fn print_model(model: &Model, path: &Path) -> Outcome {
    let header = model.header();
    let input = header.graph.input_shape();
    output::line(&format!("{}: {} from {}", path.display(), header.name, header.source.kind))?;
    output::line(&format!(
        "  network {}, W/A {}, input {input}, {} tensors in {}",
        header.network,
        header.graph.widths(),
        model.packed().params.tensors().len(),
        output::bytes(size(path))
    ))
}
