//! Compares the reports of several runs, on one machine or on many.

use super::report::{COLUMNS, Cell, Device, Report, csv_line, fields};
use crate::error::{Error, Result};
use serde::Serialize;
use std::path::PathBuf;

/// A report and the name that distinguishes it.
#[derive(Clone, Debug, Serialize)]
pub struct NamedReport {
    /// The file's name without its extension.
    pub name: String,
    /// The report.
    pub report: Report,
}

/// Compares every figure of every run with that of the first run.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The runs.
    pub runs: Vec<NamedReport>,
    /// Ordered by model and batch size, then by run.
    pub rows: Vec<Row>,
    /// Sentences about devices whose logits differ from the reference's or from other machines'.
    pub mismatches: Vec<String>,
}

/// One figure, compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Index in [`Comparison::runs`].
    pub run: usize,
    /// Index in [`Report::cells`].
    pub cell: usize,
    /// Index of the first run's cell that it is compared with: that of the same device if there is one, else of the
    /// first device with a figure.
    pub base: Option<usize>,
    /// Images per second relative to `base`; absent unless both have figures for the same network.
    pub ratio: Option<f64>,
    /// What the ratio means.
    pub verdict: Verdict,
}

/// What a ratio means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The figure is the first run's own.
    Baseline,
    /// More images per second.
    Faster,
    /// Fewer images per second.
    Slower,
    /// The ratio differs from 1 by no more than the sum of both spreads.
    WithinNoise,
    /// There is reason to doubt either figure, so nothing is claimed.
    Doubted,
    /// There is nothing to compare, for this reason.
    NotComparable(String),
}

impl Verdict {
    /// In words.
    pub fn text(&self) -> &str {
        match self {
            Verdict::Baseline => "baseline",
            Verdict::Faster => "faster",
            Verdict::Slower => "slower",
            Verdict::WithinNoise => "within noise",
            Verdict::Doubted => "doubted",
            Verdict::NotComparable(reason) => reason,
        }
    }
}

impl NamedReport {
    /// Reads reports. Files with the same name are named by their paths.
    ///
    /// # Errors
    /// As [`Report::read`]: reports of another schema cannot be compared.
    pub fn read(paths: &[PathBuf]) -> Result<Vec<NamedReport>> {
        let stem = |path: &PathBuf| path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let stems: Vec<String> = paths.iter().map(stem).collect();
        let named = paths.iter().zip(&stems).map(|(path, stem)| {
            let unique = stems.iter().filter(|other| *other == stem).count() == 1;
            let name = if unique { stem.clone() } else { path.display().to_string() };
            Ok(NamedReport { name, report: Report::read(path)? })
        });
        named.collect()
    }
}

impl Comparison {
    /// Compares all runs with the first.
    pub fn new(runs: Vec<NamedReport>) -> Self {
        let mut keys: Vec<Key> = Vec::new();
        for key in runs.iter().flat_map(|run| &run.report.cells).map(key) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let rows = keys.iter().flat_map(|wanted| {
            let of = |(at, run)| rows_of(&runs, at, run, *wanted);
            runs.iter().enumerate().flat_map(of).collect::<Vec<_>>()
        });
        let rows = rows.collect();
        let mismatches = mismatches(&runs);
        Comparison { rows, mismatches, runs }
    }

    /// The cell of a row.
    pub fn cell(&self, row: &Row) -> Option<&Cell> {
        self.runs.get(row.run)?.report.cells.get(row.cell)
    }

    /// What a row is compared with.
    pub fn base(&self, row: &Row) -> Option<&Cell> {
        self.runs.first()?.report.cells.get(row.base?)
    }

    /// The rows as CSV, with the columns of [`Report::csv`] and those of the comparison.
    pub fn csv(&self) -> String {
        let mut text = format!("run,{COLUMNS},against,ratio,verdict\n");
        for row in &self.rows {
            let Some((run, cell)) = self.runs.get(row.run).zip(self.cell(row)) else { continue };
            let mut line = vec![run.name.clone()];
            line.extend(fields(&run.report, cell));
            let against = self.base(row).and_then(|base| device(&self.runs[0], base));
            line.push(against.map_or(String::new(), |device| device.id.clone()));
            line.push(row.ratio.map_or(String::new(), |ratio| ratio.to_string()));
            line.push(row.verdict.text().to_owned());
            text.push_str(&csv_line(&line));
        }
        text
    }

    /// Fails if there are mismatches.
    ///
    /// # Errors
    /// [`Error::VerificationFailed`] if any device's logits differ from the reference's or from another machine's.
    pub fn check(&self) -> Result<()> {
        match self.mismatches.first() {
            None => Ok(()),
            Some(first) => {
                let others = self.mismatches.len() - 1;
                let more = if others > 0 { format!(" (and {others} more)") } else { String::new() };
                Err(Error::VerificationFailed(format!("DIGESTS DIFFER: {first}{more}")))
            }
        }
    }
}

