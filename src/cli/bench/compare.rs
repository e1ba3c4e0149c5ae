//! `lq-infer bench --compare`, and the devices of one run side by side.

use super::args::BenchArgs;
use super::print;
use crate::bench::compare::{Comparison, NamedReport};
use crate::bench::html;
use crate::bench::report::Report;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::files::write;
use crate::cli::output;
use crate::error::Result;
use crate::files::replace_file;
use crate::session::DeviceSelector;

/// Compares runs with the first of them, or with the device that `baseline` names there.
pub(super) fn comparison(runs: Vec<NamedReport>, baseline: Option<&str>) -> Result<Comparison> {
    match baseline {
        Some(device) => Comparison::with_baseline(runs, &device.parse().unwrap_or(DeviceSelector::Auto)),
        None => Ok(Comparison::new(runs)),
    }
}

/// Prints the comparison of several runs and writes it in the forms that were asked for.
pub(super) fn show_all(args: &BenchArgs, comparison: &Comparison) -> Outcome {
    let written = json(args, comparison)
        .and_then(|()| write(args.csv.as_ref(), || comparison.csv()))
        .and_then(|()| write(args.html.as_ref(), || html::comparison(comparison)))
        .and_then(|()| write(args.svg.as_ref(), || html::comparison_svg(comparison)));
    let printed = print::comparison(comparison, args.markdown);
    if let Some(advice) = comparison.advice() {
        output::note(&format!("note: {advice}"));
    }
    for mismatch in &comparison.mismatches {
        output::note(&format!("DIGESTS DIFFER: {mismatch}"));
    }
    written?;
    comparison.check()?;
    printed
}

/// Prints a single run and writes it in the forms that were asked for. If writing fails, it is still printed.
pub(super) fn show_one(args: &BenchArgs, comparison: &Comparison, report: &Report) -> Outcome {
    let measured = args.compare.is_empty();
    let own = || args.json.as_ref().map_or(Ok(()), |path| report.write(path).map_err(Failure::of_writing));
    let written = if measured { own() } else { json(args, comparison) };
    let written = written
        .and_then(|()| write(args.csv.as_ref(), || report.csv()))
        .and_then(|()| write(args.html.as_ref(), || html::report(comparison)))
        .and_then(|()| write(args.svg.as_ref(), || html::report_svg(report)));
    let printed = print::report(comparison, args.markdown);
    written.and(printed)
}

fn json(args: &BenchArgs, comparison: &Comparison) -> Outcome {
    let Some(path) = &args.json else { return Ok(()) };
    let text = comparison.json()?;
    replace_file(path, text.as_bytes()).map_err(Failure::of_writing)
}
