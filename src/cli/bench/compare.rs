//! `lq-infer bench --compare`

use super::args::BenchArgs;
use super::print;
use crate::bench::compare::{Comparison, NamedReport};
use crate::bench::html;
use crate::cli::failure::Outcome;
use crate::cli::files::write;
use crate::cli::output;
use std::path::PathBuf;

/// Compares the reports in these files with the first of them.
pub(super) fn run(args: &BenchArgs, files: &[PathBuf]) -> Outcome {
    let comparison = Comparison::new(NamedReport::read(files)?);
    let written = write(args.csv.as_ref(), || comparison.csv())
        .and_then(|()| write(args.html.as_ref(), || html::comparison(&comparison)))
        .and_then(|()| write(args.svg.as_ref(), || html::comparison_svg(&comparison)));
    let printed = print::comparison(&comparison);
    for mismatch in &comparison.mismatches {
        output::note(&format!("DIGESTS DIFFER: {mismatch}"));
    }
    written?;
    comparison.check()?;
    printed
}
