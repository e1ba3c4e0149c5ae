//! `lq-infer tune`

use super::args::DeviceArg;
use super::failure::Outcome;
use super::{open, output};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Args, Debug)]
pub(super) struct TuneArgs {
    /// Packed model [default: the bundled one]
    model: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArg,
}

/// Runs the command.
pub(super) fn run(args: &TuneArgs) -> Outcome {
    let model = open::model(args.model.as_ref())?;
    let engine = open::engine(&args.device.device)?;
    let bar = output::progress(0, "rounds");
    let tuned = engine.tune(&model, &|rounds| bar.set_position(rounds as u64))?;
    bar.finish_and_clear();
    if tuned.is_empty() {
        output::note(&format!("{} has nothing to choose from for this model", engine.device_name()));
        return Ok(());
    }
    let milliseconds = |time: Duration| format!("{:.3} ms", time.as_secs_f64() * 1e3);
    let heading = ["layers like", "variant", "time", "untuned"].map(str::to_owned).to_vec();
    let rows =
        tuned.iter().map(|t| vec![t.layer.clone(), t.variant.clone(), milliseconds(t.time), milliseconds(t.default)]);
    let rows: Vec<Vec<String>> = std::iter::once(heading).chain(rows).collect();
    output::table(&rows).iter().try_for_each(|row| output::line(row))
}
