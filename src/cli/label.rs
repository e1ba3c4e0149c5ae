//! `lq-infer label`

use super::failure::{Failure, Outcome};
use super::files::{check_labels, need_file, read_labels};
use super::preparation::PreparationArgs;
use super::{inspect, output};
use crate::session::{Engine, Model, add_golden_with};
use clap::Args;
use std::path::PathBuf;

#[derive(Args, Debug)]
pub(super) struct LabelArgs {
    /// Packed model
    model: PathBuf,
    /// Text file with one label per line, in order of the classes
    labels: Option<PathBuf>,
    /// Packed model to write [default: MODEL itself]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    #[command(flatten)]
    preparation: PreparationArgs,
}

/// Runs the command.
pub(super) fn run(args: &LabelArgs) -> Outcome {
    if args.labels.is_none() && !args.preparation.is_given() {
        return Err(Failure::new(
            2,
            "nothing to change: give a file of labels, or how to prepare pictures (see --help)",
        ));
    }
    let target = args.output.as_ref().unwrap_or(&args.model);
    let mut packed = Model::open(&args.model)?.packed().clone();
    need_file(target)?;
    if let Some(path) = &args.labels {
        let labels = read_labels(path)?;
        check_labels(path, &labels, packed.header.graph.classes())?;
        packed.header.labels = labels;
    }
    args.preparation.apply(&mut packed)?;
    let model = match args.preparation.changes_numbers() {
        true => add_golden_with(packed, &Engine::reference(), &|_, _| {})?,
        false => Model::try_from(packed)?,
    };
    model.save(target).map_err(Failure::of_writing)?;
    let header = model.header();
    let labels =
        if header.labels.is_empty() { "no labels".to_owned() } else { format!("{} labels", header.labels.len()) };
    output::line(&format!("{}: {}, {labels}", target.display(), header.name))?;
    output::line(&format!("  pictures {}", inspect::pictures(&header.preprocess)))
}
