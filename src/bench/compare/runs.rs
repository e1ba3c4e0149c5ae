//! The runs that are compared.

use crate::bench::report::{Cell, Device, Report};
use crate::error::Result;
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

    /// The device of a cell.
    pub(super) fn device(&self, cell: &Cell) -> Option<&Device> {
        self.report.devices.get(cell.device)
    }
}

/// What must be equal for two figures to be of the same work: model, bits, input and batch.
pub(super) type Key<'a> = (&'a str, &'a str, [usize; 3], usize);

/// The work of a cell.
pub(super) fn key(cell: &Cell) -> Key<'_> {
    (&cell.model, &cell.bits, cell.input, cell.batch)
}
