//! Variables in pieces: the largest are hundreds of megabytes, and none has to be held in memory to be converted.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;

use super::element::Element;

/// Bytes read at a time, about.
pub(crate) const PIECE: usize = 1024 * 1024;

/// Takes the elements of a variable, some at a time and in C order.
pub type Sink<'a> = dyn FnMut(&[f32]) -> Result<(), String> + 'a;

/// Bytes that can be read at any place: those in memory, or a file.
pub trait ReadAt {
    /// Fills `buffer` with the bytes from `offset` on.
    fn read_at(&self, offset: usize, buffer: &mut [u8]) -> io::Result<()>;
}

impl<T: AsRef<[u8]> + ?Sized> ReadAt for T {
    fn read_at(&self, offset: usize, buffer: &mut [u8]) -> io::Result<()> {
        let found = self.as_ref().get(offset..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// A file whose bytes are read when they are needed. Unlike a memory map, it never holds more than a piece of them.
#[derive(Debug)]
pub(crate) struct DataFile(pub(crate) File);

impl DataFile {
    /// Length in bytes.
    pub(crate) fn len(&self) -> io::Result<usize> {
        usize::try_from(self.0.metadata()?.len()).map_err(io::Error::other)
    }
}

impl ReadAt for DataFile {
    #[cfg(unix)]
    fn read_at(&self, offset: usize, buffer: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.0, buffer, offset as u64)
    }

    #[cfg(windows)]
    fn read_at(&self, mut offset: usize, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(&self.0, buffer, offset as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => (offset, buffer) = (offset + read, buffer.get_mut(read..).unwrap_or_default()),
            }
        }
        Ok(())
    }
}

/// Reads a range from its start to its end.
pub(crate) struct RangeReader<'a, F: ?Sized> {
    pub(crate) file: &'a F,
    pub(crate) range: Range<usize>,
}

impl<F: ReadAt + ?Sized> Read for RangeReader<'_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(self.range.len());
        self.file.read_at(self.range.start, buffer.get_mut(..len).unwrap_or_default())?;
        self.range.start += len;
        Ok(len)
    }
}

/// Passes the next `len` bytes of `reader` on, in pieces of a whole number of units of `unit` bytes.
pub(crate) fn each_piece(
    mut reader: impl Read,
    len: usize,
    unit: usize,
    mut take: impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<(), String> {
    let unit = unit.clamp(1, len.max(1));
    let mut buffer = vec![0; len.min(PIECE.max(unit) / unit * unit)];
    let mut left = len;
    while left > 0 {
        let most = left.min(buffer.len());
        let piece = buffer.get_mut(..most).unwrap_or_default();
        reader.read_exact(piece).map_err(truncated)?;
        take(piece)?;
        left -= piece.len();
    }
    Ok(())
}

/// Passes the elements in the next `len` bytes of `reader` on, in pieces of a whole number of `unit` elements.
pub(crate) fn each_f32(
    element: Element,
    reader: impl Read,
    len: usize,
    unit: usize,
    sink: &mut Sink,
) -> Result<(), String> {
    let mut values = Vec::new();
    each_piece(reader, len, unit.saturating_mul(element.size()), |raw| {
        values.clear();
        element.decode(raw, &mut values);
        sink(&values)
    })
}

/// What is said about bytes that cannot be read or unpacked.
pub(crate) fn truncated(error: io::Error) -> String {
    format!("cannot read it, the file is damaged or truncated ({error})")
}

/// All elements of a variable of this shape.
pub(crate) fn collect(
    shape: &[usize],
    stream: impl FnOnce(&mut Sink) -> Result<(), String>,
) -> Result<Vec<f32>, String> {
    let len = shape.iter().try_fold(1usize, |n, &dim| n.checked_mul(dim));
    let mut all = Vec::new();
    let reserved = len.map(|len| all.try_reserve_exact(len));
    if !matches!(reserved, Some(Ok(()))) {
        return Err(format!("not enough memory for an array of shape {shape:?}"));
    }
    stream(&mut |piece| {
        all.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_units_and_everything() {
        for (len, unit) in [(0, 4), (12, 4), (3 * PIECE, 1), (3 * PIECE, 12), (5 * PIECE, PIECE + 4), (8, 16)] {
            let bytes: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            let mut found = Vec::new();
            each_piece(&bytes[..], len, unit, |piece| {
                assert!(piece.len() % unit == 0 || found.len() + piece.len() == len);
                assert!(piece.len() <= PIECE.max(unit));
                found.extend_from_slice(piece);
                Ok(())
            })
            .unwrap();
            assert!(found == bytes, "{len} bytes in units of {unit}");
        }
        assert!(each_piece(&[0; 3][..], 4, 1, |_| Ok(())).unwrap_err().contains("truncated"));
    }

    #[test]
    fn files_and_memory_read_alike() {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, b"0123456789").unwrap();
        let sources: [&dyn ReadAt; 2] = [&DataFile(file), b"0123456789"];
        for source in sources {
            let mut found = [0; 4];
            source.read_at(3, &mut found).unwrap();
            assert_eq!(&found, b"3456");
            assert_eq!(source.read_at(7, &mut found).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
            assert!(source.read_at(usize::MAX, &mut found).is_err());
            let mut text = String::new();
            RangeReader { file: source, range: 2..9 }.read_to_string(&mut text).unwrap();
            assert_eq!(text, "2345678");
        }
    }
}
