//! Reports of several runs, of one machine or of many, side by side.

use super::report::{COLUMNS, Cell, Device, Report, csv_line, fields};
use crate::error::{Error, Result};
use serde::Serialize;
use std::path::PathBuf;

/// A report with the name that tells it from others.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// Of the file, without its extension.
    pub name: String,
    pub report: Report,
}

/// Every figure of every run against that of the first one.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    pub runs: Vec<Run>,
    /// In the order of models and batch sizes, then of runs.
    pub rows: Vec<Row>,
    /// Devices that computed other logits than the reference or than other machines, in words.
    pub mismatches: Vec<String>,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Index in [`Comparison::runs`].
    pub run: usize,
    /// Index in [`Report::cells`].
    pub cell: usize,
    /// Index of the cell of the first run that it is compared with: of the same device if that run has it, else of its first
    /// device with a figure.
    pub base: Option<usize>,
    /// Images per second relative to those of `base`; absent unless both have figures for the same network.
    pub ratio: Option<f64>,
    pub verdict: Verdict,
}

/// What a ratio says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is of the first run itself.
    Baseline,
    Faster,
    Slower,
    /// The ratio is no farther from 1 than the spreads of both together.
    WithinNoise,
    /// A remark on either figure says that it should not be relied on, so nothing is claimed.
    Doubted,
    /// Why there is nothing to compare.
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

impl Run {
    /// Reads reports. Of files with the same name, the paths are the names.
    ///
    /// # Errors
    /// As [`Report::read`]: reports of another schema cannot be compared.
    pub fn read(paths: &[PathBuf]) -> Result<Vec<Run>> {
        let stem = |path: &PathBuf| path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let stems: Vec<String> = paths.iter().map(stem).collect();
        let named = paths.iter().zip(&stems).map(|(path, stem)| {
            let unique = stems.iter().filter(|other| *other == stem).count() == 1;
            let name = if unique { stem.clone() } else { path.display().to_string() };
            Ok(Run { name, report: Report::read(path)? })
        });
        named.collect()
    }
}

impl Comparison {
    /// Compares all runs with the first.
    pub fn new(runs: Vec<Run>) -> Self {
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

    /// The rows as CSV, with the columns of [`Report::csv`].
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

    /// # Errors
    /// [`Error::VerificationFailed`] if any device computed other logits than the reference or than another machine.
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

/// What must agree for two figures to be of the same work.
type Key<'a> = (&'a str, &'a str, [usize; 3], usize);

fn key(cell: &Cell) -> Key<'_> {
    (&cell.model, &cell.bits, cell.input, cell.batch)
}

fn rows_of(runs: &[Run], at: usize, run: &Run, wanted: Key) -> Vec<Row> {
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

/// The cell of `first` to compare `cell` of `run` with: if possible of the same file, then of the same device, then with figures.
fn base(first: &Run, run: &Run, cell: &Cell) -> Option<usize> {
    let id = device(run, cell).map(|device| device.id.as_str());
    let rank = |other: &Cell| {
        let same_device = device(first, other).map(|device| device.id.as_str()) == id;
        [other.source != cell.source, !same_device, other.warm.is_none()]
    };
    let candidates = first.report.cells.iter().enumerate().filter(|(_, other)| key(other) == key(cell));
    candidates.min_by_key(|(_, other)| rank(other)).map(|(index, _)| index)
}

/// Images per second relative to those of `base`, and what to make of that; or why there is nothing to make.
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

fn device<'a>(run: &'a Run, cell: &Cell) -> Option<&'a Device> {
    run.report.devices.get(cell.device)
}

/// Every device that disagrees with the reference of its machine, and every machine whose reference disagrees with that of another.
fn mismatches(runs: &[Run]) -> Vec<String> {
    let mut seen: Vec<(&Run, &Cell)> = Vec::new();
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
                // Once for a machine, not for each of its devices.
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
