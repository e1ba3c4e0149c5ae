//! Figures as tables for a terminal or for Markdown.

use super::markdown;
use crate::bench::compare::{Comparison, Row, Verdict};
use crate::bench::names::Names;
use crate::bench::report::{Cell, Device, Report};
use crate::cli::failure::Outcome;
use crate::cli::{output, table};
use crate::text::wrapped;

/// Most characters in a line of remarks.
const LINE: usize = 110;

/// A table: its rows, of which the first is the header, and the columns that are aligned on the right.
struct Figures {
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
}

/// How a device is named.
type Naming<'a> = &'a dyn Fn(&Device) -> String;

/// One line for each figure of a single run, then the remarks.
pub(super) fn report(comparison: &Comparison, markdown: bool) -> Outcome {
    let Some(run) = comparison.runs.first() else { return Ok(()) };
    let names = comparison.names();
    shown(&names, markdown, &|naming| of_report(comparison, &run.report, &names, naming, markdown))?;
    if markdown {
        output::line("")?;
        output::line(&markdown::origin(None, &run.report))?;
    }
    run.report.cells.iter().try_for_each(|cell| remarks(&names, &run.report, cell, ""))
}

/// One line for each figure of each run, compared with its baseline.
pub(super) fn comparison(comparison: &Comparison, markdown: bool) -> Outcome {
    let names = comparison.names();
    shown(&names, markdown, &|naming| of_comparison(comparison, &names, naming, markdown))?;
    if markdown {
        output::line("")?;
        let origin = |run: &crate::bench::compare::NamedReport| markdown::origin(Some(&run.name), &run.report);
        comparison.runs.iter().try_for_each(|run| output::line(&format!("* {}", origin(run))))?;
    }
    for run in &comparison.runs {
        let before = format!("{}: ", run.name);
        run.report.cells.iter().try_for_each(|cell| remarks(&names, &run.report, cell, &before))?;
    }
    Ok(())
}

/// Prints a table. Devices have shorter names where the terminal is too narrow for the usual ones.
fn shown(names: &Names, markdown: bool, figures: &dyn Fn(Naming) -> Figures) -> Outcome {
    let whole = figures(&|device| names.device(device));
    if markdown {
        return lines(markdown::table(&whole.rows, &whole.right));
    }
    let room = table::room();
    let fits = table::width(&whole.rows) <= room;
    let Figures { rows, right } = if fits { whole } else { figures(&|device| names.brief(device)) };
    lines(table::fitted(&rows, &right, room).concat())
}

fn lines(lines: Vec<String>) -> Outcome {
    lines.iter().try_for_each(|line| output::line(line))
}

fn of_report(comparison: &Comparison, report: &Report, names: &Names, naming: Naming, sizes: bool) -> Figures {
    let compares = comparison.compares();
    let mut header = vec!["device", "api", "model"];
    header.extend(sizes.then_some(["size", "params"]).into_iter().flatten());
    header.extend(["batch", "ms/batch", "+-", "p95", "gpu", "images/s"]);
    header.extend(compares.then_some("ratio"));
    let right: Vec<usize> = (3..header.len()).collect();
    header.push("digest");
    header.extend(report.cells.iter().any(|cell| cell.float32.is_some()).then_some("f32"));
    let row = |row: &Row| {
        let cell = comparison.cell(row)?;
        let (device, api) = device(report, cell, naming);
        let mut line = vec![device, api, names.model(cell)];
        line.extend(sizes.then(|| self::sizes(cell)).into_iter().flatten());
        line.push(cell.batch.to_string());
        line.extend(figures(cell));
        line.extend(compares.then(|| ratio(row)));
        line.push(digest(cell));
        line.extend(float32(cell));
        Some((row.cell, line))
    };
    // As they were measured.
    let mut rows: Vec<(usize, Vec<String>)> = comparison.rows.iter().filter_map(row).collect();
    rows.sort_by_key(|(cell, _)| *cell);
    let header = header.into_iter().map(str::to_owned).collect();
    Figures { rows: std::iter::once(header).chain(rows.into_iter().map(|(_, row)| row)).collect(), right }
}

