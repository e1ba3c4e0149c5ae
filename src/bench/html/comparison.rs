//! Several runs on one page.

use super::figures::{digest, remarks};
use super::page::{csv, details, heading, page, paragraph, section};
use super::sections::{self, bars, groups, identity, notices};
use super::subjects::{by_subject, device_name};
use super::table::{Field, Table};
use super::units::{digits, percent, time, times};
use crate::bench::compare::{Comparison, Row, Verdict};

/// A page that compares runs with the first one.
pub fn comparison(comparison: &Comparison) -> String {
    let names: Vec<&str> = comparison.runs.iter().map(|run| run.name.as_str()).collect();
    let title = format!("lq-infer benchmarks: {}", names.join(", "));
    let mut body = super::escape::element("h1", &[], &super::escape::escape(&title));
    let first = names.first().copied().unwrap_or("?");
    let text = format!(
        "{} runs. A ratio is the images per second divided by those of {first}: on the same device if it has that, or \
         else on its first one. A figure counts as faster or slower if the ratio is farther from 1 than both spreads \
         together, and neither figure is doubtful.",
        names.len()
    );
    body.push_str(&paragraph("lead", &text));
    for mismatch in &comparison.mismatches {
        body.push_str(&paragraph("notice error", &format!("Digests differ. {mismatch}.")));
    }
    body.push_str(&section("Comparison", &(bars(&comparison_groups(comparison), "bars") + &table(comparison))));
    let mut runs = String::new();
    for (at, run) in comparison.runs.iter().enumerate() {
        let inner = notices(&run.report) + &sections::all(&run.report, &format!("run{at}-"));
        runs.push_str(&heading(&run.name));
        runs.push_str(&(identity(&run.report) + &details(&format!("The report of {}", run.name), false, &inner)));
    }
    body.push_str(&section("Runs", &runs));
    body.push_str(&section("Data", &csv("comparison.csv", &comparison.csv())));
    page(&title, &body, &serde_json::to_string(comparison).unwrap_or_default())
}

/// The bars of all runs.
pub(super) fn comparison_groups(comparison: &Comparison) -> Vec<super::bars::Group> {
    let row = |row: &Row| {
        let (run, cell) = (comparison.runs.get(row.run)?, comparison.cell(row)?);
        Some((cell, (format!("{}: {}", run.name, device_name(&run.report, cell)), note(row))))
    };
    groups(comparison.rows.iter().filter_map(row))
}

/// The ratio and verdict, in short.
fn note(row: &Row) -> String {
    match (row.ratio, &row.verdict) {
        (_, Verdict::NotComparable(_)) | (None, _) => String::new(),
        (_, Verdict::Baseline) => "baseline".to_owned(),
        (Some(ratio), verdict) => format!("{} {}", times(ratio), verdict.text()),
    }
}

fn table(comparison: &Comparison) -> String {
    let columns = ["Run and device", "Median#", "±#", "Images/s#", "Ratio#", "Verdict", "Against", "Digest"];
    let mut table = Table::new("Every figure against that of the first run", &columns);
    let rows = comparison.rows.iter().filter_map(|row| Some((comparison.cell(row)?, row)));
    for (title, rows) in by_subject(rows) {
        table.group(&title);
        for (cell, row) in rows {
            let Some(run) = comparison.runs.get(row.run) else { continue };
            let warm = cell.warm.as_ref();
            let base = comparison.base(row).filter(|_| row.verdict != Verdict::Baseline);
            table.row(vec![
                Field::text(format!("{}: {}", run.name, device_name(&run.report, cell))),
                Field::maybe(warm.map(|w| time(w.wall.median))),
                Field::maybe(warm.map(|w| percent(w.wall.spread))),
                Field::maybe(warm.map(|w| digits(w.images_per_second))),
                Field::maybe(row.ratio.map(times)),
                Field::marked(class(&row.verdict), row.verdict.text()),
                Field::maybe(base.map(|base| device_name(&comparison.runs[0].report, base))),
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
