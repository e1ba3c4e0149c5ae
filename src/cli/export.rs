//! `lq-infer export`

use super::failure::{Failure, Outcome};
use super::files::{need_file, same_file, size, usage};
use super::{open, output};
use crate::convert::export_float;
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args, Debug)]
pub(super) struct ExportArgs {
    /// Packed model [default: the bundled one]
    model: Option<PathBuf>,
    /// Safetensors file to write
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
}

/// Runs the command.
pub(super) fn run(args: &ExportArgs) -> Outcome {
    need_file(&args.output)?;
    let model = open::model(args.model.as_ref())?;
    if args.model.as_ref().is_some_and(|model| same_file(model, &args.output)) {
        return Err(usage(&args.output, "the output would replace the model"));
    }
    export_float(model.packed(), &args.output).map_err(Failure::of_writing)?;
    output::line(&written(&args.output))
}

/// The line printed about a written file.
pub(super) fn written(path: &Path) -> String {
    format!("{}: the network with float weights, {}", path.display(), output::bytes(size(path)))
}
