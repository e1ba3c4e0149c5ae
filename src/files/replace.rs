//! Writing files: a file appears whole or not at all.

use super::target::{Target, folder};
use super::temporary::TemporaryFolder;
use crate::error::{Error, Result};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Replaces `path` by a file of these bytes, or leaves it as it was.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<()> {
    stage(path, |temporary| std::fs::write(temporary, bytes))?.commit()
}

/// Whether [`replace_file`] could write `path` now, without touching it.
///
/// # Errors
/// [`Error::Io`] if it could not.
pub fn check_replaceable(path: &Path) -> Result<()> {
    let check = || match Target::of(path)? {
        Target::File(file) => TemporaryFolder::within(folder(&file)).map(drop),
        // Opening a pipe would wait for its reader.
        Target::Stream(stream) if is_pipe(&stream) => Ok(()),
        Target::Stream(stream) => File::options().append(true).open(stream).map(drop),
    };
    check().map_err(|e| Error::io(path, e))
}

/// Whether `path` is a pipe, a device or the like, to which bytes are appended: writing it twice shows both.
pub fn is_stream(path: &Path) -> bool {
    matches!(Target::of(path), Ok(Target::Stream(_)))
}

/// A file that is written completely, but not in its place yet. If it is dropped, nothing happened.
#[derive(Debug)]
pub struct Staged {
    /// The path that the user gave.
    path: PathBuf,
    target: Target,
    written: PathBuf,
    /// Removes `written`, if it is still there.
    _temporary: TemporaryFolder,
}

/// Writes the file that `write` makes, to take the place of `path` at [`Staged::commit`].
///
/// The new file has the permissions and, where possible, the owner of the one it replaces. A symbolic link is followed.
/// Pipes and devices are written to instead of being replaced.
///
/// # Errors
/// [`Error::Io`]; then `path` is as it was.
pub fn stage(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> Result<Staged> {
    let staged = || {
        let target = Target::of(path)?;
        // A file is made on the disk of its target, so that it can be renamed into its place. It is in a folder of its
        // own, since `write` may use a temporary file beside it.
        let temporary = match &target {
            Target::File(file) => TemporaryFolder::within(folder(file)),
            Target::Stream(_) => TemporaryFolder::within(&std::env::temp_dir()),
        }?;
        let written = temporary.path().join("file");
        write(&written)?;
        if let Target::File(replaced) = &target {
            let file = File::options().write(true).open(&written)?;
            take_permissions(&file, replaced, temporary.path())?;
            file.sync_all()?;
        }
        Ok(Staged { path: path.to_owned(), target, written, _temporary: temporary })
    };
    staged().map_err(|e| Error::io(path, e))
}

impl Staged {
    /// Puts the file in its place.
    ///
    /// # Errors
    /// [`Error::Io`]; then `path` is as it was, unless it is a pipe or a device, which may have got a part.
    pub fn commit(self) -> Result<()> {
        let done = match &self.target {
            Target::File(file) => std::fs::rename(&self.written, file),
            Target::Stream(stream) => append(&self.written, stream),
        };
        done.map_err(|e| Error::io(&self.path, e))
    }
}

#[cfg(unix)]
fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_pipe(_: &Path) -> bool {
    false
}

fn append(from: &Path, stream: &Path) -> io::Result<()> {
    let mut to = File::options().append(true).open(stream)?;
    io::copy(&mut File::open(from)?, &mut to).map(drop)
}

/// Gives a new file the permissions of the file that it replaces, if there is one, and otherwise those of any new file of
/// this user (the umask). Who wrote it may have used a temporary file, which only its user can read; only another new
/// file, in the folder `temporary`, tells what is usual.
fn take_permissions(file: &File, replaced: &Path, temporary: &Path) -> io::Result<()> {
    let Ok(old) = std::fs::metadata(replaced) else {
        let other = File::create_new(temporary.join("other"))?;
        return file.set_permissions(other.metadata()?.permissions());
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        // Only root may give files away; for others the file is their own afterwards.
        let _ = fchown(file, Some(old.uid()), Some(old.gid()));
    }
    file.set_permissions(old.permissions())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn an_existing_file_keeps_its_mode_and_a_link_stays() {
        let root = tempfile::tempdir().unwrap();
        let (file, link) = (root.path().join("file"), root.path().join("link"));
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        symlink("file", &link).unwrap();
        replace_file(&link, b"new").unwrap();
        assert_eq!((std::fs::read(&file).unwrap(), mode(&file)), (b"new".to_vec(), 0o640));
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_new_file_has_the_mode_of_any_other() {
        let root = tempfile::tempdir().unwrap();
        let (ours, other) = (root.path().join("ours"), root.path().join("other"));
        replace_file(&ours, b"").unwrap();
        std::fs::write(&other, "").unwrap();
        assert_eq!(mode(&ours), mode(&other));
        // As `safetensors` writes one: by a temporary file that only its user can read.
        let private = |path: &Path| {
            std::fs::write(path, "").and_then(|()| std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)))
        };
        std::fs::remove_file(&ours).unwrap();
        stage(&ours, private).unwrap().commit().unwrap();
        assert_eq!(mode(&ours), mode(&other));
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_is_staged_and_dropped_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("file");
        std::fs::write(&path, "old").unwrap();
        drop(stage(&path, |file| std::fs::write(file, "new")).unwrap());
        let failed = stage(&path, |file| std::fs::write(file, "new").and(Err(io::Error::other("disk full"))));
        assert_eq!(failed.unwrap_err().to_string(), format!("{}: disk full", path.display()));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_pipe_is_written_to() {
        let root = tempfile::tempdir().unwrap();
        let pipe = root.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read(pipe).unwrap()
        });
        assert!(is_stream(&pipe));
        check_replaceable(&pipe).unwrap();
        replace_file(&pipe, b"through").unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_device_stays_a_device() {
        replace_file(Path::new("/dev/null"), b"nothing").unwrap();
        assert!(is_stream(Path::new("/dev/null")));
    }
}
