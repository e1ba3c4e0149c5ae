//! Replacing files: a written file appears whole or not at all.

use crate::error::{Error, Result};
use std::fs::File;
use std::io;
use std::path::Path;

/// Replaces `path` by a file of these bytes, or leaves it as it was.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, |temporary| std::fs::write(temporary, bytes))
}

/// Whether [`replace_file`] could write `path` now, without touching it.
///
/// # Errors
/// [`Error::Io`] if it could not.
pub fn check_replaceable(path: &Path) -> Result<()> {
    tempfile::tempdir_in(folder(path)).map(drop).map_err(|e| Error::io(path, e))
}

/// Replaces `path` by the file that `write` makes, or leaves it as it was.
pub fn replace(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
    // The new file is made in a folder of its own, since `write` may use a temporary file beside it. The folder is on
    // the same disk, so that the file can be renamed into its place.
    let temporary = tempfile::Builder::new().prefix(".lq-infer-").tempdir_in(folder(path));
    let replaced = temporary.and_then(|temporary| {
        let written = temporary.path().join("file");
        write(&written)?;
        let file = File::options().write(true).open(&written)?;
        share(&file)?;
        file.sync_all()?;
        std::fs::rename(written, path)
    });
    replaced.map_err(|e| Error::io(path, e))
}

/// The folder of a file.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Temporary files are private; a written file should be as readable as any other.
#[cfg(unix)]
fn share(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn share(_: &File) -> io::Result<()> {
    Ok(())
}
