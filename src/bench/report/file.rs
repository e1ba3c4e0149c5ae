//! Reading and writing reports.

use super::{Report, SCHEMA};
use crate::error::{Error, Result};
use crate::files::{read_text, replace_file};
use std::path::Path;

/// Largest report that is read. One of a hundred networks on ten devices takes about 10 MB.
const MAX_BYTES: usize = 256 << 20;

impl Report {
    /// Reads a report.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::BadInput`] if it is not a consistent report of this version.
    pub fn read(path: &Path) -> Result<Report> {
        let bad = |problem: String| Error::bad_input(path, problem);
        let text = read_text(path, MAX_BYTES)?;
        let value: serde_json::Value =
            serde_json::from_str(&text).map_err(|e| bad(format!("is no benchmark report: {e}")))?;
        match value.get("schema").and_then(serde_json::Value::as_u64) {
            Some(version) if version == u64::from(SCHEMA) => {}
            Some(version) => return Err(bad(format!("is a report of schema {version}, expected {SCHEMA}"))),
            None => return Err(bad(format!("is no benchmark report: it has no \"schema\", expected {SCHEMA}"))),
        }
        let mut report: Report =
            serde_json::from_value(value).map_err(|e| bad(format!("is no benchmark report: {e}")))?;
        for device in report.devices.iter_mut().filter(|device| device.api == "cpu") {
            // Before, ids of CPUs had an API too.
            device.id = device.id.strip_prefix("cpu:").unwrap_or(&device.id).to_owned();
        }
        match report.cells.iter().find(|cell| cell.device >= report.devices.len()) {
            Some(cell) => Err(bad(format!("names device {} of {}", cell.device, report.devices.len()))),
            None => Ok(report),
        }
    }

    /// Writes the report as JSON. The file is replaced as a whole or not at all.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self);
        let text = text.map_err(|e| Error::Usage(format!("the report cannot be written as JSON: {e}")))?;
        replace_file(path, (text + "\n").as_bytes())
    }
}
