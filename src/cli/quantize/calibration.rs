//! The pictures with which a network is calibrated.

use crate::cli::folder::search;
use crate::cli::output;
use crate::error::Result;
use crate::image::Pixels;
use crate::quantize::Pictures;
use crate::random::Rng;
use crate::session::{Batch, Model};
use std::path::{Path, PathBuf};

/// Fewer pictures than this are noted.
const FEW: usize = 64;

/// Some of the pictures in a folder, which are decoded when they are asked for.
pub(super) struct Calibration<'a> {
    float: &'a Model,
    pub(super) paths: Vec<PathBuf>,
}

impl<'a> Calibration<'a> {
    /// At most `count` of the pictures in `folder`, chosen by `seed`.
    pub(super) fn find(folder: &Path, count: usize, seed: u64, float: &'a Model) -> Result<Self> {
        let found = search(folder)?;
        if found.pictures.is_empty() {
            return Err(found.skipped.no_picture(folder));
        }
        let paths = choose(found.pictures, count, seed);
        if paths.len() < FEW {
            let found = paths.len();
            output::note(&format!(
                "note: few pictures to calibrate with ({found}); some hundreds give better networks"
            ));
        }
        Ok(Calibration { float, paths })
    }
}

impl Pictures for Calibration<'_> {
    fn count(&self) -> usize {
        self.paths.len()
    }

    fn tensor(&self, index: usize) -> Result<Vec<f32>> {
        Batch::Pixels(self.float.preprocess(&Pixels::open(&self.paths[index])?)?).real(self.float)
    }
}

/// At most `count` of the pictures, by the seed, in their order.
fn choose(mut pictures: Vec<PathBuf>, count: usize, seed: u64) -> Vec<PathBuf> {
    let mut rng = Rng::new(seed);
    let count = count.min(pictures.len());
    for at in 0..count {
        let other = at + (rng.next_u64() % (pictures.len() - at) as u64) as usize;
        pictures.swap(at, other);
    }
    pictures.truncate(count);
    pictures.sort();
    pictures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_chooses_different_pictures_in_order() {
        let all: Vec<PathBuf> = (0..50).map(|i| format!("{i:02}").into()).collect();
        let (a, b) = (choose(all.clone(), 20, 1), choose(all.clone(), 20, 2));
        assert!(a != b && a == choose(all.clone(), 20, 1));
        assert!(a.len() == 20 && a.is_sorted_by(|a, b| a < b));
        assert_eq!(choose(all.clone(), 99, 1), all);
    }
}
