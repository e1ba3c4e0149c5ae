//! Reading files of unknown size.

use crate::error::{Error, Result};
use std::io::Read;
use std::path::Path;

/// Largest picture file that is read.
const MAX_FILE: u64 = 1 << 30;

/// The bytes of a file of at most 1 GiB.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    let io = |e| Error::io(path, e);
    let file = std::fs::File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.is_dir() {
        return Err(Error::bad_input(path, "is a directory"));
    }
    read_limited(file, path)
}

/// Reads to the end, which must come within 1 GiB. Errors name `path`.
pub fn read_limited(from: impl Read, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|e| Error::io(path, e))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Error::bad_input(path, format!("is larger than {MAX_FILE} bytes")));
    }
    Ok(bytes)
}
