//! Where the bytes go that are written to a path.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Most symbolic links that are followed one after the other, as on Linux (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// What a path leads to when it is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A file, existing or not, which is replaced as a whole. A symbolic link to it stays and is followed.
    File(PathBuf),
    /// A device, a pipe, or an open file of this process such as `/dev/stdout`. Bytes are appended to it.
    Stream(PathBuf),
}

impl Target {
    /// Follows `path`.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            if is_open_file(&path) {
                return Ok(Target::Stream(path));
            }
            let meta = match std::fs::symlink_metadata(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Target::File(path)),
                other => other?,
            };
            if meta.is_symlink() {
                path = folder(&path).join(std::fs::read_link(&path)?);
            } else if meta.is_dir() {
                return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory, expected a file"));
            } else if meta.is_file() {
                // Replacing a file needs no right to write it, but without that right its owner does not expect it.
                return File::options().write(true).open(&path).map(|_| Target::File(path));
            } else {
                return Ok(Target::Stream(path));
            }
        }
        Err(io::Error::other("leads through too many symbolic links"))
    }
}

/// Whether a path stands for an open file of a process, as `/dev/stdout`, `/dev/fd/1` and `/proc/self/fd/1` do.
fn is_open_file(path: &Path) -> bool {
    cfg!(unix) && folder(path).canonicalize().is_ok_and(|f| f.starts_with("/proc") || f.starts_with("/dev/fd"))
}

/// The folder of a file.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        std::fs::create_dir(at("sub")).unwrap();
        std::fs::write(at("sub/file"), "").unwrap();
        symlink("sub/file", at("link")).unwrap();
        symlink("link", at("link to link")).unwrap();
        symlink("missing", at("sub/dangling")).unwrap();
        symlink("circle", at("circle")).unwrap();
        symlink("/dev/null", at("null")).unwrap();
        assert_eq!(Target::of(&at("link to link")).unwrap(), Target::File(at("sub/file")));
        assert_eq!(Target::of(&at("sub/dangling")).unwrap(), Target::File(at("sub/missing")));
        assert_eq!(Target::of(&at("null")).unwrap(), Target::Stream("/dev/null".into()));
        assert!(Target::of(&at("circle")).unwrap_err().to_string().contains("too many symbolic links"));
        assert!(Target::of(&at("sub")).unwrap_err().to_string().contains("is a directory"));
        assert_eq!(Target::of(Path::new("new")).unwrap(), Target::File("new".into()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn standard_output_is_a_stream() {
        for path in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
            assert!(matches!(Target::of(Path::new(path)), Ok(Target::Stream(_))), "{path}");
        }
    }
}
