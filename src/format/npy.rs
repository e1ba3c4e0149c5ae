//! Strict reader of NumPy's `.npy` format, versions 1, 2 and 3.
//!
//! Only plain little-endian arrays of numbers are read. Object arrays hold a pickle, which is a program; they are
//! refused and never looked into. The caller adds the file name to the errors.

use std::ops::Range;

/// First bytes of every `.npy` file (numpy.lib.format `MAGIC_PREFIX`).
pub const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Longest header that is read. NumPy's own are below 200 bytes; the limit keeps a hostile length from costing memory.
pub const MAX_HEADER: usize = 64 * 1024;

/// Most dimensions that are read (NumPy 1 has the same limit).
const MAX_DIMS: usize = 32;

/// Element type of an array (the `descr` of numpy.lib.format).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NpyDtype {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    F32,
    F64,
}

impl NpyDtype {
    /// NumPy's name of the type, such as "float32".
    pub fn name(self) -> &'static str {
        match self {
            NpyDtype::Bool => "bool",
            NpyDtype::U8 => "uint8",
            NpyDtype::I8 => "int8",
            NpyDtype::U16 => "uint16",
            NpyDtype::I16 => "int16",
            NpyDtype::U32 => "uint32",
            NpyDtype::I32 => "int32",
            NpyDtype::U64 => "uint64",
            NpyDtype::I64 => "int64",
            NpyDtype::F16 => "float16",
            NpyDtype::F32 => "float32",
            NpyDtype::F64 => "float64",
        }
    }

    /// Bytes of one element.
    pub fn item_size(self) -> usize {
        match self {
            NpyDtype::Bool | NpyDtype::U8 | NpyDtype::I8 => 1,
            NpyDtype::U16 | NpyDtype::I16 | NpyDtype::F16 => 2,
            NpyDtype::U32 | NpyDtype::I32 | NpyDtype::F32 => 4,
            NpyDtype::U64 | NpyDtype::I64 | NpyDtype::F64 => 8,
        }
    }

    fn from_descr(descr: &str) -> Result<Self, String> {
        Ok(match descr {
            "|b1" => NpyDtype::Bool,
            "|u1" => NpyDtype::U8,
            "|i1" => NpyDtype::I8,
            "<u2" => NpyDtype::U16,
            "<i2" => NpyDtype::I16,
            "<u4" => NpyDtype::U32,
            "<i4" => NpyDtype::I32,
            "<u8" => NpyDtype::U64,
            "<i8" => NpyDtype::I64,
            "<f2" => NpyDtype::F16,
            "<f4" => NpyDtype::F32,
            "<f8" => NpyDtype::F64,
            _ if descr.contains('O') => {
                return Err(format!("object array (a pickle, dtype {}): refused", quote(descr)));
            }
            _ if descr.starts_with('>') => {
                return Err(format!("big-endian dtype {}, expected little-endian data", quote(descr)));
            }
            _ => return Err(format!("dtype {}, expected a plain boolean, integer or float dtype", quote(descr))),
        })
    }
}

/// What an `.npy` header says about the array after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NpyHeader {
    /// Length of each dimension; empty for a scalar.
    pub shape: Vec<usize>,
    /// Element type.
    pub dtype: NpyDtype,
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
        self.data_len / self.dtype.item_size()
    }

    /// Whether the array has no elements.
    pub fn is_empty(&self) -> bool {
        self.data_len == 0
    }

    /// Bytes of the whole file. [`parse_header`] has checked that the sum fits.
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
        // Cannot overflow: both products are at most data_len, and `file_len` fits.
        let row = self.data_len.checked_div(count).unwrap_or(0);
        Ok(self.data_offset + rows.start * row..self.data_offset + rows.end * row)
    }

    /// Whether the elements lie in another order in the file than in C order.
    pub(crate) fn needs_reorder(&self) -> bool {
        self.fortran_order && !self.is_empty() && self.shape.iter().filter(|&&n| n != 1).count() > 1
    }
}