/// What must be equal for two figures to be of the same work: model, bits, input and batch.
type Key<'a> = (&'a str, &'a str, [usize; 3], usize);

fn key(cell: &Cell) -> Key<'_> {
    (&cell.model, &cell.bits, cell.input, cell.batch)
}

fn rows_of(runs: &[NamedReport], at: usize, run: &NamedReport, wanted: Key) -> Vec<Row> {
    let cells = run.report.cells.iter().enumerate().filter(|(_, cell)| key(cell) == wanted);
    let row = |(index, cell): (usize, &Cell)| {
        let base = if at == 0 { Some(index) } else { base(&runs[0], run, cell) };
        let compared = match base {
            _ if at == 0 => Ok((Verdict::Baseline, cell.warm.as_ref().map(|_| 1.0))),
            None => Err("no baseline"),
            Some(base) => compare(&runs[0].report.cells[base], cell).map(|(verdict, ratio)| (verdict, Some(ratio))),
        };
        let (verdict, ratio) = compared.unwrap_or_else(|reason| (Verdict::NotComparable(reason.to_owned()), None));
        Row { run: at, cell: index, base, ratio, verdict }
    };
    cells.map(row).collect()
}

/// The cell of `first` to compare `cell` of `run` with: preferably of the same model file, then of the same device,
/// then with figures.
fn base(first: &NamedReport, run: &NamedReport, cell: &Cell) -> Option<usize> {
    let id = device(run, cell).map(|device| device.id.as_str());
    let rank = |other: &Cell| {
        let same_device = device(first, other).map(|device| device.id.as_str()) == id;
        [other.source != cell.source, !same_device, other.warm.is_none()]
    };
    let candidates = first.report.cells.iter().enumerate().filter(|(_, other)| key(other) == key(cell));
    candidates.min_by_key(|(_, other)| rank(other)).map(|(index, _)| index)
}

/// The verdict and the ratio of images per second to `base`'s, or why they cannot be compared.
fn compare(base: &Cell, cell: &Cell) -> std::result::Result<(Verdict, f64), &'static str> {
    if base.source != cell.source {
        return Err("another model");
    }
    if base.digest.expected != cell.digest.expected || base.is_wrong() || cell.is_wrong() {
        return Err("digests differ");
    }
    let warm = cell.warm.as_ref().ok_or("no figure")?;
    let before = base.warm.as_ref().ok_or("no baseline")?;
    let ratio = warm.images_per_second / before.images_per_second;
    if !ratio.is_finite() {
        return Err("no figure");
    }
    let verdict = match () {
        () if !warm.noise.is_empty() || !before.noise.is_empty() => Verdict::Doubted,
        () if (ratio - 1.0).abs() <= warm.wall.spread + before.wall.spread => Verdict::WithinNoise,
        () if ratio > 1.0 => Verdict::Faster,
        () => Verdict::Slower,
    };
    Ok((verdict, ratio))
}

fn device<'a>(run: &'a NamedReport, cell: &Cell) -> Option<&'a Device> {
    run.report.devices.get(cell.device)
}

/// Every device that disagrees with its machine's reference, and every machine whose reference disagrees with
/// another's.
fn mismatches(runs: &[NamedReport]) -> Vec<String> {
    let mut seen: Vec<(&NamedReport, &Cell)> = Vec::new();
    let mut found = Vec::new();
    for (run, cell) in runs.iter().flat_map(|run| run.report.cells.iter().map(move |cell| (run, cell))) {
        let subject = format!("{}, batch {}", cell.model, cell.batch);
        if let Some(digest) = cell.digest.found.as_ref().filter(|_| cell.is_wrong()) {
            let name = device(run, cell).map_or("?", |device| &device.name);
            let expected = short(&cell.digest.expected);
            found.push(format!("{subject}: {name} of {} gives {}, its reference {expected}", run.name, short(digest)));
        }
        match seen.iter().find(|(_, other)| key(other) == key(cell) && other.source == cell.source) {
            None => seen.push((run, cell)),
            Some((other, before)) if before.digest.expected != cell.digest.expected => {
                let [first, second] = [before, &cell].map(|cell| short(&cell.digest.expected));
                let text =
                    format!("{subject}: the reference of {} gives {first}, that of {} {second}", other.name, run.name);
                // Once per machine, not once per device.
                if !found.contains(&text) {
                    found.push(text);
                }
            }
            Some(_) => {}
        }
    }
    found
}

fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

#[cfg(test)]
mod tests;
