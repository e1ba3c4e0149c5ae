//! The elements of an `.npy` file.

use super::header::{NpyHeader, layout};
use crate::format::element::ElementType;
use crate::format::strided::Offsets;

/// Elements of an array.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names of numbers say what they are")]
pub enum NpyData {
    U8(Vec<u8>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl NpyData {
    /// Takes `raw`, little-endian elements in the order wanted, for the types that [`NpyData`] has.
    pub fn from_le_bytes(dtype: ElementType, raw: &[u8]) -> Result<Self, String> {
        if !raw.len().is_multiple_of(dtype.size()) {
            return Err(format!("{} bytes are no whole number of {} elements", raw.len(), dtype.name()));
        }
        Ok(match dtype {
            ElementType::U8 => NpyData::U8(raw.to_vec()),
            ElementType::I32 => NpyData::I32(elements(raw, i32::from_le_bytes)),
            ElementType::I64 => NpyData::I64(elements(raw, i64::from_le_bytes)),
            ElementType::F32 => NpyData::F32(elements(raw, f32::from_le_bytes)),
            ElementType::F64 => NpyData::F64(elements(raw, f64::from_le_bytes)),
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

/// Reads a whole file; the elements come in C order.
pub fn read(file: &[u8]) -> Result<(Vec<usize>, NpyData), String> {
    let (header, range) = layout(file)?;
    let raw = file.get(range).unwrap_or_default();
    let data = NpyData::from_le_bytes(header.dtype, raw)?.into_c_order(&header);
    Ok((header.shape, data))
}

/// Reads a whole file of float32; the elements come in C order.
pub fn read_f32(file: &[u8]) -> Result<(Vec<usize>, Vec<f32>), String> {
    let (header, _) = layout(file)?;
    match read(file)? {
        (shape, NpyData::F32(data)) => Ok((shape, data)),
        _ => Err(format!("dtype {} found, expected float32", header.dtype.name())),
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
    scatter(&mut out, &data, &mut header.places());
    out
}

/// Puts the next values of a file in their places, of [`NpyHeader::places`].
pub(crate) fn scatter<T: Copy>(out: &mut [T], values: &[T], places: &mut Offsets) {
    for (value, place) in values.iter().zip(places) {
        if let Some(slot) = out.get_mut(place) {
            *slot = *value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::npy::{MAGIC, parse_header};

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