/// Elements of an array.
#[derive(Clone, Debug, PartialEq)]
pub enum NpyData {
    U8(Vec<u8>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl NpyData {
    /// Takes `raw`, little-endian elements in the order wanted, for the types that [`NpyData`] has.
    pub fn from_le_bytes(dtype: NpyDtype, raw: &[u8]) -> Result<Self, String> {
        if !raw.len().is_multiple_of(dtype.item_size()) {
            return Err(format!("{} bytes are no whole number of {} elements", raw.len(), dtype.name()));
        }
        Ok(match dtype {
            NpyDtype::U8 => NpyData::U8(raw.to_vec()),
            NpyDtype::I32 => NpyData::I32(elements(raw, i32::from_le_bytes)),
            NpyDtype::I64 => NpyData::I64(elements(raw, i64::from_le_bytes)),
            NpyDtype::F32 => NpyData::F32(elements(raw, f32::from_le_bytes)),
            NpyDtype::F64 => NpyData::F64(elements(raw, f64::from_le_bytes)),
            other => {
                return Err(format!("dtype {} found, expected uint8, int32, int64, float32 or float64", other.name()));
            }
        })
    }

    /// The elements in C order, if they are in the order that `header` says.
    pub(crate) fn into_c_order(self, header: &NpyHeader) -> Self {
        match self {
            NpyData::U8(data) => NpyData::U8(c_order(data, header)),
            NpyData::I32(data) => NpyData::I32(c_order(data, header)),
            NpyData::I64(data) => NpyData::I64(c_order(data, header)),
            NpyData::F32(data) => NpyData::F32(c_order(data, header)),
            NpyData::F64(data) => NpyData::F64(c_order(data, header)),
        }
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
    let (dtype, fortran_order, shape) = parse_dict(text).map_err(|problem| format!("in the .npy header: {problem}"))?;
    let data_len = shape.iter().try_fold(dtype.item_size(), |n, &dim| n.checked_mul(dim));
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

/// Reads a whole file; the elements come in C order.
pub fn read(file: &[u8]) -> Result<(Vec<usize>, NpyData), String> {
    let (header, range) = layout(file)?;
    let raw = file.get(range).unwrap_or_default();
    let data = NpyData::from_le_bytes(header.dtype, raw)?.into_c_order(&header);
    Ok((header.shape, data))
}

/// Reads a whole file of float32; the elements come in C order.
pub fn read_f32(file: &[u8]) -> Result<(Vec<usize>, Vec<f32>), String> {
    let (header, range) = layout(file)?;
    if header.dtype != NpyDtype::F32 {
        return Err(format!("dtype {} found, expected float32", header.dtype.name()));
    }
    let mut sink = CollectF32::new(&header)?;
    sink.push(file.get(range).unwrap_or_default());
    Ok((header.shape, sink.into_inner()))
}

/// Collects the float32 elements of an array that comes in pieces, in C order, with no second copy of the array.
pub(crate) struct CollectF32 {
    data: Vec<f32>,
    /// For Fortran order: where the next element goes. Then `data` has its full length from the start.
    places: Option<FortranPlaces>,
}

impl CollectF32 {
    pub(crate) fn new(header: &NpyHeader) -> Result<Self, String> {
        let mut data = Vec::new();
        data.try_reserve_exact(header.len())
            .map_err(|_| format!("not enough memory for an array of shape {:?}", header.shape))?;
        let places = header.needs_reorder().then(|| FortranPlaces::new(&header.shape));
        if places.is_some() {
            data.resize(header.len(), 0.0);
        }
        Ok(CollectF32 { data, places })
    }

    /// Takes the next elements of the file. `raw` must be a whole number of elements.
    pub(crate) fn push(&mut self, raw: &[u8]) {
        let values = raw.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        match &mut self.places {
            None => self.data.extend(values),
            Some(places) => scatter(&mut self.data, places, values),
        }
    }

    pub(crate) fn into_inner(self) -> Vec<f32> {
        self.data
    }
}

fn elements<T, const N: usize>(raw: &[u8], from: fn([u8; N]) -> T) -> Vec<T> {
    raw.as_chunks().0.iter().map(|bytes| from(*bytes)).collect()
}

fn c_order<T: Copy>(data: Vec<T>, header: &NpyHeader) -> Vec<T> {
    if !header.needs_reorder() {
        return data;
    }
    let mut out = data.clone();
    scatter(&mut out, &mut FortranPlaces::new(&header.shape), data.into_iter());
    out
}

fn scatter<T>(out: &mut [T], places: &mut FortranPlaces, values: impl Iterator<Item = T>) {
    for value in values {
        if let Some(slot) = out.get_mut(places.next_place()) {
            *slot = value;
        }
    }
}

/// Walks an array in Fortran order (first index fastest) and gives each element's place in C order.
struct FortranPlaces {
    /// (length, stride in C order, current index) of each dimension.
    dims: Vec<(usize, usize, usize)>,
    place: usize,
}

impl FortranPlaces {
    fn new(shape: &[usize]) -> Self {
        let mut stride = 1usize;
        let mut dims = Vec::new();
        for &len in shape.iter().rev() {
            dims.push((len, stride, 0));
            stride = stride.saturating_mul(len);
        }
        dims.reverse();
        FortranPlaces { dims, place: 0 }
    }

    fn next_place(&mut self) -> usize {
        let place = self.place;
        for (len, stride, index) in &mut self.dims {
            *index += 1;
            self.place += *stride;
            if *index < *len {
                break;
            }
            self.place -= *stride * *index;
            *index = 0;
        }
        place
    }
}

/// Shows text from a file in a message: on one line, and not too much of it.
fn quote(text: &str) -> String {
    format!("{:?}", text.chars().take(40).collect::<String>())
}

/// Parses the header's Python dict, such as `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
fn parse_dict(text: &str) -> Result<(NpyDtype, bool, Vec<usize>), String> {
    let mut p = Literal { rest: text };
    let (mut descr, mut order, mut shape) = (None, None, None);
    p.expect('{')?;
    while !p.eat('}') {
        let key = p.string()?;
        p.expect(':')?;
        let seen = match key {
            "descr" => descr.replace(p.descr()?).is_some(),
            "fortran_order" => order.replace(p.boolean()?).is_some(),
            "shape" => shape.replace(p.shape()?).is_some(),
            _ => return Err(format!("key {}, expected descr, fortran_order and shape only", quote(key))),
        };
        if seen {
            return Err(format!("key '{key}' comes twice"));
        }
        if !p.eat(',') {
            p.expect('}')?;
            break;
        }
    }
    if !p.rest.trim().is_empty() {
        return Err(format!("{} after the closing brace", quote(p.rest)));
    }
    match (descr, order, shape) {
        (Some(descr), Some(order), Some(shape)) => Ok((NpyDtype::from_descr(descr)?, order, shape)),
        _ => Err("expected the keys descr, fortran_order and shape".into()),
    }
}

/// The few forms of Python literals that such a header is made of.
struct Literal<'a> {
    rest: &'a str,
}

impl<'a> Literal<'a> {
    fn eat(&mut self, token: char) -> bool {
        self.rest = self.rest.trim_start();
        let after = self.rest.strip_prefix(token);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn expect(&mut self, token: char) -> Result<(), String> {
        if self.eat(token) { Ok(()) } else { Err(format!("expected '{token}' before {}", quote(self.rest))) }
    }

    fn string(&mut self) -> Result<&'a str, String> {
        let mark = if self.eat('"') { '"' } else { '\'' };
        if mark == '\'' {
            self.expect(mark)?;
        }
        let (text, rest) = self.rest.split_once(mark).ok_or("a string without its closing quote")?;
        self.rest = rest;
        Ok(text)
    }

    fn descr(&mut self) -> Result<&'a str, String> {
        if self.eat('[') {
            return Err("structured array, expected a plain array of numbers".into());
        }
        self.string()
    }

    fn boolean(&mut self) -> Result<bool, String> {
        self.rest = self.rest.trim_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(format!("expected True or False before {}", quote(self.rest)))
    }

    fn shape(&mut self) -> Result<Vec<usize>, String> {
        let mut shape = Vec::new();
        self.expect('(')?;
        while !self.eat(')') {
            if shape.len() == MAX_DIMS {
                return Err(format!("more than {MAX_DIMS} dimensions"));
            }
            shape.push(self.number()?);
            if !self.eat(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(shape)
    }

    fn number(&mut self) -> Result<usize, String> {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        // Python 2 wrote long integers as 3L.
        let rest_after = rest.strip_prefix('L').unwrap_or(rest);
        let number = digits.parse().map_err(|_| format!("expected a dimension, found {}", quote(self.rest)))?;
        self.rest = rest_after;
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dict: &str, data: &[u8]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend([1, 0]);
        out.extend(u16::try_from(dict.len()).unwrap_or(0).to_le_bytes());
        out.extend(dict.bytes());
        out.extend(data);
        out
    }

    fn f32s(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    #[test]
    fn reads_c_order_and_row_ranges() {
        let values: Vec<f32> = (0u8..6).map(f32::from).collect();
        let file = file("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2L), }  \n", &f32s(&values));
        assert_eq!(read_f32(&file), Ok((vec![3, 2], values.clone())));
        assert_eq!(read(&file), Ok((vec![3, 2], NpyData::F32(values))));
        let (header, range) = layout(&file).unwrap();
        assert_eq!(header.row_bytes(1..3), Ok(range.start + 8..range.end));
        assert_eq!(header.row_bytes(0..4), Err("rows 0 to 4 asked for, the array has 3".into()));
    }

    #[test]
    fn reorders_fortran_order() {
        // Shape (2, 3, 2), element value = its place in C order.
        let raw = f32s(&[0., 6., 2., 8., 4., 10., 1., 7., 3., 9., 5., 11.]);
        let file = file("{'shape': (2, 3, 2), \"fortran_order\": True, 'descr': '<f4'}", &raw);
        let expected: Vec<f32> = (0u8..12).map(f32::from).collect();
        assert_eq!(read_f32(&file), Ok((vec![2, 3, 2], expected.clone())));
        assert_eq!(read(&file), Ok((vec![2, 3, 2], NpyData::F32(expected))));
        assert!(layout(&file).unwrap().0.row_bytes(0..1).unwrap_err().contains("Fortran order"));
    }

    #[test]
    fn refuses_with_what_was_found() {
        let cases = [
            ("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "object array"),
            ("{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", "big-endian"),
            ("{'descr': '<U4', 'fortran_order': False, 'shape': (1,)}", "dtype \"<U4\""),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "structured"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "expected a dimension"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "4 bytes of data, expected 8"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999)}", "more elements"),
            ("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", "comes twice"),
            ("{'descr': '<f4', 'fortran_order': False}", "expected the keys"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': ()}", "expected 8 for float64"),
        ];
        for (dict, expected) in cases {
            let problem = read_f32(&file(dict, &[0; 4])).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
        assert!(parse_header(b"\x93NUMPY\x04\x00").unwrap_err().contains("version 4.0"));
        assert!(parse_header(b"\x93NUMPY\x02\x00\xff\xff\xff\xff").unwrap_err().contains("4294967295 bytes"));
    }
}
