//! Opening and reading files. Only regular files are opened: a pipe or a device could block forever or have no end.

use crate::error::{Error, Result};
use std::fs::{File, FileType, Metadata};
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Bytes that can be read at any offset: those in memory, or a file.
pub trait ReadExactAt {
    /// Fills `buffer` with the bytes from `offset` on.
    fn read_exact_at(&self, offset: usize, buffer: &mut [u8]) -> io::Result<()>;

    /// How many bytes there are.
    fn size(&self) -> usize;
}

/// The bytes of a range of `file`, of which there may be at most `most`; `what` is their name in messages.
pub fn read_range(file: &dyn ReadExactAt, range: Range<usize>, most: usize, what: &str) -> Result<Vec<u8>, String> {
    if range.len() > most {
        return Err(format!("{what} takes {} bytes, expected at most {most}", range.len()));
    }
    let mut bytes = vec![0; range.len()];
    let read = file.read_exact_at(range.start, &mut bytes);
    read.map(|()| bytes).map_err(|e| format!("{what} cannot be read: {e}"))
}

impl<T: AsRef<[u8]> + ?Sized> ReadExactAt for T {
    fn read_exact_at(&self, offset: usize, buffer: &mut [u8]) -> io::Result<()> {
        let found = self.as_ref().get(offset..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn size(&self) -> usize {
        self.as_ref().len()
    }
}

/// An open regular file with its path, so that no one needs to open it again. Its bytes are read when they are needed.
/// It is never mapped into memory: a mapped file that another program truncates kills the process that reads it.
#[derive(Debug)]
pub struct RegularFile {
    path: PathBuf,
    file: File,
    len: usize,
}

impl RegularFile {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be opened or is no regular file.
    pub fn open(path: &Path) -> Result<Self> {
        let open = || {
            need_regular(&std::fs::metadata(path)?)?;
            let file = File::open(path)?;
            let meta = file.metadata()?;
            // Another file may have taken its place meanwhile.
            need_regular(&meta)?;
            Ok((file, usize::try_from(meta.len()).map_err(io::Error::other)?))
        };
        let (file, len) = open().map_err(|source| Error::io(path, source))?;
        Ok(RegularFile { path: path.to_owned(), file, len })
    }

    /// The path that it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Length in bytes when it was opened.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it had no bytes when it was opened.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its first bytes, at most `most`.
    pub fn head(&self, most: usize) -> Result<Vec<u8>> {
        self.bytes(0..most.min(self.len))
    }

    /// Its last bytes, at most `most`.
    pub fn tail(&self, most: usize) -> Result<Vec<u8>> {
        self.bytes(self.len.saturating_sub(most)..self.len)
    }

    /// The bytes of a range.
    pub fn bytes(&self, range: Range<usize>) -> Result<Vec<u8>> {
        let mut bytes = vec![0; range.len()];
        self.read_exact_at(range.start, &mut bytes).map_err(|source| self.changed(source))?;
        Ok(bytes)
    }

    /// The error of reading from this file. That it ends too early means that it was shortened since it was opened.
    pub fn changed(&self, source: io::Error) -> Error {
        let source = match source.kind() {
            io::ErrorKind::UnexpectedEof => io::Error::other("was shortened while it was read"),
            _ => source,
        };
        Error::io(&self.path, source)
    }
}

/// All bytes of a regular file, which may have at most `most`.
pub fn read_file(path: &Path, most: usize) -> Result<Vec<u8>> {
    // The length that the system states is not relied on: some files of Linux's /proc state none.
    read_limited(&RegularFile::open(path)?.file, most, path)
}

/// The text of a regular file, which may have at most `most` bytes. A byte order mark is left out.
pub fn read_text(path: &Path, most: usize) -> Result<String> {
    let text = String::from_utf8(read_file(path, most)?);
    let text = text.map_err(|_| Error::bad_input(path, "is no text in UTF-8"))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Reads to the end, which must come within `most` bytes. Errors name `path`.
pub fn read_limited(from: impl Read, most: usize, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take((most as u64).saturating_add(1)).read_to_end(&mut bytes).map_err(|e| Error::io(path, e))?;
    if bytes.len() > most {
        return Err(Error::bad_input(path, format!("is larger than {most} bytes, the most that is read here")));
    }
    Ok(bytes)
}

/// An error that says what the file is instead.
fn need_regular(meta: &Metadata) -> io::Result<()> {
    if meta.is_file() {
        return Ok(());
    }
    let (kind, found) = match meta.is_dir() {
        true => (io::ErrorKind::IsADirectory, "a directory"),
        false => (io::ErrorKind::InvalidInput, special(meta.file_type())),
    };
    Err(io::Error::new(kind, format!("is {found}, expected a regular file")))
}

/// What a file is that is neither regular nor a directory.
#[cfg(unix)]
fn special(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn special(_: FileType) -> &'static str {
    "a special file"
}

impl ReadExactAt for RegularFile {
    fn size(&self) -> usize {
        self.len
    }

    #[cfg(unix)]
    fn read_exact_at(&self, offset: usize, buffer: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, buffer, offset as u64)
    }

    #[cfg(windows)]
    fn read_exact_at(&self, mut offset: usize, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(&self.file, buffer, offset as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => (offset, buffer) = (offset + read, buffer.get_mut(read..).unwrap_or_default()),
            }
        }
        Ok(())
    }

    /// Elsewhere, such as in a browser, there are no files.
    #[cfg(not(any(unix, windows)))]
    fn read_exact_at(&self, _: usize, _: &mut [u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Reads a range of a file from its start to its end.
pub struct RangeReader<'a> {
    /// What is read.
    pub file: &'a dyn ReadExactAt,
    /// The bytes that are left to read.
    pub range: Range<usize>,
}

impl Read for RangeReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(self.range.len());
        self.file.read_exact_at(self.range.start, buffer.get_mut(..len).unwrap_or_default())?;
        self.range.start += len;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_memory_read_alike() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"0123456789").unwrap();
        let file = RegularFile::open(&path).unwrap();
        assert_eq!((file.head(3).unwrap(), file.tail(3).unwrap()), (b"012".to_vec(), b"789".to_vec()));
        assert_eq!((file.head(99).unwrap().len(), file.tail(99).unwrap().len(), file.len()), (10, 10, 10));
        let sources: [&dyn ReadExactAt; 2] = [&file, b"0123456789"];
        for source in sources {
            let mut found = [0; 4];
            source.read_exact_at(3, &mut found).unwrap();
            assert_eq!(&found, b"3456");
            assert_eq!(source.read_exact_at(7, &mut found).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
            assert!(source.read_exact_at(usize::MAX, &mut found).is_err());
            let mut text = String::new();
            RangeReader { file: source, range: 2..9 }.read_to_string(&mut text).unwrap();
            assert_eq!(text, "2345678");
        }
    }

    #[test]
    fn shortened_files_are_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"0123456789").unwrap();
        let open = RegularFile::open(file.path()).unwrap();
        std::fs::write(file.path(), b"0123").unwrap();
        let error = open.tail(3).unwrap_err().to_string();
        assert!(error.ends_with("was shortened while it was read"), "{error}");
    }

    #[test]
    fn limits_hold() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "\u{feff}text").unwrap();
        assert_eq!(read_text(file.path(), 7).unwrap(), "text");
        let error = read_file(file.path(), 6).unwrap_err().to_string();
        assert!(error.contains("larger than 6 bytes"), "{error}");
        std::fs::write(file.path(), [0xff]).unwrap();
        assert!(read_text(file.path(), 7).unwrap_err().to_string().contains("UTF-8"));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_named_and_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let cases = [
            (folder.path(), "a directory"),
            (&socket, "a socket"),
            (&pipe, "a pipe"),
            (Path::new("/dev/zero"), "a device"),
        ];
        for (path, found) in cases {
            let expected = format!("{}: is {found}, expected a regular file", path.display());
            assert_eq!(RegularFile::open(path).unwrap_err().to_string(), expected);
            assert_eq!(read_file(path, 10).unwrap_err().to_string(), expected);
        }
    }
}
