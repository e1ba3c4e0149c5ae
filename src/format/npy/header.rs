//! The header of an `.npy` file: what the array is, and where its data lie.

use super::dict::HeaderDict;
use crate::files::quoted;
use crate::format::element::ElementType;
use crate::format::strided::{Offsets, c_strides};
use std::ops::Range;

/// First bytes of every `.npy` file (numpy.lib.format `MAGIC_PREFIX`).
pub const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Longest header that is read. NumPy's own are below 200 bytes; the limit keeps a hostile length from costing memory.
pub const MAX_HEADER: usize = 64 * 1024;

/// Largest file that is read as a whole; inputs are read in pieces and have no limit.
pub const MAX_ARRAY: usize = 1 << 30;

/// The element type that a `descr` of numpy.lib.format names.
fn element_type(descr: &str) -> Result<ElementType, String> {
    Ok(match descr {
        "|b1" => ElementType::Bool,
        "|u1" => ElementType::U8,
        "|i1" => ElementType::I8,
        "<u2" => ElementType::U16,
        "<i2" => ElementType::I16,
        "<u4" => ElementType::U32,
        "<i4" => ElementType::I32,
        "<u8" => ElementType::U64,
        "<i8" => ElementType::I64,
        "<f2" => ElementType::F16,
        "<f4" => ElementType::F32,
        "<f8" => ElementType::F64,
        _ if descr.contains('O') => {
            return Err(format!("object array (a pickle, dtype {}): refused", quoted(descr.as_bytes())));
        }
        _ if descr.starts_with('>') => {
            return Err(format!("big-endian dtype {}, expected little-endian data", quoted(descr.as_bytes())));
        }
        _ => {
            return Err(format!(
                "dtype {}, expected a plain boolean, integer or float dtype",
                quoted(descr.as_bytes())
            ));
        }
    })
}

/// What an `.npy` header says about the array after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NpyHeader {
    /// Length of each dimension; empty for a scalar.
    pub shape: Vec<usize>,
    /// Element type.
    pub dtype: ElementType,
    /// Whether the first index varies fastest in the data.
    pub fortran_order: bool,
    /// Where the data starts, from the start of the file.
    pub data_offset: usize,
    /// Bytes of data that the shape and element type call for.
    pub data_len: usize,
}

impl NpyHeader {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.data_len / self.dtype.size()
    }

    /// Whether the array has no elements.
    pub fn is_empty(&self) -> bool {
        self.data_len == 0
    }

    /// Bytes of the whole file. [`parse_header`] has checked that the sum does not overflow.
    pub fn file_len(&self) -> usize {
        self.data_offset + self.data_len
    }

    /// Where in the file the given rows (indices of the first dimension) lie, so that a caller can read a large array
    /// piece by piece.
    pub fn row_bytes(&self, rows: Range<usize>) -> Result<Range<usize>, String> {
        let count = *self.shape.first().ok_or("a scalar has no rows")?;
        if rows.start > rows.end || rows.end > count {
            return Err(format!("rows {} to {} asked for, the array has {count}", rows.start, rows.end));
        }
        if self.needs_reorder() {
            return Err("the array is in Fortran order, expected C order to read it row by row".into());
        }
        // Cannot overflow: both products are at most `data_len`, and so both sums at most `file_len`.
        let row = self.data_len.checked_div(count).unwrap_or(0);
        Ok(self.data_offset + rows.start * row..self.data_offset + rows.end * row)
    }

    /// Where the elements of the file, which are in Fortran order (first index fastest), stand in C order.
    pub(crate) fn places(&self) -> Offsets {
        Offsets::new(self.shape.iter().copied().zip(c_strides(&self.shape)).rev())
    }

    /// Whether the elements lie in another order in the file than in C order.
    pub(crate) fn needs_reorder(&self) -> bool {
        self.fortran_order && !self.is_empty() && self.shape.iter().filter(|&&n| n != 1).count() > 1
    }
}

/// Length of the file's header, magic and padding included, from its first 12 bytes (10 do for version 1).
pub fn header_len(start: &[u8]) -> Result<usize, String> {
    const TRUNCATED: &str = "the .npy header is truncated";
    let found = start.get(..6).ok_or(TRUNCATED)?;
    if found != MAGIC {
        return Err("no .npy array (it does not start with \\x93NUMPY)".into());
    }
    let [major, minor] = *start.get(6..).and_then(|b| b.first_chunk::<2>()).ok_or(TRUNCATED)?;
    let (prefix, text) = match (major, minor) {
        (1, 0) => (10, start.get(8..).and_then(|b| b.first_chunk()).map(|b| u32::from(u16::from_le_bytes(*b)))),
        (2 | 3, 0) => (12, start.get(8..).and_then(|b| b.first_chunk()).map(|b| u32::from_le_bytes(*b))),
        _ => return Err(format!(".npy version {major}.{minor}, expected 1.0, 2.0 or 3.0")),
    };
    let text = usize::try_from(text.ok_or(TRUNCATED)?).unwrap_or(usize::MAX);
    match text.checked_add(prefix) {
        Some(len) if len <= MAX_HEADER => Ok(len),
        _ => Err(format!("the .npy header has {text} bytes, expected at most {}", MAX_HEADER - prefix)),
    }
}

/// Reads the header at the start of `bytes`, which need not reach to the end of the file.
pub fn parse_header(bytes: &[u8]) -> Result<NpyHeader, String> {
    let data_offset = header_len(bytes)?;
    let prefix = if bytes.get(6) == Some(&1) { 10 } else { 12 };
    let text = bytes.get(prefix..data_offset).ok_or("the .npy header is truncated")?;
    // Version 3 allows UTF-8 for the field names of structured arrays, which are refused; so ASCII is enough.
    let text = std::str::from_utf8(text).ok().filter(|t| t.is_ascii()).ok_or("the .npy header is not ASCII text")?;
    let in_header = |problem: String| format!("in the .npy header: {problem}");
    let HeaderDict { descr, fortran_order, shape } = HeaderDict::parse(text).map_err(in_header)?;
    let dtype = element_type(descr).map_err(in_header)?;
    let data_len = shape.iter().try_fold(dtype.size(), |n, &dim| n.checked_mul(dim));
    let data_len = data_len.filter(|n| n.checked_add(data_offset).is_some());
    let data_len = data_len.ok_or_else(|| format!("shape {shape:?} has more elements than can be addressed"))?;
    Ok(NpyHeader { shape, dtype, fortran_order, data_offset, data_len })
}

/// Reads the header of a whole file and where its data lie, without touching the data: for memory maps.
pub fn layout(file: &[u8]) -> Result<(NpyHeader, Range<usize>), String> {
    let header = parse_header(file)?;
    let end = header.file_len();
    if end != file.len() {
        return Err(format!(
            "{} bytes of data, expected {} for {} of shape {:?}",
            file.len().saturating_sub(header.data_offset),
            header.data_len,
            header.dtype.name(),
            header.shape
        ));
    }
    let data = header.data_offset..end;
    Ok((header, data))
}
