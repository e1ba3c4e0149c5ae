//! Reading packed files: everything in a file is checked.

use super::foreign::{Foreign, HEAD};
use super::header::{METADATA_KEY, safetensors_header};
use super::packed::{CHECKSUM, Header, MEAN_IMAGE, Packed, VERSION, checksum};
use super::versioned::parse_versioned;
use crate::error::{Error, Result};
use crate::files::{ReadExactAt, RegularFile};
use crate::graph::{Bytes, Dtype, Params, Tensor};
use safetensors::tensor::Metadata;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Largest packed file that is read. Without quantization, VGG-16 takes 550 MB.
pub const MAX_MODEL: usize = 1 << 30;

/// Reads the packed file at `path` into memory, where nothing that happens to the file can change it.
pub fn read(path: &Path) -> Result<Packed> {
    let file = RegularFile::open(path)?;
    let bad = |problem: String| Error::bad_model(path, problem);
    if file.is_empty() {
        return Err(bad("is empty".into()));
    }
    if let Some(kind) = Foreign::of(&file.head(HEAD)?) {
        return Err(bad(refusal(kind).to_owned()));
    }
    if file.len() > MAX_MODEL {
        return Err(bad(format!("has {} bytes, expected at most {MAX_MODEL}", file.len())));
    }
    // Only a packed model is read as a whole: any file may be given, and some are larger than the memory.
    packed_header(&file).map_err(bad)?;
    let bytes = AlignedBytes::new(file.len(), |bytes| file.read_exact_at(0, bytes));
    parse(Arc::new(bytes.map_err(|source| file.changed(source))?)).map_err(bad)
}

/// Reads a packed file that is part of the program. Its bytes should be aligned to 8.
pub fn read_static(bytes: &'static [u8], name: &str) -> Result<Packed> {
    parse(Arc::new(bytes)).map_err(|problem| Error::bad_model(Path::new(name), problem))
}

/// Reads a packed file that is already in memory; `name` stands for its path in errors.
pub fn read_bytes(bytes: &[u8], name: &str) -> Result<Packed> {
    let owned = AlignedBytes::new(bytes.len(), |owned| {
        owned.copy_from_slice(bytes);
        Ok(())
    });
    let owned = owned.map_err(|source| Error::io(Path::new(name), source))?;
    parse(Arc::new(owned)).map_err(|problem| Error::bad_model(Path::new(name), problem))
}

/// Why a file of another kind is no packed model, and what to do with it.
fn refusal(kind: Foreign) -> &'static str {
    match kind {
        Foreign::Picture => "is a picture, no packed model",
        Foreign::Checkpoint => {
            "looks like a checkpoint, no packed model; `lq-infer convert` makes a packed model of it, or `lq-infer quantize` \
             of a network in float"
        }
        Foreign::NumpyArray => "is a NumPy array, no packed model",
        Foreign::Json => "is text, no packed model; a graph file is given to `lq-infer convert --graph`",
        Foreign::Gzip => "is compressed with gzip; unpack it first",
    }
}

/// Bytes whose alignment lets tensors be used in place.
struct AlignedBytes {
    words: Vec<u64>,
    len: usize,
}

impl AlignedBytes {
    /// `len` bytes, filled by `fill`.
    fn new(len: usize, fill: impl FnOnce(&mut [u8]) -> io::Result<()>) -> io::Result<Self> {
        let mut words = Vec::new();
        words.try_reserve_exact(len.div_ceil(8)).map_err(|_| io::ErrorKind::OutOfMemory)?;
        words.resize(len.div_ceil(8), 0u64);
        fill(&mut bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..len])?;
        Ok(AlignedBytes { words, len })
    }
}

impl AsRef<[u8]> for AlignedBytes {
    fn as_ref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }
}

/// Length of the safetensors header, what it says of the tensors, and the JSON with everything else.
fn packed_header(file: &dyn ReadExactAt) -> Result<(usize, Metadata, String), String> {
    let (length, metadata) = safetensors_header(file)?;
    let json = metadata.metadata().as_ref().and_then(|m| m.get(METADATA_KEY)).cloned().ok_or_else(|| {
        format!("has no '{METADATA_KEY}' metadata: it is a safetensors file, but not a packed model (see `lq-infer convert`, or \
             `lq-infer quantize` for a network in float)")
    })?;
    Ok((length, metadata, json))
}

/// Checks everything that can be checked without running the model.
fn parse(bytes: Bytes) -> Result<Packed, String> {
    let data: &[u8] = (*bytes).as_ref();
    let (header_len, metadata, json) = packed_header(&data)?;
    let header: Header = parse_versioned(&json, "header", VERSION)?;
    let data_start = size_of::<u64>() + header_len;
    let mut tensors = BTreeMap::new();
    for (name, info) in metadata.tensors() {
        let dtype = match info.dtype {
            safetensors::Dtype::F32 => Dtype::F32,
            safetensors::Dtype::U32 => Dtype::U32,
            other => return Err(format!("tensor '{name}' is {other:?}, expected F32 or U32")),
        };
        let range = data_start + info.data_offsets.0..data_start + info.data_offsets.1;
        let tensor = Tensor::view(dtype, info.shape.clone(), bytes.clone(), range);
        let tensor = tensor.map_err(|e| format!("tensor '{name}': {e}"))?;
        tensors.insert(name, tensor);
    }
    check_sum(&json, &mut tensors)?;
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
