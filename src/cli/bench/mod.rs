//! `lq-infer bench`

mod args;
mod compare;
mod markdown;
mod print;
mod run;

pub(super) use args::BenchArgs;

use super::failure::{Failure, Outcome};
use crate::bench::compare::NamedReport;
use crate::bench::report::Report;
use crate::error::Error;

/// Runs the command.
pub(super) fn run(args: &BenchArgs) -> Outcome {
    if args.compare.is_empty() {
        return measure(args);
    }
    let comparison = compare::comparison(NamedReport::read(&args.compare)?, args.baseline.as_deref())?;
    match comparison.runs.as_slice() {
        [one] => ended(compare::show_one(args, &comparison, &one.report), verdict(&one.report)),
        _ => compare::show_all(args, &comparison),
    }
}

fn measure(args: &BenchArgs) -> Outcome {
    let run::Measured { report, baseline, outcome } = run::measured(args)?;
    let runs = vec![NamedReport { name: report.began.clone(), report }];
    // The device was there before; if it cannot be compared with, the figures are shown all the same.
    let comparison =
        compare::comparison(runs.clone(), baseline.as_deref()).or_else(|_| compare::comparison(runs, None))?;
    let Some(run) = comparison.runs.first() else { return Ok(()) };
    let shown = compare::show_one(args, &comparison, &run.report);
    let verdict = match outcome {
        Err(Error::Cancelled) => Err(Failure::new(1, "interrupted: the report is not complete")),
        Err(error) => Err(error.into()),
        Ok(()) => verdict(&run.report),
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
