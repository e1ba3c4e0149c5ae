//! `lq-infer graph`

use super::args::parse_count;
use super::failure::{Failure, Outcome};
use super::network::WidthArgs;
use super::output;
use crate::convert::CustomNetwork;
use crate::error::Error;
use crate::files::replace_file;
use clap::Args;
use std::path::PathBuf;

#[derive(Args, Debug)]
pub(super) struct GraphArgs {
    /// Id of a network, see `lq-infer networks`
    id: String,
    #[command(flatten)]
    widths: WidthArgs,
    /// Number of classes, if not that of the original network
    #[arg(long, value_name = "N", value_parser = parse_count)]
    classes: Option<usize>,
    /// Height and width of the pictures, if not those of the original network
    #[arg(long, value_name = "PIXELS", value_parser = parse_count)]
    input_size: Option<usize>,
    /// File to write [default: standard output]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
}

/// Runs the command.
pub(super) fn run(args: &GraphArgs) -> Outcome {
    let (network, definition) = args.widths.build(&args.id, args.classes, args.input_size)?;
    let layer = definition.copies.map(|copies| copies.layer);
    let labels = network.labels().map(str::to_owned).collect();
    let network = CustomNetwork::of_definition(&args.id, definition, labels).map_err(Error::Usage)?;
    let text =
        serde_json::to_string_pretty(&network).map_err(|e| Failure::new(1, format!("cannot write JSON: {e}")))?;
    if let Some(layer) = layer {
        output::note(&format!(
            "note: the original code's checkpoints store layer '{layer}' in another way; convert those with --arch {}",
            args.id
        ));
    }
    match &args.output {
        Some(path) => replace_file(path, (text + "\n").as_bytes()).map_err(Failure::of_writing),
        None => output::text(&text),
    }
}
