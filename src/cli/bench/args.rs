//! Arguments of `lq-infer bench`.

use crate::cli::args::parse_count;
use crate::cli::subject::RandomNets;
use clap::Args;
use std::path::PathBuf;

/// Arguments that have a meaning only when something is measured.
const MEASURING: [&str; 8] = ["models", "net", "bits", "device", "batch", "seconds", "against", "quick"];

#[derive(Args, Debug)]
pub(crate) struct BenchArgs {
    /// Packed models [default: the bundled one]
    pub models: Vec<PathBuf>,
    #[command(flatten)]
    pub random: RandomNets,
    /// Devices as for classification, separated by commas, or `all`
    #[arg(long, value_name = "SEL", value_delimiter = ',', default_value = "auto")]
    pub device: Vec<String>,
    /// Images per run
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1", value_parser = parse_count)]
    pub batch: Vec<usize>,
    /// Time for each model, device and batch size [default: 3]
    #[arg(long, value_name = "S", value_parser = parse_seconds, conflicts_with = "quick")]
    pub seconds: Option<f64>,
    /// Also time the same network in this arithmetic on the same GPU, in turns, as a baseline
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "f32", value_parser = ["f32"])]
    pub against: Option<String>,
    /// Short and rough: six seconds of measuring for all figures together, plus the time to prepare
    #[arg(long)]
    pub quick: bool,
    /// Compare with this device: one that is measured, or one of the first report [default: the same device, else the
    /// first one of its kind]
    #[arg(long, value_name = "SEL")]
    pub baseline: Option<String>,
    /// Print a Markdown table, with sizes and parameters of the models, to paste into an issue
    #[arg(long)]
    pub markdown: bool,
    /// Write the report, or the comparison, as JSON (benches/README.md describes both)
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the figures as CSV
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Write a page with tables and drawings, as one self-contained file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write images per second as a drawing
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Measure nothing: compare the JSON reports of several runs with the first of them, or the devices of a single one
    #[arg(long, value_name = "REPORT", num_args = 1.., conflicts_with_all = MEASURING)]
    pub compare: Vec<PathBuf>,
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("must be a number of seconds from 0.01 to 3600".into()),
    }
}
