//! Compares the reports of several runs, on one machine or on many, and the devices of a single run.

mod mismatches;
mod rows;
mod runs;

pub use rows::{Row, Verdict};
pub use runs::NamedReport;

use super::names::Names;
use super::report::{COLUMNS, Cell, Device, csv_line, fields};
use crate::error::{Error, Result};
use crate::session::{DeviceInfo, DeviceSelector};
use rows::{Against, NO_BASELINE, rows};
use serde::Serialize;

/// The version of the JSON of a comparison.
const SCHEMA: u32 = 1;

/// The figures of all runs, compared with those of the first run. Like is compared with like: figures of the same model,
/// widths, input and batch size, on the same device or on one of the same kind. The devices of a single run are compared
/// with the first one of their kind.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The runs.
    pub runs: Vec<NamedReport>,
    /// The device of the first run that everything is compared with, by its index there, if one was chosen.
    pub baseline: Option<usize>,
    /// Ordered by model and batch size, then by run.
    pub rows: Vec<Row>,
    /// Sentences about devices whose logits differ from the reference's or from other machines'.
    pub mismatches: Vec<String>,
}

/// One figure in the JSON of a comparison.
#[derive(Serialize)]
struct Figure<'a> {
    run: &'a str,
    device: &'a str,
    api: &'a str,
    model: &'a str,
    bits: &'a str,
    batch: usize,
    seconds: Option<f64>,
    images_per_second: Option<f64>,
    spread: Option<f64>,
    /// Id of the first run's device that it is compared with.
    against: Option<&'a str>,
    ratio: Option<f64>,
    verdict: &'a str,
}

/// The JSON of a comparison.
#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    figures: Vec<Figure<'a>>,
    mismatches: &'a [String],
    runs: &'a [NamedReport],
}

impl Comparison {
    /// Compares all runs with the first, or the devices of the only one.
    pub fn new(runs: Vec<NamedReport>) -> Self {
        let against = if runs.len() > 1 { Against::FirstRun } else { Against::FirstDevice };
        Self::of(runs, against)
    }

    /// Compares everything with one device of the first run.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] if the first run has no such device.
    pub fn with_baseline(runs: Vec<NamedReport>, device: &DeviceSelector) -> Result<Self> {
        let devices = runs.first().map_or(&[][..], |run| &run.report.devices);
        let infos: Vec<DeviceInfo> = devices.iter().enumerate().map(info).collect();
        let chosen = device.choose(&infos)?.index;
        Ok(Self::of(runs, Against::Device(chosen)))
    }

    fn of(runs: Vec<NamedReport>, against: Against) -> Self {
        let baseline = if let Against::Device(index) = against { Some(index) } else { None };
        Comparison { rows: rows(&runs, against), mismatches: mismatches::mismatches(&runs), baseline, runs }
    }

    /// Names that tell all devices and models apart.
    pub fn names(&self) -> Names {
        Names::of(self.runs.iter().map(|run| &run.report))
    }

    /// The cell of a row.
    pub fn cell(&self, row: &Row) -> Option<&Cell> {
        self.runs.get(row.run)?.report.cells.get(row.cell)
    }

    /// What a row is compared with.
    pub fn base(&self, row: &Row) -> Option<&Cell> {
        self.runs.first()?.report.cells.get(row.base?)
    }

    /// The device that a row is compared with.
    pub fn base_device(&self, row: &Row) -> Option<&Device> {
        self.runs.first()?.device(self.base(row)?)
    }

    /// The device that everything is compared with, if one was chosen.
    pub fn baseline(&self) -> Option<&Device> {
        self.runs.first()?.report.devices.get(self.baseline?)
    }

    /// Whether any figure has something to be compared with.
    pub fn compares(&self) -> bool {
        let tells = |row: &Row| row.ratio.is_some() && row.verdict != Verdict::Baseline;
        self.rows.iter().any(tells)
    }

    /// What to do if the runs have nothing in common.
    pub fn advice(&self) -> Option<String> {
        let mut others = self.rows.iter().filter(|row| row.run > 0).peekable();
        others.peek()?;
        let none =
            |row: &Row| matches!(&row.verdict, Verdict::NotComparable(reason) if reason.starts_with(NO_BASELINE));
        let first = &self.runs.first()?.name;
        others.all(none).then(|| {
            format!(
                "nothing to compare with in {first}: it has no figure of the same model, widths, input and batch size on \
                 such a device. Measure the same on both (the same arguments of `lq-infer bench`), or choose a device \
                 of {first} with --baseline"
            )
        })
    }

    /// The rows as CSV, with the columns of a report's CSV and those of the comparison.
    pub fn csv(&self) -> String {
        let mut text = format!("run,{COLUMNS},against,ratio,verdict\n");
        for row in &self.rows {
            let Some((run, cell)) = self.runs.get(row.run).zip(self.cell(row)) else { continue };
            let mut line = vec![run.name.clone()];
            line.extend(fields(&run.report, cell));
            line.push(self.base_device(row).map_or(String::new(), |device| device.id.clone()));
            line.push(row.ratio.map_or(String::new(), |ratio| ratio.to_string()));
            line.push(row.verdict.text().to_owned());
            text.push_str(&csv_line(&line));
        }
        text
    }

    /// The comparison as JSON (`benches/README.md` describes it).
    ///
    /// # Errors
    /// [`Error::Usage`] if a number cannot be written, which does not happen.
    pub fn json(&self) -> Result<String> {
        let figures = self.rows.iter().filter_map(|row| self.figure(row)).collect();
        let document = Document { schema: SCHEMA, figures, mismatches: &self.mismatches, runs: &self.runs };
        serde_json::to_string(&document).map_err(|error| Error::Usage(error.to_string()))
    }

    fn figure<'a>(&'a self, row: &'a Row) -> Option<Figure<'a>> {
        let (run, cell) = (self.runs.get(row.run)?, self.cell(row)?);
        let device = run.device(cell)?;
        let warm = cell.warm.as_ref();
        Some(Figure {
            run: &run.name,
            device: &device.id,
            api: &device.api,
            model: &cell.model,
            bits: &cell.bits,
            batch: cell.batch,
            seconds: warm.map(|warm| warm.wall.median),
            images_per_second: warm.map(|warm| warm.images_per_second),
            spread: warm.map(|warm| warm.wall.spread),
            against: self.base_device(row).map(|device| device.id.as_str()),
            ratio: row.ratio,
            verdict: row.verdict.text(),
        })
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

/// A report's device as `lq-infer devices` knew it, so that the same words select it.
fn info((index, device): (usize, &Device)) -> DeviceInfo {
    DeviceInfo {
        index,
        id: device.id.clone(),
        name: device.name.clone(),
        api: device.api.clone(),
        driver: device.driver.clone(),
        pci_id: device.pci_id.clone(),
        software: device.software,
        unusable: device.problem.clone(),
        failed_check: None,
        processor: None,
        gpu: None,
    }
}

#[cfg(test)]
mod tests;
