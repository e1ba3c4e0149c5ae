//! The tensors that one layer makes of all pictures, on disk: memory does not grow with the number of pictures.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Tensors of one size, one per picture, in a nameless temporary file. The system keeps it in memory while there is room.
pub(super) struct Tape {
    file: Mutex<File>,
    /// Numbers of a picture.
    pub length: usize,
}

impl Tape {
    pub(super) fn new(length: usize) -> Result<Self> {
        Ok(Tape { file: Mutex::new(tempfile::tempfile().map_err(failed)?), length })
    }

    /// Writes the tensors of the pictures from number `first`.
    pub(super) fn write(&self, first: usize, numbers: &[f32]) -> Result<()> {
        self.at(first, |file| file.write_all(bytemuck::cast_slice(numbers)))
    }

    /// The tensors of `count` pictures from number `first`, which must have been written.
    pub(super) fn read(&self, first: usize, count: usize) -> Result<Vec<f32>> {
        let mut numbers = vec![0f32; count * self.length];
        self.at(first, |file| file.read_exact(bytemuck::cast_slice_mut(&mut numbers)))?;
        Ok(numbers)
    }

    fn at(&self, picture: usize, act: impl FnOnce(&mut File) -> std::io::Result<()>) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let start = (picture * self.length * size_of::<f32>()) as u64;
        file.seek(SeekFrom::Start(start)).and_then(|_| act(&mut file)).map_err(failed)
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::io(Path::new("temporary file of activations"), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_read_in_any_order() {
        let tape = Tape::new(3).unwrap();
        tape.write(0, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        tape.write(2, &[7.0, 8.0, 9.0]).unwrap();
        assert_eq!(tape.read(1, 2).unwrap(), [4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
        assert_eq!(tape.read(0, 1).unwrap(), [1.0, 2.0, 3.0]);
        assert!(tape.read(2, 2).unwrap_err().to_string().contains("temporary file"));
    }
}
