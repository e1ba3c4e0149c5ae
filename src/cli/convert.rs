//! `lq-infer convert`

use super::agreement::{self, Verification};
use super::export::written;
use super::failure::{Failure, Outcome};
use super::files::{need_file, same_file, size, usage};
use super::preparation::PreparationArgs;
use super::source::{SourceArgs, with_golden};
use super::{layers, output};
use crate::convert::report::{ConversionReport, Totals, Warning};
use crate::convert::{Conversion, ConvertOptions, Unquantized, stage_float};
use crate::files::Staged;
use crate::quant::Encoding;
use crate::session::Model;
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
    /// Convert a checkpoint in which nothing is quantized, as it is
    #[arg(long)]
    allow_float: bool,
    /// What the bits of activation codes mean: a clear bit adds nothing, or subtracts [default: as the network's code]
    #[arg(long, value_name = "CODES", conflicts_with = "graph")]
    encoding: Option<EncodingArg>,
    #[command(flatten)]
    source: SourceArgs,
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
    let checkpoint = args.source.open(&args.checkpoint, [&args.output, &args.float].into_iter().flatten())?;
    let options = ConvertOptions {
        encoding: args.encoding.map(Into::into),
        unquantized: if args.allow_float { Unquantized::Noted } else { Unquantized::Refused },
        ..args.source.options()?
    };
    let Conversion { mut packed, report, alternatives, notes } = args.source.convert(&checkpoint, &options)?;
    args.preparation.apply(&mut packed)?;
    let model = with_golden(&args.checkpoint, packed)?;
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
        if args.source.graph.is_none() && !model.takes_pixels() {
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
