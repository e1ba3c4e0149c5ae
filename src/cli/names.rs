//! `lq-infer names`

use super::failure::Outcome;
use super::output;
use crate::convert::{CustomNetwork, plain_variables};
use crate::error::Error;
use crate::graph::Weights;
use crate::zoo::{self, Definition, Uniform};
use clap::Args;
use std::path::PathBuf;

/// The number of bits that means float.
const FLOAT: usize = 32;

#[derive(Args, Debug)]
pub(super) struct NamesArgs {
    /// Id of a network
    #[arg(required_unless_present = "graph", conflicts_with = "graph")]
    arch: Option<String>,
    /// JSON file with a network of your own
    #[arg(long, value_name = "FILE")]
    graph: Option<PathBuf>,
    /// Bits of quantized weights, 32 for float
    #[arg(long, value_name = "BITS", default_value_t = 2, conflicts_with = "graph")]
    weights: usize,
    /// Bits of quantized activations, 32 for float
    #[arg(long, value_name = "BITS", default_value_t = 2, conflicts_with = "graph")]
    activations: usize,
}

/// Runs the command.
pub(super) fn run(args: &NamesArgs) -> Outcome {
    let definition = match &args.graph {
        Some(file) => CustomNetwork::read(file)?.definition(),
        None => of_zoo(args)?,
    };
    let variables = plain_variables(&definition).map_err(Error::Usage)?;
    let rows: Vec<Vec<String>> = variables.into_iter().map(|v| vec![v.variable.clone(), v.expected()]).collect();
    output::table(&rows).iter().try_for_each(|row| output::line(row))
}

fn of_zoo(args: &NamesArgs) -> Result<Definition, Error> {
    let arch = args.arch.as_deref().unwrap_or_default();
    let network = zoo::find(arch).map_err(Error::Usage)?;
    let widths = Uniform {
        weights: if args.weights == FLOAT { Weights::Float } else { Weights::Planes { bits: args.weights } },
        activation_bits: (args.activations != FLOAT).then_some(args.activations),
    };
    network.build(&widths).map_err(Error::Usage)
}
