//! The pictures with which a network is calibrated.

use crate::cli::folder::search;
use crate::cli::output;
use crate::error::{Error, Result};
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

/// Refuses what is no folder.
///
/// # Errors
/// [`Error::BadInput`].
pub(super) fn need_folder(path: &Path) -> Result<()> {
    let problem = match (path.exists(), path.is_dir()) {
        (_, true) => return Ok(()),
        (true, false) => "is a file; give a folder of pictures with --calibrate",
        (false, _) => "does not exist; give a folder of pictures with --calibrate",
    };
    Err(Error::bad_input(path, problem))
}

impl<'a> Calibration<'a> {
    /// At most `count` of the pictures in `folder`, chosen by `seed`.
    pub(super) fn find(folder: &Path, count: usize, seed: u64, float: &'a Model) -> Result<Self> {
        let found = search(folder)?;
        if found.pictures.is_empty() {
            return Err(found.skipped.no_picture(folder));
        }
        let there = found.pictures.len();
        let paths = choose(found.pictures, count, seed);
        let taken = paths.len();
        if taken < FEW {
            output::note(&format!(
                "note: few pictures to calibrate with ({taken}); a few hundred give a better network"
            ));
        } else if there < count {
            output::note(&format!("note: there are {there} pictures to calibrate with, not {count}; all are used"));
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
