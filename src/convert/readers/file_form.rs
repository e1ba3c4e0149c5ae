//! The forms of checkpoints that are a single file.

use super::npz::Npz;
use super::reader::Reader;
use super::safetensors::{self, SafetensorsFile};
use super::torch::{self, TorchFile};
use super::zip_directory;

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
    pub(super) fn parse(self, file: &[u8]) -> Result<Box<dyn Reader>, String> {
        Ok(match self {
            FileForm::Safetensors => Box::new(SafetensorsFile::parse(file)?),
            FileForm::Pickle => Box::new(TorchFile::from_pickles(file)?),
            FileForm::Zip => {
                let entries = zip_directory::entries(file)?;
                match torch::is_archive(&entries) {
                    true => Box::new(TorchFile::from_entries(file, entries)?),
                    false => Box::new(Npz::from_entries(file, entries)?),
                }
            }
        })
    }
}
