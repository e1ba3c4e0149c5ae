//! Temporary folders that can be removed when a signal ends the process.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

/// The temporary folders of this process.
static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A folder that is removed with everything in it when this is dropped, and by [`remove_temporaries`].
#[derive(Debug)]
pub(super) struct TemporaryFolder(TempDir);

impl TemporaryFolder {
    /// A new folder in `parent`, which only this user can read.
    pub(super) fn within(parent: &Path) -> io::Result<Self> {
        // The lock is held until the folder is on the list, so that no folder is missed.
        let mut folders = lock();
        let folder = tempfile::Builder::new().prefix(".lq-infer-").tempdir_in(parent)?;
        folders.push(folder.path().to_owned());
        Ok(TemporaryFolder(folder))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        lock().retain(|folder| folder != self.0.path());
    }
}

/// Removes all temporary folders of this process, for a program that is about to end at a signal. From then on,
/// writing files waits for that end.
pub fn remove_temporaries() {
    let folders = lock();
    for folder in folders.iter() {
        // Nothing can be done about one that cannot be removed.
        let _ = std::fs::remove_dir_all(folder);
    }
    std::mem::forget(folders);
}

fn lock() -> MutexGuard<'static, Vec<PathBuf>> {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}
