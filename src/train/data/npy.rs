//! Pictures and classes in NumPy's arrays.

use crate::error::{Error, Result};
use crate::files::read_file;
use crate::format::npy::{self, MAX_ARRAY, NpyData};
use std::path::Path;

/// Height, width and pixels of `[n, h, w, 3]`.
pub(super) fn images(path: &Path) -> Result<([usize; 2], Vec<u8>)> {
    let (shape, data) = read(path)?;
    match (shape.as_slice(), data) {
        (&[_, height, width, 3], NpyData::U8(rgb)) if height > 0 && width > 0 => Ok(([height, width], rgb)),
        (_, NpyData::U8(_)) => {
            Err(Error::bad_input(path, format!("has shape {shape:?}, expected [n, height, width, 3]")))
        }
        _ => Err(Error::bad_input(path, "holds other numbers than uint8, which pixels must be")),
    }
}

/// The classes of `count` pictures.
pub(super) fn labels(path: &Path, count: usize) -> Result<Vec<usize>> {
    let labels = all_labels(path)?;
    match labels.len() == count {
        true => Ok(labels),
        false => Err(Error::bad_input(path, format!("holds {} classes for {count} pictures", labels.len()))),
    }
}

/// All classes of an array `[n]`.
pub(super) fn all_labels(path: &Path) -> Result<Vec<usize>> {
    let (shape, data) = read(path)?;
    if shape.len() != 1 {
        return Err(Error::bad_input(path, format!("has shape {shape:?}, expected [n], a class for each picture")));
    }
    let whole =
        |x: i64| usize::try_from(x).map_err(|_| Error::bad_input(path, format!("has class {x}, expected 0 or more")));
    match data {
        NpyData::U8(all) => Ok(all.into_iter().map(usize::from).collect()),
        NpyData::I32(all) => all.into_iter().map(|x| whole(i64::from(x))).collect(),
        NpyData::I64(all) => all.into_iter().map(whole).collect(),
        _ => Err(Error::bad_input(path, "holds floats, but classes are whole numbers")),
    }
}

fn read(path: &Path) -> Result<(Vec<usize>, NpyData)> {
    npy::read(&read_file(path, MAX_ARRAY)?).map_err(|problem| Error::bad_input(path, problem))
}