fn of_comparison(comparison: &Comparison, names: &Names, naming: Naming, sizes: bool) -> Figures {
    let against = comparison.rows.iter().any(|row| is_of_another(comparison, row));
    let mut header = vec!["model"];
    header.extend(sizes.then_some(["size", "params"]).into_iter().flatten());
    header.push("batch");
    let batch = header.len() - 1;
    header.extend(["run", "device", "api", "ms/batch", "+-", "images/s", "ratio", "verdict"]);
    let right = (1..=batch).chain(batch + 4..batch + 8).collect();
    header.extend(against.then_some("against"));
    let row = |row: &Row| {
        let (run, cell) = (comparison.runs.get(row.run)?, comparison.cell(row)?);
        let (device, api) = device(&run.report, cell, naming);
        let mut line = vec![names.model(cell)];
        line.extend(sizes.then(|| self::sizes(cell)).into_iter().flatten());
        line.extend([cell.batch.to_string(), run.name.clone(), device, api]);
        let [median, spread, _, _, rate] = figures(cell);
        line.extend([median, spread, rate, ratio(row), row.verdict.text().to_owned()]);
        let base = comparison.base_device(row).filter(|_| row.verdict != Verdict::Baseline);
        line.extend(against.then(|| base.map_or(String::new(), |base| labelled(base, naming))));
        Some(line)
    };
    let header = header.into_iter().map(str::to_owned).collect();
    Figures { rows: std::iter::once(header).chain(comparison.rows.iter().filter_map(row)).collect(), right }
}

/// Whether a row is compared with a device of another name or API.
fn is_of_another(comparison: &Comparison, row: &Row) -> bool {
    let own = comparison.cell(row).and_then(|cell| comparison.runs.get(row.run)?.report.devices.get(cell.device));
    let base = comparison.base_device(row);
    base.is_some() && base.map(|device| &device.id) != own.map(|device| &device.id)
}

/// A device with its API.
fn labelled(device: &Device, naming: Naming) -> String {
    if device.api == "cpu" { naming(device) } else { format!("{} ({})", naming(device), device.api) }
}

/// Why a figure is missing or should not be relied on.
fn remarks(names: &Names, report: &Report, cell: &Cell, run: &str) -> Outcome {
    let noise = cell.warm.iter().flat_map(|warm| &warm.noise);
    let float32 = cell.float32.iter().flat_map(|float32| &float32.problem);
    let remarks: Vec<&str> = cell.problem.iter().chain(noise).chain(float32).map(String::as_str).collect();
    if remarks.is_empty() {
        return Ok(());
    }
    let device = report.devices.get(cell.device).map_or("?".to_owned(), |d| labelled(d, &|d| names.device(d)));
    let text = format!("! {run}{device}, {}, batch {}: {}", names.model(cell), cell.batch, remarks.join("; "));
    lines(wrapped(&text, "", table::line(LINE)))
}

/// Name and API of a cell's device.
fn device(report: &Report, cell: &Cell, naming: Naming) -> (String, String) {
    let device = report.devices.get(cell.device);
    device.map_or(("?".to_owned(), "?".to_owned()), |device| (naming(device), device.api.clone()))
}

/// Bytes and parameters of a model.
fn sizes(cell: &Cell) -> [String; 2] {
    let maybe = |number: Option<u64>, text: &dyn Fn(u64) -> String| number.map_or("-".to_owned(), text);
    [maybe(cell.model_bytes, &|n| output::bytes(n as usize)), maybe(cell.parameters, &output::count)]
}

fn digest(cell: &Cell) -> String {
    match &cell.digest.found {
        Some(found) if *found == cell.digest.expected => found.chars().take(8).collect(),
        Some(_) => "WRONG".to_owned(),
        None => "-".to_owned(),
    }
}

fn float32(cell: &Cell) -> Option<String> {
    cell.float32.as_ref().map(|float32| match float32.problem {
        None => format!("{:.3} ({:.1} x)", 1e3 * float32.wall.median, float32.times),
        Some(_) => "-".to_owned(),
    })
}

fn ratio(row: &Row) -> String {
    row.ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.3}"))
}

/// Median, spread, 95th percentile, the GPU's part of the time, and images per second.
fn figures(cell: &Cell) -> [String; 5] {
    let Some(warm) = &cell.warm else { return ["-"; 5].map(str::to_owned) };
    let ms = |seconds: f64| format!("{:.3}", 1e3 * seconds);
    let spread = format!("{:.1}%", 100.0 * warm.wall.spread);
    let gpu = warm.parts.and_then(|parts| parts.device).map_or("-".to_owned(), |device| ms(device.median));
    [ms(warm.wall.median), spread, ms(warm.wall.p95), gpu, format!("{:.1}", warm.images_per_second)]
}
