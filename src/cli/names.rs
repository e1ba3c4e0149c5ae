//! `lq-infer names`

use super::failure::Outcome;
use super::network::WidthArgs;
use super::output;
use crate::convert::{CustomNetwork, plain_variables};
use crate::error::Error;
use clap::Args;
use std::path::PathBuf;

#[derive(Args, Debug)]
pub(super) struct NamesArgs {
    /// Id of a network, see `lq-infer networks`
    #[arg(required_unless_present = "graph", conflicts_with = "graph")]
    arch: Option<String>,
    /// JSON file with a network of your own
    #[arg(long, value_name = "FILE", conflicts_with_all = ["weights", "activations"])]
    graph: Option<PathBuf>,
    #[command(flatten)]
    widths: WidthArgs,
}

/// Runs the command.
pub(super) fn run(args: &NamesArgs) -> Outcome {
    let definition = match &args.graph {
        Some(file) => CustomNetwork::read(file)?.definition(),
        None => args.widths.build(args.arch.as_deref().unwrap_or_default(), None, None)?.1,
    };
    let variables = plain_variables(&definition).map_err(Error::Usage)?;
    let rows: Vec<Vec<String>> = variables.into_iter().map(|v| vec![v.variable.clone(), v.expected()]).collect();
    output::table(&rows).iter().try_for_each(|row| output::line(row))
}
