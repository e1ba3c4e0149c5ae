//! Which figure each figure is compared with, and what comes of it.

use super::runs::{Key, NamedReport, key};
use crate::bench::report::{Cell, Device};
use serde::Serialize;

/// One figure, compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Index in [`super::Comparison::runs`].
    pub run: usize,
    /// Index in the cells of that run.
    pub cell: usize,
    /// Index of the first run's cell that it is compared with.
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
    /// It is what others are compared with.
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

/// What figures are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Against {
    /// Those of the first run on the same device, or on one of its kind.
    FirstRun,
    /// Those of the first device of its kind, in the only run.
    FirstDevice,
    /// Those of one device of the first run, whatever its kind.
    Device(usize),
}

/// Why there is nothing to compare with: the first run did not measure this work.
pub(super) const NO_BASELINE: &str = "no baseline";
/// It did, but on other kinds of devices.
const OTHER_KIND: &str = "no baseline of its kind";

/// A row for each figure, ordered by work, then by run.
pub(super) fn rows(runs: &[NamedReport], against: Against) -> Vec<Row> {
    let mut keys: Vec<Key> = Vec::new();
    for key in runs.iter().flat_map(|run| &run.report.cells).map(key) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let Some(first) = runs.first() else { return Vec::new() };
    let of = |wanted: Key, (at, run): (usize, &NamedReport)| -> Vec<Row> {
        let cells = run.report.cells.iter().enumerate().filter(|(_, cell)| key(cell) == wanted);
        cells.map(|(index, cell)| row(first, against, [at, index], (run, cell))).collect()
    };
    keys.iter().flat_map(|wanted| runs.iter().enumerate().flat_map(|run| of(*wanted, run))).collect()
}

fn row(first: &NamedReport, against: Against, [at, index]: [usize; 2], (run, cell): (&NamedReport, &Cell)) -> Row {
    let base = match against {
        Against::FirstRun if at == 0 => Ok(index),
        _ => base(first, against, run, cell),
    };
    let compared = match base {
        Ok(base) if at == 0 && base == index => Ok((Verdict::Baseline, cell.warm.as_ref().map(|_| 1.0))),
        Ok(base) => compare(&first.report.cells[base], cell).map(|(verdict, ratio)| (verdict, Some(ratio))),
        Err(reason) => Err(reason),
    };
    let (verdict, ratio) = compared.unwrap_or_else(|reason| (Verdict::NotComparable(reason.to_owned()), None));
    Row { run: at, cell: index, base: base.ok(), ratio, verdict }
}

/// The cell of `first` to compare `cell` of `run` with. The same model file comes first, then the same device, then the
/// same API, then one that has figures.
fn base(first: &NamedReport, against: Against, run: &NamedReport, cell: &Cell) -> Result<usize, &'static str> {
    let own = run.device(cell);
    let alike = |other: &Cell| match against {
        Against::Device(index) => other.device == index,
        Against::FirstRun | Against::FirstDevice => kind(first.device(other)) == kind(own),
    };
    let rank = |other: &Cell| {
        let device = first.device(other);
        let differs = |of: fn(&Device) -> &str| device.map(of) != own.map(of);
        let within = against == Against::FirstDevice;
        [
            other.source != cell.source,
            !within && differs(|device| &device.id),
            !within && differs(|device| &device.api),
            other.warm.is_none(),
        ]
    };
    let mut same_work = first.report.cells.iter().enumerate().filter(|(_, other)| key(other) == key(cell)).peekable();
    let none = if same_work.peek().is_none() { NO_BASELINE } else { OTHER_KIND };
    let best = same_work.filter(|(_, other)| alike(other)).min_by_key(|(_, other)| rank(other));
    best.map(|(index, _)| index).ok_or(none)
}

/// What a device is: only figures of one kind are compared unless a device is named. The reference is not meant to be
/// fast.
fn kind(device: Option<&Device>) -> &'static str {
    match device {
        Some(device) if device.api == "cpu" && device.name == "cpu-reference" => "reference",
        Some(device) if device.api == "cpu" => "processor",
        Some(device) if device.software => "software",
        Some(_) => "hardware",
        None => "?",
    }
}

/// The verdict and the ratio of images per second to `base`'s, or why they cannot be compared.
fn compare(base: &Cell, cell: &Cell) -> Result<(Verdict, f64), &'static str> {
    if base.source != cell.source {
        return Err("another model");
    }
    if base.digest.expected != cell.digest.expected || base.is_wrong() || cell.is_wrong() {
        return Err("digests differ");
    }
    let warm = cell.warm.as_ref().ok_or("no figure")?;
    let before = base.warm.as_ref().ok_or(NO_BASELINE)?;
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
