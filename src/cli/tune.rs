//! `lq-infer tune`

use super::args::{DeviceArg, parse_count};
use super::failure::Outcome;
use super::{open, output, table};
use crate::session::{Engine, Tuned};
use crate::text::wrapped;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Length of lines of text.
const LINE: usize = 110;

#[derive(Args, Debug)]
pub(super) struct TuneArgs {
    /// Packed model [default: the bundled one]
    model: Option<PathBuf>,
    /// Images of the batches that the choice is for
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = parse_count)]
    batch: usize,
    #[command(flatten)]
    device: DeviceArg,
}

/// Runs the command.
pub(super) fn run(args: &TuneArgs) -> Outcome {
    let model = open::model(args.model.as_ref())?;
    let engine = open::engine(&args.device.device)?;
    let bar = output::long_progress(0, "ways to run each layer");
    let tuned = engine.tune(&model, args.batch, &output::track(&bar))?;
    bar.finish_and_clear();
    if tuned.is_empty() {
        return output::line(&format!("{} has nothing to choose from for this model", engine.device_name()));
    }
    let changed: Vec<&Tuned> = tuned.iter().filter(|t| t.time != t.default).collect();
    if !changed.is_empty() {
        output::table_of(&rows(&changed), &[1, 2, 3, 4]).iter().try_for_each(|row| output::line(row))?;
        output::line("")?;
    }
    let summary = summary(&engine, &tuned, changed.len(), args.batch);
    summary.iter().flat_map(|line| wrapped(line, "", table::line(LINE))).try_for_each(|line| output::line(&line))
}

fn rows(changed: &[&Tuned]) -> Vec<Vec<String>> {
    let heading = ["layers like", "layers", "before", "now", "faster", "now run as"].map(str::to_owned).to_vec();
    let row = |t: &&Tuned| {
        vec![
            t.layer.clone(),
            t.layers.to_string(),
            milliseconds(t.default),
            milliseconds(t.time),
            format!("{:.2}x", t.default.as_secs_f64() / t.time.as_secs_f64()),
            t.description.clone(),
        ]
    };
    std::iter::once(heading).chain(changed.iter().map(row)).collect()
}

/// What was gained, and what was kept.
fn summary(engine: &Engine, tuned: &[Tuned], changed: usize, batch: usize) -> Vec<String> {
    let all = |time: &dyn Fn(&Tuned) -> Duration| tuned.iter().map(|t| time(t) * t.layers as u32).sum::<Duration>();
    let (before, now) = (all(&|t| t.default), all(&|t| t.time));
    let device = engine.device_name();
    let gained = match changed {
        0 => {
            format!("nothing gained on {device}: the usual way is the fastest for all {} kinds of layers", tuned.len())
        }
        _ => format!(
            "{changed} of {} kinds of layers are faster on {device}: together they take {} instead of {} for {} ({:.2} \
             times as fast)",
            tuned.len(),
            milliseconds(now),
            milliseconds(before),
            if batch == 1 { "an image".to_owned() } else { format!("{batch} images") },
            before.as_secs_f64() / now.as_secs_f64().max(f64::MIN_POSITIVE)
        ),
    };
    let kept = match open::cache_folder() {
        Some(folder) => format!("kept in {} for later runs on this device and driver", folder.display()),
        None => "not kept, since LQ_INFER_CACHE says so: later runs do not profit".to_owned(),
    };
    vec![gained, kept]
}

fn milliseconds(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}
