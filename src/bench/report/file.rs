//! Reports as files.

use super::{Report, SCHEMA};
use crate::error::{Error, Result};
use crate::format::replace_file;
use std::path::Path;

/// Columns of [`Report::csv`].
const COLUMNS: &str = "device,api,driver,model,bits,batch,count,median_s,p95_s,p99_s,least_s,spread,images_per_second,\
                       load_s,lower_s,compile_s,first_run_s,digest,problem,noise";

impl Report {
    /// Reads a report.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::BadInput`] if it holds no report of this version, or one that
    /// contradicts itself.
    pub fn read(path: &Path) -> Result<Report> {
        let bad = |problem: String| Error::bad_input(path, problem);
        let text = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        let value: serde_json::Value =
            serde_json::from_slice(&text).map_err(|e| bad(format!("is no benchmark report: {e}")))?;
        match value.get("schema").and_then(serde_json::Value::as_u64) {
            Some(version) if version == u64::from(SCHEMA) => {}
            Some(version) => return Err(bad(format!("is a report of schema {version}, expected {SCHEMA}"))),
            None => return Err(bad(format!("is no benchmark report: it has no \"schema\", expected {SCHEMA}"))),
        }
        let report: Report = serde_json::from_value(value).map_err(|e| bad(format!("is no benchmark report: {e}")))?;
        match report.cells.iter().find(|cell| cell.device >= report.devices.len()) {
            Some(cell) => Err(bad(format!("names device {} of {}", cell.device, report.devices.len()))),
            None => Ok(report),
        }
    }

    /// Writes the report as JSON; the file appears whole or not at all.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self);
        let text = text.map_err(|e| Error::Usage(format!("the report cannot be written as JSON: {e}")))?;
        replace_file(path, (text + "\n").as_bytes())
    }

    /// One line per cell, after one with the names of the columns. Cells without figures leave those fields empty.
    pub fn csv(&self) -> String {
        let mut text = format!("{COLUMNS}\n");
        for cell in &self.cells {
            let Some(device) = self.devices.get(cell.device) else { continue };
            let mut fields = vec![device.name.clone(), device.api.clone(), device.driver.clone(), cell.model.clone()];
            fields.extend([cell.bits.clone(), cell.batch.to_string()]);
            let (warm, cold) = (cell.warm.as_ref(), cell.cold);
            fields.push(warm.map_or(String::new(), |w| w.wall.count.to_string()));
            let wall = warm.map(|w| w.wall);
            let times = [wall.map(|w| w.median), wall.map(|w| w.p95), wall.map(|w| w.p99), wall.map(|w| w.least)];
            let rates = [wall.map(|w| w.spread), warm.map(|w| w.images_per_second)];
            let cold =
                [cold.map(|c| c.load), cold.map(|c| c.lower), cold.map(|c| c.compile), cold.map(|c| c.first_run)];
            let numbers = times.into_iter().chain(rates).chain(cold);
            fields.extend(numbers.map(|n| n.map_or(String::new(), |n| n.to_string())));
            fields.push(cell.digest.found.clone().unwrap_or_default());
            fields.push(cell.problem.clone().unwrap_or_default());
            fields.push(warm.map_or(String::new(), |w| w.noise.join("; ")));
            text.push_str(&fields.iter().map(|f| quoted(f)).collect::<Vec<_>>().join(","));
            text.push('\n');
        }
        text
    }
}

/// A field of CSV (RFC 4180).
fn quoted(field: &str) -> String {
    match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}
