//! Writing packed files: a file appears whole or not at all, and equal models give equal bytes.

use super::header::{METADATA_KEY, header_length};
use super::packed::{CHECKSUM, Header, MEAN_IMAGE, Packed, checksum};
use crate::error::{Error, Result};
use crate::files::{self, Staged};
use crate::graph::{Dtype, Tensor};
use safetensors::tensor::TensorView;
use safetensors::{SafeTensorError, View};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Writes `packed`, to take the place of `path`.
pub fn stage(packed: &Packed, path: &Path) -> Result<Staged> {
    let contents = Contents::of(packed).map_err(|problem| Error::bad_model(path, problem))?;
    files::stage(path, |temporary| contents.write(temporary))
}

/// The file that [`stage`] writes for `packed`.
pub fn to_bytes(packed: &Packed) -> Result<Vec<u8>, String> {
    let contents = Contents::of(packed)?;
    let metadata = HashMap::from([(METADATA_KEY.to_owned(), contents.json.clone())]);
    let views = contents.tensors.iter().map(|(name, t)| Ok((name, view(t)?)));
    let views = views.collect::<Result<Vec<_>, SafeTensorError>>().map_err(|e| e.to_string())?;
    safetensors::serialize(views, Some(metadata)).map_err(|e| e.to_string())
}

/// Writes a safetensors file of `tensors`, whose data may be made one after the other, with these metadata entries, to take
/// the place of `path`.
#[cfg(feature = "convert")]
pub(crate) fn stage_safetensors<V: View>(
    path: &Path,
    tensors: Vec<(&String, V)>,
    entries: HashMap<String, String>,
) -> Result<Staged> {
    files::stage(path, |temporary| write_tensors(temporary, tensors, entries))
}

/// The same for tensors that are in memory.
#[cfg(feature = "train")]
pub(crate) fn stage_tensors(
    path: &Path,
    tensors: &BTreeMap<String, Tensor>,
    entries: HashMap<String, String>,
) -> Result<Staged> {
    let views = tensors.iter().map(|(name, tensor)| Ok((name, view(tensor)?)));
    let views = views.collect::<Result<Vec<_>, SafeTensorError>>().map_err(|e| Error::io(path, io::Error::other(e)))?;
    stage_safetensors(path, views, entries)
}

/// The contents of a file.
struct Contents {
    json: String,
    tensors: BTreeMap<String, Tensor>,
}

impl Contents {
    fn of(packed: &Packed) -> Result<Self, String> {
        packed.check()?;
        let json = header_json(&packed.header)?;
        let mut tensors = packed.params.tensors().clone();
        tensors.extend(packed.mean_image.iter().map(|t| (MEAN_IMAGE.to_owned(), t.clone())));
        let checksum = Tensor::from_u32(vec![1], vec![checksum(&json, &tensors)]);
        tensors.insert(CHECKSUM.to_owned(), checksum);
        Ok(Contents { json, tensors })
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let views = self.tensors.iter().map(|(name, t)| Ok((name, view(t)?)));
        let views = views.collect::<Result<Vec<_>, SafeTensorError>>().map_err(io::Error::other)?;
        write_tensors(path, views, HashMap::from([(METADATA_KEY.to_owned(), self.json.clone())]))
    }
}

/// Writes a safetensors file with metadata entries, tensor by tensor, so that the file is never in memory as a
/// whole. Refuses a header that no reader here would take.
fn write_tensors<V: View>(path: &Path, tensors: Vec<(&String, V)>, entries: HashMap<String, String>) -> io::Result<()> {
    let ordered = entries.len() < 2;
    safetensors::serialize_to_file(tensors, Some(entries), path).map_err(|error| match error {
        SafeTensorError::IoError(error) => error,
        other => io::Error::other(other),
    })?;
    let mut length = [0; size_of::<u64>()];
    File::open(path)?.read_exact(&mut length)?;
    let length = header_length(&length).map_err(io::Error::other)?;
    if ordered { Ok(()) } else { sort_header(path, length) }
}

/// Puts a header of so many bytes into the order of its names: a hash map's entries have another one in each run.
fn sort_header(path: &Path, length: usize) -> io::Result<()> {
    let mut file = File::options().read(true).write(true).open(path)?;
    let mut text = vec![0; length];
    file.seek(SeekFrom::Start(size_of::<u64>() as u64))?;
    file.read_exact(&mut text)?;
    let header: BTreeMap<String, BTreeMap<String, serde_json::Value>> = serde_json::from_slice(&text)?;
    let mut sorted = serde_json::to_vec(&header)?;
    if sorted.len() > length {
        return Err(io::Error::other("the header is longer in another order"));
    }
    sorted.resize(length, b' ');
    file.seek(SeekFrom::Start(size_of::<u64>() as u64))?;
    file.write_all(&sorted)
}

fn header_json(header: &Header) -> Result<String, String> {
    serde_json::to_string(header).map_err(|e| e.to_string())
}

fn view(tensor: &Tensor) -> Result<TensorView<'_>, SafeTensorError> {
    let dtype = match tensor.dtype {
        Dtype::F32 => safetensors::Dtype::F32,
        Dtype::U32 => safetensors::Dtype::U32,
    };
    TensorView::new(dtype, tensor.shape.clone(), tensor.bytes())
}
