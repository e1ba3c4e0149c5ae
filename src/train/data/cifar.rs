//! CIFAR-10's binary version (Krizhevsky 2009): records of a class and the planes of red, green and blue.

use crate::error::{Error, Result};
use crate::files::read_file;
use std::path::PathBuf;

/// Pixels of a picture's edge.
pub(super) const SIZE: usize = 32;
const PLANE: usize = SIZE * SIZE;
const RECORD: usize = 1 + 3 * PLANE;
/// Largest file that is read: a hundred times those of CIFAR-10.
const MOST: usize = 100 * 10_000 * RECORD;

/// Pictures `[n, 32, 32, 3]` and their classes.
pub(super) fn read(files: &[PathBuf]) -> Result<(Vec<u8>, Vec<usize>)> {
    let (mut rgb, mut labels) = (Vec::new(), Vec::new());
    for path in files {
        let bytes = read_file(path, MOST)?;
        let (records, rest) = bytes.as_chunks::<RECORD>();
        if !rest.is_empty() || records.is_empty() {
            let problem =
                format!("has {} bytes, which are no pictures of CIFAR-10 of {RECORD} bytes each", bytes.len());
            return Err(Error::bad_input(path, problem));
        }
        for record in records {
            labels.push(usize::from(record[0]));
            rgb.extend((0..PLANE).flat_map(|pixel| [0, 1, 2].map(|channel| record[1 + channel * PLANE + pixel])));
        }
    }
    Ok((rgb, labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_become_pixels() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data_batch_1.bin");
        let record: Vec<u8> =
            [7].into_iter().chain((0..3 * PLANE).map(|at| (at / PLANE * 100 + at % 32) as u8)).collect();
        std::fs::write(&path, record.repeat(2)).unwrap();
        let (rgb, labels) = read(std::slice::from_ref(&path)).unwrap();
        assert_eq!((labels, &rgb[..6]), (vec![7, 7], &[0, 100, 200, 1, 101, 201][..]));
        std::fs::write(&path, &record[1..]).unwrap();
        assert!(read(&[path]).unwrap_err().to_string().contains("3072 bytes"));
    }
}
