//! `lq-infer bench`

mod args;
mod compare;
mod print;
mod run;

pub(super) use args::BenchArgs;

use super::failure::{Failure, Outcome};
use super::files::write;
use crate::bench::html;
use crate::bench::report::Report;
use crate::error::Error;
use std::path::PathBuf;

/// Runs the command.
pub(super) fn run(args: &BenchArgs) -> Outcome {
    match args.compare.as_slice() {
        [] => measure(args),
        [one] => {
            let report = Report::read(one)?;
            ended(show(args, &report), verdict(&report))
        }
        several => compare::run(args, several),
    }
}

fn measure(args: &BenchArgs) -> Outcome {
    let (report, outcome) = run::measured(args)?;
    let shown = show(args, &report);
    let verdict = match outcome {
        Err(Error::Cancelled) => Err(Failure::new(1, "interrupted: the report is not complete")),
        Err(error) => Err(error.into()),
        Ok(()) => verdict(&report),
    };
    ended(shown, verdict)
}

/// The outcome of the command: a failure to write the results, else the verdict on them. A closed pipe (exit code 0)
/// does not hide a bad verdict.
fn ended(shown: Outcome, verdict: Outcome) -> Outcome {
    match shown {
        Err(failure) if failure.code != 0 => Err(failure),
        shown => verdict.and(shown),
    }
}

/// Prints a report and writes it in the forms that were asked for. If writing fails, the report is still printed.
fn show(args: &BenchArgs, report: &Report) -> Outcome {
    let json = |path: &PathBuf| report.write(path).map_err(Failure::of_writing);
    let written = args
        .json
        .as_ref()
        .map_or(Ok(()), json)
        .and_then(|()| write(args.csv.as_ref(), || report.csv()))
        .and_then(|()| write(args.html.as_ref(), || html::report(report)))
        .and_then(|()| write(args.svg.as_ref(), || html::report_svg(report)));
    let printed = print::report(report);
    written.and(printed)
}

/// The run fails if a digest is wrong, or if there is not a single figure.
fn verdict(report: &Report) -> Outcome {
    if let Some(cell) = report.cells.iter().find(|cell| cell.is_wrong()) {
        let name = report.devices.get(cell.device).map_or("a device", |d| d.name.as_str());
        return Err(Error::VerificationFailed(format!("{name} computed wrong logits of {}", cell.model)).into());
    }
    match report.cells.iter().any(|cell| cell.warm.is_some()) {
        true => Ok(()),
        false => Err(Failure::new(1, "no device gave a figure")),
    }
}
