//! The forms of checkpoints that are a single file.

use super::foreign;
use super::npz::Npz;
use super::reader::Reader;
use super::safetensors::{self, SafetensorsFile};
use super::torch::{self, TorchFile};
use super::views::Selection;
use super::zip_directory;
use crate::files::{ReadExactAt, quoted};

/// What a single file is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileForm {
    Zip,
    Pickle,
    Safetensors,
}

impl FileForm {
    pub(super) fn of(head: &[u8]) -> Option<FileForm> {
        if zip_directory::MAGICS.iter().any(|magic| head.starts_with(*magic)) {
            Some(FileForm::Zip)
        } else if torch::has_pickle_magic(head) {
            Some(FileForm::Pickle)
        } else {
            safetensors::has_magic(head).then_some(FileForm::Safetensors)
        }
    }

    /// Parses the list of variables of a whole file of this form.
    pub(super) fn parse(self, file: &dyn ReadExactAt, selection: Selection) -> Result<Box<dyn Reader>, String> {
        Ok(match self {
            FileForm::Pickle => Box::new(TorchFile::from_pickles(file, selection)?),
            FileForm::Zip => {
                let entries = zip_directory::entries(file)?;
                foreign::check_entries(&entries)?;
                match torch::is_archive(&entries) {
                    true => Box::new(TorchFile::from_entries(file, entries, selection)?),
                    false => Box::new(one_dict(selection, Npz::from_entries(file, entries)?)?),
                }
            }
            FileForm::Safetensors => Box::new(one_dict(selection, SafetensorsFile::parse_selected(file, selection)?)?),
        })
    }
}

/// Refuses a key for a file of a form that has no keys.
pub(super) fn one_dict<T>(selection: Selection, file: T) -> Result<T, String> {
    match selection.key {
        None => Ok(file),
        Some(key) => Err(format!("a file of this form holds one state dict and no key {}", quoted(key.as_bytes()))),
    }
}
