//! Writing: nothing is left half-written, and equal models give equal bytes.

use super::{CHECKSUM, Header, MEAN_IMAGE, METADATA_KEY, Packed, checksum};
use crate::error::{Error, Result};
use crate::graph::{Dtype, Tensor};
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

/// Writes `packed` to `path` through a temporary file beside it.
pub fn write(packed: &Packed, path: &Path) -> Result<()> {
    let bytes = to_bytes(packed).map_err(|problem| Error::bad_model(path, problem))?;
    replace_file(path, &bytes)
}

/// Replaces `path` by a file of these bytes, or leaves it as it was.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let io = |e| Error::io(path, e);
    let folder = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new().prefix(".lq-infer-").tempfile_in(folder).map_err(io)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(io)?;
    share(file.as_file()).map_err(io)?;
    file.persist(path).map_err(|e| io(e.error))?;
    Ok(())
}

/// Temporary files are private; a written model should be as readable as any other file.
#[cfg(unix)]
fn share(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn share(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

fn to_bytes(packed: &Packed) -> Result<Vec<u8>, String> {
    packed.check()?;
    let json = header_json(&packed.header)?;
    let mut tensors = packed.params.tensors().clone();
    tensors.extend(packed.mean_image.iter().map(|t| (MEAN_IMAGE.to_owned(), t.clone())));
    let checksum = Tensor::from_u32(vec![1], vec![checksum(&json, &tensors)]);
    tensors.insert(CHECKSUM.to_owned(), checksum);
    let views = tensors.iter().map(|(name, t)| Ok((name, view(t)?))).collect::<Result<Vec<_>, String>>()?;
    let metadata = HashMap::from([(METADATA_KEY.to_owned(), json)]);
    safetensors::serialize(views, Some(metadata)).map_err(|e| e.to_string())
}

fn header_json(header: &Header) -> Result<String, String> {
    serde_json::to_string(header).map_err(|e| e.to_string())
}

fn view(tensor: &Tensor) -> Result<safetensors::tensor::TensorView<'_>, String> {
    let dtype = match tensor.dtype {
        Dtype::F32 => safetensors::Dtype::F32,
        Dtype::U32 => safetensors::Dtype::U32,
    };
    safetensors::tensor::TensorView::new(dtype, tensor.shape.clone(), tensor.bytes()).map_err(|e| e.to_string())
}
