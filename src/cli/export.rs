//! `lq-infer export`

use super::{Failure, Outcome, open_model, output};
use crate::convert::export_float;
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args, Debug)]
pub struct ExportArgs {
    /// Packed model [default: the bundled one]
    model: Option<PathBuf>,
    /// Safetensors file to write
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
}

/// Runs the command.
pub fn run(args: &ExportArgs) -> Outcome {
    need_file(&args.output)?;
    let model = open_model(args.model.as_ref())?;
    if args.model.as_ref().is_some_and(|model| same_file(model, &args.output)) {
        return Err(usage(&args.output, "the output would replace the model"));
    }
    export_float(model.packed(), &args.output).map_err(output::write_failure)?;
    output::line(&written(&args.output))
}

/// What is said of a written file.
pub fn written(path: &Path) -> String {
    let size = std::fs::metadata(path).map_or(0, |m| m.len() as usize);
    format!("{}: the network with float weights, {}", path.display(), output::bytes(size))
}

/// Refuses a directory as a file to write.
pub fn need_file(path: &Path) -> Outcome {
    if path.is_dir() { Err(usage(path, "is a directory")) } else { Ok(()) }
}

/// A wrong argument that is a path.
pub fn usage(path: &Path, problem: &str) -> Failure {
    Failure { code: 2, message: Some(format!("{}: {problem}", path.display())) }
}

/// Whether two paths mean one existing file.
pub fn same_file(a: &Path, b: &Path) -> bool {
    a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b)
}
