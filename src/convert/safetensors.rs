//! State dicts as `.safetensors`, a header in JSON and the bytes of all tensors behind it.
//!
//! Source: the crate `safetensors`, which checks that the tensors fill the file without gaps or overlaps.

use std::collections::BTreeMap;

use safetensors::tensor::Metadata;
use safetensors::{Dtype, SafeTensors};

use super::checkpoint::Variable;
use super::element::Element;
use super::stream::{self, ReadAt, Sink};
use super::views::{View, Views, wrapper_prefix};
use super::zip_directory::shown;
use crate::format;

/// Longest header that is read. A tensor takes about 100 bytes of it, and parsing takes many times its size.
const MAX_HEADER: u64 = 1024 * 1024;

/// A parsed file.
#[derive(Debug)]
pub struct SafetensorsFile(Views);

impl SafetensorsFile {
    /// Lists the tensors of the file whose bytes are given; they themselves are not touched.
    pub fn parse(file: &[u8]) -> Result<Self, String> {
        let (header, metadata) = header(file)?;
        if metadata.metadata().as_ref().is_some_and(|entries| entries.contains_key(format::METADATA_KEY)) {
            return Err("this is a packed model already; use it as it is (see `lq-infer inspect`)".into());
        }
        let data = size_of::<u64>() + header;
        let tensors: BTreeMap<_, _> = metadata.tensors().into_iter().collect();
        let prefix = wrapper_prefix(tensors.keys().map(String::as_str));
        let mut views = Views::default();
        for (name, info) in &tensors {
            let (start, end) = info.data_offsets;
            let named = |problem| format!("variable {}: {problem}", shown(name.as_bytes()));
            let element = element(info.dtype).map_err(named)?;
            let view = View::contiguous(element, info.shape.clone(), data + start..data + end);
            views.insert(name.get(prefix..).unwrap_or_default(), view, file.len())?;
        }
        Ok(SafetensorsFile(views))
    }

    /// All tensors by name, without the prefixes of wrappers such as `DataParallel`.
    pub fn variables(&self) -> &BTreeMap<String, Variable> {
        self.0.variables()
    }

    /// Reads a tensor of floats in C order, given the same file as [`SafetensorsFile::parse`]. Half precision becomes
    /// float32 exactly; float64 is rounded to nearest.
    pub fn read_f32(&self, file: &(impl ReadAt + ?Sized), name: &str) -> Result<Vec<f32>, String> {
        stream::collect(self.0.float(name)?.shape(), |sink| self.stream(file, name, 1, sink))
    }

    /// Passes such a tensor on in pieces of a whole number of `unit` elements.
    pub fn stream(
        &self,
        file: &(impl ReadAt + ?Sized),
        name: &str,
        unit: usize,
        sink: &mut Sink,
    ) -> Result<(), String> {
        self.0.stream(file, name, unit, sink)
    }
}

/// A metadata entry of the file whose bytes are given.
pub(super) fn metadata(file: &[u8], key: &str) -> Result<Option<String>, String> {
    let (_, metadata) = header(file)?;
    Ok(metadata.metadata().as_ref().and_then(|entries| entries.get(key)).cloned())
}

/// Length and contents of the header.
fn header(file: &[u8]) -> Result<(usize, Metadata), String> {
    check_header_length(file)?;
    SafeTensors::read_metadata(file)
        .map_err(|e| format!("no valid safetensors file: {}", shown(format!("{e}").as_bytes())))
}

/// Whether a file starts as safetensors do: with the length of the header, and its first brace.
pub(super) fn has_magic(head: &[u8]) -> bool {
    // Longer headers than 4 GiB are no headers; so the upper half of the length is zero.
    matches!(head, [_, _, _, _, 0, 0, 0, 0, b'{', ..])
}

fn check_header_length(file: &[u8]) -> Result<(), String> {
    let length = file.first_chunk().map(|b| u64::from_le_bytes(*b)).ok_or("too short for a safetensors file")?;
    if length > MAX_HEADER {
        return Err(format!("a safetensors header of {length} bytes, expected at most {MAX_HEADER}"));
    }
    Ok(())
}

/// The element type, by PyTorch's name of it.
fn element(dtype: Dtype) -> Result<Element, String> {
    Ok(match dtype {
        Dtype::F16 => Element::F16,
        Dtype::BF16 => Element::BF16,
        Dtype::F32 => Element::F32,
        Dtype::F64 => Element::F64,
        Dtype::BOOL => Element::Other("bool", 1),
        Dtype::U8 => Element::Other("uint8", 1),
        Dtype::I8 => Element::Other("int8", 1),
        Dtype::F8_E4M3 => Element::Other("float8_e4m3fn", 1),
        Dtype::F8_E5M2 => Element::Other("float8_e5m2", 1),
        Dtype::U16 => Element::Other("uint16", 2),
        Dtype::I16 => Element::Other("int16", 2),
        Dtype::U32 => Element::Other("uint32", 4),
        Dtype::I32 => Element::Other("int32", 4),
        Dtype::U64 => Element::Other("uint64", 8),
        Dtype::I64 => Element::Other("int64", 8),
        Dtype::C64 => Element::Other("complex64", 8),
        other => return Err(format!("elements of type {other}, which no state dict has")),
    })
}
