//! Several runs on one page.

use super::figures::{digest, remarks};
use super::page::{csv, details, heading, page, paragraph, section};
use super::sections::{self, bars, groups, identity, notices};
use super::subjects::{by_subject, device_name, label};
use super::table::{Field, Table};
use super::units::{digits, percent, time, times};
use crate::bench::compare::{Comparison, Row, Verdict};
use crate::bench::names::Names;

/// A page that compares runs with the first one.
pub fn comparison(comparison: &Comparison) -> String {
    let names = comparison.names();
    let runs: Vec<&str> = comparison.runs.iter().map(|run| run.name.as_str()).collect();
    let title = format!("lq-infer benchmarks: {}", runs.join(", "));
    let mut body = super::escape::element("h1", &[], &super::escape::escape(&title));
    body.push_str(&paragraph("lead", &lead(comparison)));
    if let Some(advice) = comparison.advice() {
        body.push_str(&paragraph("notice", &format!("{advice}.")));
    }
    for mismatch in &comparison.mismatches {
        body.push_str(&paragraph("notice error", &format!("Digests differ. {mismatch}.")));
    }
    body.push_str(&section("Comparison", &(bars(&comparison_groups(comparison), "bars") + &table(&names, comparison))));
    let mut runs = String::new();
    for (at, run) in comparison.runs.iter().enumerate() {
        let inner = notices(&names, &run.report) + &sections::all(&names, &run.report, None, &format!("run{at}-"));
        runs.push_str(&heading(&run.name));
        runs.push_str(&(identity(&run.report) + &details(&format!("The report of {}", run.name), false, &inner)));
    }
    body.push_str(&section("Runs", &runs));
    body.push_str(&section("Data", &csv("comparison.csv", &comparison.csv())));
    page(&title, &body, &serde_json::to_string(comparison).unwrap_or_default())
}

/// What a ratio is.
fn lead(comparison: &Comparison) -> String {
    let first = comparison.runs.first().map_or("?", |run| &run.name);
    let base = match comparison.baseline() {
        Some(device) => format!("{} ({}) in {first}", device.name, device.api),
        None if comparison.runs.len() > 1 => {
            format!("{first}: on the same device if it has that, or else on its first one of the same kind and API")
        }
        None => "the first device of the same kind".to_owned(),
    };
    let runs = comparison.runs.len();
    format!(
        "{runs} run{}. A ratio is the images per second divided by those of {base}. A figure counts as faster or slower \
         if the ratio is farther from 1 than both spreads together, and neither figure is doubtful.",
        if runs == 1 { "" } else { "s" }
    )
}

/// The bars of all runs.
pub(super) fn comparison_groups(comparison: &Comparison) -> Vec<super::bars::Group> {
    let names = comparison.names();
    let several = comparison.runs.len() > 1;
    let row = |row: &Row| {
        let (run, cell) = (comparison.runs.get(row.run)?, comparison.cell(row)?);
        Some((cell, (label(&names, &run.report, cell, several.then_some(&run.name)), note(row))))
    };
    groups(&names, comparison.rows.iter().filter_map(row))
}

/// The ratio and verdict, in short.
fn note(row: &Row) -> String {
    match (row.ratio, &row.verdict) {
        (_, Verdict::NotComparable(_)) | (None, _) => String::new(),
        (_, Verdict::Baseline) => "baseline".to_owned(),
        (Some(ratio), verdict) => format!("{} {}", times(ratio), verdict.text()),
    }
}

fn table(names: &Names, comparison: &Comparison) -> String {
    let columns = ["Run and device", "Median#", "±#", "Images/s#", "Ratio#", "Verdict", "Against", "Digest"];
    let mut table = Table::new("Every figure against its baseline", &columns);
    let rows = comparison.rows.iter().filter_map(|row| Some((comparison.cell(row)?, row)));
    for (title, rows) in by_subject(names, rows) {
        table.group(&title);
        for (cell, row) in rows {
            let Some(run) = comparison.runs.get(row.run) else { continue };
            let warm = cell.warm.as_ref();
            let base = comparison.base(row).filter(|_| row.verdict != Verdict::Baseline);
            table.row(vec![
                Field::text(label(names, &run.report, cell, Some(&run.name)).whole()),
                Field::maybe(warm.map(|w| time(w.wall.median))),
                Field::maybe(warm.map(|w| percent(w.wall.spread))),
                Field::maybe(warm.map(|w| digits(w.images_per_second))),
                Field::maybe(row.ratio.map(times)),
                Field::marked(class(&row.verdict), row.verdict.text()),
                Field::maybe(base.map(|base| device_name(names, &comparison.runs[0].report, base))),
                digest(cell),
            ]);
            remarks(&mut table, cell);
        }
    }
    table.finish()
}

fn class(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Faster => "good",
        Verdict::Slower | Verdict::NotComparable(_) => "bad",
        Verdict::Doubted => "warn",
        Verdict::Baseline | Verdict::WithinNoise => "dim",
    }
}
