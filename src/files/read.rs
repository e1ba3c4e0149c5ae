//! Reading at any offset, from a file or from memory.

use crate::error::{Error, Result};
use memmap2::Mmap;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Bytes that can be read at any offset: those in memory, or a file.
pub trait ReadExactAt {
    /// Fills `buffer` with the bytes from `offset` on.
    fn read_exact_at(&self, offset: usize, buffer: &mut [u8]) -> io::Result<()>;
}

impl<T: AsRef<[u8]> + ?Sized> ReadExactAt for T {
    fn read_exact_at(&self, offset: usize, buffer: &mut [u8]) -> io::Result<()> {
        let found = self.as_ref().get(offset..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// An open regular file with its path, so that no one needs to open it again. Its bytes are read when they are needed;
/// [`RegularFile::map`] maps them into memory.
#[derive(Debug)]
pub struct RegularFile {
    path: PathBuf,
    file: File,
    len: usize,
}

impl RegularFile {
    /// Opens a file for reading. Opening a pipe or a device could block forever, so for those the error is `refused`.
    pub fn open(path: &Path, refused: impl FnOnce() -> Error) -> Result<Self> {
        let io = |source| Error::io(path, source);
        if !std::fs::metadata(path).map_err(io)?.is_file() {
            return Err(refused());
        }
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().and_then(|meta| usize::try_from(meta.len()).map_err(io::Error::other)).map_err(io)?;
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

    fn bytes(&self, range: Range<usize>) -> Result<Vec<u8>> {
        let mut bytes = vec![0; range.len()];
        self.read_exact_at(range.start, &mut bytes).map_err(|source| Error::io(&self.path, source))?;
        Ok(bytes)
    }

    /// Maps the file into memory. It must not be changed for as long as the map is in use.
    pub fn map(&self) -> Result<Mmap> {
        // SAFETY: the map is private to this process and only read. If another process truncates or rewrites the file
        // meanwhile, reads may fault or see other bytes; the documentation of every caller's entry point says that
        // this must not happen, as for all memory-mapped formats. Lengths and checksums are checked on the mapped
        // bytes.
        unsafe { Mmap::map(&self.file) }.map_err(|source| Error::io(&self.path, source))
    }
}

impl ReadExactAt for RegularFile {
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
        let file = RegularFile::open(&path, || Error::Usage("refused".into())).unwrap();
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
        let error = RegularFile::open(folder.path(), || Error::Usage("refused".into())).unwrap_err();
        assert_eq!(error.to_string(), "refused");
    }
}
