//! Figures for a terminal of 110 columns.

use crate::bench::compare::{Comparison, Row};
use crate::bench::report::{Cell, Report};
use crate::cli::failure::Outcome;
use crate::cli::output;
use crate::text::wrapped;

/// Longest names of devices, runs and models in tables.
const DEVICE: usize = 22;
const RUN: usize = 12;
const MODEL: usize = 28;
/// Most characters in a line of remarks.
const LINE: usize = 110;

/// One line for each figure, then the remarks.
pub(super) fn report(report: &Report) -> Outcome {
    let mut header = vec!["device", "api", "model", "batch", "ms/batch", "+-", "p95", "gpu", "images/s", "digest"];
    header.extend(report.cells.iter().any(|cell| cell.float32.is_some()).then_some("f32"));
    let mut rows = vec![header.into_iter().map(str::to_owned).collect::<Vec<_>>()];
    rows.extend(report.cells.iter().map(|cell| row(report, cell)));
    lines(output::table_of(&rows, &[3, 4, 5, 6, 7, 8]))?;
    report.cells.iter().try_for_each(|cell| remarks(report, cell, ""))
}

/// One line for each figure of each run, compared with that of the first run.
pub(super) fn comparison(comparison: &Comparison) -> Outcome {
    let header = ["model", "batch", "run", "device", "api", "ms/batch", "+-", "images/s", "ratio", "verdict"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(comparison.rows.iter().filter_map(|row| compared(comparison, row)));
    lines(output::table_of(&rows, &[1, 5, 6, 7, 8]))?;
    for run in &comparison.runs {
        run.report.cells.iter().try_for_each(|cell| remarks(&run.report, cell, &format!("{}: ", run.name)))?;
    }
    Ok(())
}

fn lines(lines: Vec<String>) -> Outcome {
    lines.iter().try_for_each(|line| output::line(line))
}

/// `text`, or its beginning if it is longer than `length` characters.
fn cut(text: &str, length: usize) -> String {
    match text.chars().count() > length {
        true => text.chars().take(length - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

/// Why a figure is missing or should not be relied on.
fn remarks(report: &Report, cell: &Cell, run: &str) -> Outcome {
    let noise = cell.warm.iter().flat_map(|warm| &warm.noise);
    let float32 = cell.float32.iter().flat_map(|float32| &float32.problem);
    let remarks: Vec<&str> = cell.problem.iter().chain(noise).chain(float32).map(String::as_str).collect();
    if remarks.is_empty() {
        return Ok(());
    }
    let (name, api) = device(report, cell);
    let text = format!("! {run}{name} ({api}), {}, batch {}: {}", cell.model, cell.batch, remarks.join("; "));
    lines(wrapped(&text, "", LINE))
}

/// Short name and API of a cell's device.
fn device<'a>(report: &'a Report, cell: &Cell) -> (&'a str, &'a str) {
    report.devices.get(cell.device).map_or(("?", "?"), |device| (device.short_name(), &device.api))
}

fn row(report: &Report, cell: &Cell) -> Vec<String> {
    let (name, api) = device(report, cell);
    let mut row = vec![cut(name, DEVICE), cut(api, 8), cut(&cell.model, MODEL), cell.batch.to_string()];
    row.extend(figures(cell));
    row.push(match &cell.digest.found {
        Some(found) if *found == cell.digest.expected => found.chars().take(8).collect(),
        Some(_) => "WRONG".to_owned(),
        None => "-".to_owned(),
    });
    row.extend(cell.float32.as_ref().map(|float32| match float32.problem {
        None => format!("{:.3} ({:.1} x)", 1e3 * float32.wall.median, float32.times),
        Some(_) => "-".to_owned(),
    }));
    row
}

/// Median, spread, 95th percentile, the GPU's part of the time, and images per second.
fn figures(cell: &Cell) -> [String; 5] {
    let Some(warm) = &cell.warm else { return ["-"; 5].map(str::to_owned) };
    let ms = |seconds: f64| format!("{:.3}", 1e3 * seconds);
    let spread = format!("{:.1}%", 100.0 * warm.wall.spread);
    let gpu = warm.parts.and_then(|parts| parts.device).map_or("-".to_owned(), |device| ms(device.median));
    [ms(warm.wall.median), spread, ms(warm.wall.p95), gpu, format!("{:.1}", warm.images_per_second)]
}

fn compared(comparison: &Comparison, row: &Row) -> Option<Vec<String>> {
    let (run, cell) = (comparison.runs.get(row.run)?, comparison.cell(row)?);
    let (name, api) = device(&run.report, cell);
    let mut line =
        vec![cut(&cell.model, MODEL), cell.batch.to_string(), cut(&run.name, RUN), cut(name, DEVICE), cut(api, 8)];
    let [median, spread, _, _, rate] = figures(cell);
    line.extend([median, spread, rate]);
    line.push(row.ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.3}")));
    line.push(row.verdict.text().to_owned());
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut() {
        assert_eq!((cut("abcdef", 6), cut("abcdefg", 6)), ("abcdef".to_owned(), "abcde…".to_owned()));
    }
}
