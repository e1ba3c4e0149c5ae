//! Reading: the file is mapped, and trusted in nothing.

use super::{CHECKSUM, Header, MEAN_IMAGE, METADATA_KEY, Packed, VERSION, checksum};
use crate::error::{Error, Result};
use crate::graph::{Bytes, Dtype, Params, Tensor};
use safetensors::SafeTensors;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Longest safetensors header that is read; the bundled model's takes about 23 kB.
const MAX_HEADER: u64 = 8 << 20;

/// Opens the packed file at `path`. It stays mapped, and must not be changed, for as long as the model is in use.
pub fn read(path: &Path) -> Result<Packed> {
    let file = std::fs::File::open(path).map_err(|e| Error::io(path, e))?;
    let meta = file.metadata().map_err(|e| Error::io(path, e))?;
    if !meta.is_file() {
        return Err(Error::bad_model(path, "is not a regular file"));
    }
    if meta.len() == 0 {
        return Err(Error::bad_model(path, "is empty"));
    }
    // SAFETY: the map is read-only. Changing the file while it is mapped is documented as not allowed, as for every
    // memory-mapped format; all structure is checked once, and later reads are of plain numbers.
    let map = unsafe { memmap2::Mmap::map(&file) }.map_err(|e| Error::io(path, e))?;
    parse(Arc::new(map)).map_err(|problem| Error::bad_model(path, problem))
}

/// Reads a packed file that is part of the program. Its bytes should be aligned to 8.
pub fn read_static(bytes: &'static [u8], name: &str) -> Result<Packed> {
    parse(Arc::new(bytes)).map_err(|problem| Error::bad_model(Path::new(name), problem))
}

/// Reads a packed file that is already in memory; `name` stands for its path in errors.
pub fn read_bytes(bytes: &[u8], name: &str) -> Result<Packed> {
    let mut words = vec![0u64; bytes.len().div_ceil(8)];
    bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..bytes.len()].copy_from_slice(bytes);
    let owned = Aligned { words, len: bytes.len() };
    parse(Arc::new(owned)).map_err(|problem| Error::bad_model(Path::new(name), problem))
}

/// Bytes whose alignment lets tensors be used in place.
struct Aligned {
    words: Vec<u64>,
    len: usize,
}

impl AsRef<[u8]> for Aligned {
    fn as_ref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }
}

#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

/// Checks everything that can be checked without running the model.
fn parse(bytes: Bytes) -> Result<Packed, String> {
    let data: &[u8] = (*bytes).as_ref();
    check_header_length(data)?;
    let (_, metadata) = SafeTensors::read_metadata(data).map_err(|e| format!("is no valid safetensors file: {e}"))?;
    let file = SafeTensors::deserialize(data).map_err(|e| format!("is no valid safetensors file: {e}"))?;
    let json = metadata.metadata().as_ref().and_then(|m| m.get(METADATA_KEY)).ok_or_else(|| {
        format!("has no '{METADATA_KEY}' metadata: it is a safetensors file, but not a packed model (see `lq-infer convert`)")
    })?;
    let header = parse_header(json)?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.iter() {
        let start = view.data().as_ptr() as usize - data.as_ptr() as usize;
        let range = start..start + view.data().len();
        let dtype = match view.dtype() {
            safetensors::Dtype::F32 => Dtype::F32,
            safetensors::Dtype::U32 => Dtype::U32,
            other => return Err(format!("tensor '{name}' is {other:?}, expected F32 or U32")),
        };
        let tensor = Tensor::view(dtype, view.shape().to_vec(), bytes.clone(), range);
        tensors.insert(name.to_owned(), tensor.map_err(|e| format!("tensor '{name}': {e}"))?);
    }
    check_sum(json, &mut tensors)?;
    let mean_image = tensors.remove(MEAN_IMAGE);
    if mean_image.as_ref().is_some_and(|t| t.dtype != Dtype::F32 || t.f32().iter().any(|v| !v.is_finite())) {
        return Err(format!("tensor '{MEAN_IMAGE}' must hold finite floats"));
    }
    let params = Params::new(&header.graph, tensors)?;
    let packed = Packed { header, params, mean_image };
    packed.check()?;
    Ok(packed)
}

/// Takes the checksum out of `tensors` and compares it.
fn check_sum(json: &str, tensors: &mut BTreeMap<String, Tensor>) -> Result<(), String> {
    let stored = tensors.remove(CHECKSUM).filter(|t| t.dtype == Dtype::U32 && t.shape == [1]);
    let stored = stored.ok_or(format!("tensor '{CHECKSUM}' of shape [1] is missing"))?.u32()[0];
    match checksum(json, tensors) {
        found if found == stored => Ok(()),
        found => Err(format!("is damaged: its contents have the checksum {found:08x}, recorded is {stored:08x}")),
    }
}

/// The header is parsed into several times its size; a limit keeps hostile ones from taking memory.
fn check_header_length(data: &[u8]) -> Result<(), String> {
    let length = data.first_chunk().map(|b| u64::from_le_bytes(*b)).ok_or("is too short for a safetensors file")?;
    if length > MAX_HEADER {
        return Err(format!("is no packed model: its header claims {length} bytes, at most {MAX_HEADER} are read"));
    }
    Ok(())
}

fn parse_header(json: &str) -> Result<Header, String> {
    let VersionOnly { version } = serde_json::from_str(json).map_err(|e| format!("header: {e}"))?;
    if version != VERSION {
        return Err(format!("has format version {version}, this program reads version {VERSION}"));
    }
    serde_json::from_str(json).map_err(|e| format!("header: {e}"))
}
