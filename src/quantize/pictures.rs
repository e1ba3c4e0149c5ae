//! Calibration pictures.

use crate::error::{Error, Result};
use std::path::Path;

/// Calibration pictures, as the tensors that the first layer receives.
pub trait Pictures: Sync {
    /// How many there are.
    fn count(&self) -> usize;
    /// The tensor of one.
    ///
    /// # Errors
    /// If it cannot be read.
    fn tensor(&self, index: usize) -> Result<Vec<f32>>;
}

/// The tensor of picture `index`, if it is one of `wanted` finite numbers, as the model called `name` needs it.
pub(super) fn checked(tensor: Vec<f32>, index: usize, wanted: usize, name: &str) -> Result<Vec<f32>> {
    if tensor.len() == wanted && tensor.iter().all(|x| x.is_finite()) {
        return Ok(tensor);
    }
    let problem = format!("picture {index} has {} numbers, expected {wanted}, all finite", tensor.len());
    Err(Error::bad_model(Path::new(name), problem))
}
