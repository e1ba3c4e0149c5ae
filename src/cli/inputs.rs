//! INPUT arguments: pictures, directories, standard input, arrays.

use super::array::{Array, reason};
use super::folder::{Found, search};
use super::profile::Profiling;
use crate::error::{Error, Result};
use crate::files::read_limited;
use crate::image::{MAX_FILE, Pixels, decode};
use crate::session::{Batch, Model};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Most pictures that are decoded at the same time.
const DECODERS: usize = 8;

/// One source of images.
pub(super) enum Input {
    Picture(PathBuf),
    Stdin,
    Array(Array),
}

impl Input {
    /// Name that is printed with results.
    pub(super) fn name(&self) -> String {
        match self {
            Input::Picture(path) => path.display().to_string(),
            Input::Stdin => "-".into(),
            Input::Array(array) => array.path().display().to_string(),
        }
    }

    /// Number of images.
    pub(super) fn len(&self) -> usize {
        if let Input::Array(array) = self { array.len() } else { 1 }
    }
}

/// The inputs that an argument names: one, or those of a directory.
pub(super) fn expand(path: &Path, model: &Model) -> Result<Vec<Input>> {
    if path.as_os_str() == "-" {
        return picture(path, Input::Stdin, model).map(|input| vec![input]);
    }
    let meta = std::fs::metadata(path).map_err(|e| Error::io(path, e))?;
    if meta.is_dir() {
        let Found { pictures, skipped } = search(path)?;
        if pictures.is_empty() {
            return Err(skipped.no_picture(path));
        }
        skipped.tell(path);
        return pictures.into_iter().map(|file| picture(path, Input::Picture(file), model)).collect();
    }
    let npy = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy"));
    let array = || Array::open(path, model).map(Input::Array);
    let one = if npy { array()? } else { picture(path, Input::Picture(path.to_owned()), model)? };
    Ok(vec![one])
}

/// `input`, if the model takes pictures.
fn picture(path: &Path, input: Input, model: &Model) -> Result<Input> {
    model.need_pixels().map(|()| input).map_err(|error| Error::bad_input(path, reason(error)))
}

/// Batches of at most `size` pictures at the network's size, decoded when they are asked for. `keep` is given every
/// picture, decoded or not, and returns the pixels to feed, if any, or an error that ends the sequence.
pub(super) fn batches<'a>(
    pictures: &'a [Input],
    size: usize,
    model: &'a Model,
    profiling: &'a Profiling,
    mut keep: impl FnMut(&Input, Result<Vec<u8>>) -> Result<Option<Vec<u8>>> + 'a,
) -> impl Iterator<Item = Result<Batch>> + 'a {
    pictures.chunks(size).map(move |chunk| {
        let decoded = profiling.host("decode", || load(chunk, model));
        let kept = chunk.iter().zip(decoded).map(|(input, decoded)| keep(input, decoded));
        let kept: Vec<Option<Vec<u8>>> = kept.collect::<Result<_>>()?;
        Ok(Batch::Pixels(kept.into_iter().flatten().flatten().collect()))
    })
}

/// Decodes, resizes and crops pictures in parallel, in order; each may fail on its own. A hostile picture may take
/// close to a gigabyte while it is decoded, so only [`DECODERS`] are decoded at a time.
fn load(pictures: &[Input], model: &Model) -> Vec<Result<Vec<u8>>> {
    let some = |some: &[Input]| some.par_iter().map(|input| load_one(input, model)).collect::<Vec<_>>();
    pictures.chunks(DECODERS).flat_map(some).collect()
}

fn load_one(input: &Input, model: &Model) -> Result<Vec<u8>> {
    let picture = match input {
        Input::Picture(path) => Pixels::open(path)?,
        Input::Stdin => decode(&read_limited(std::io::stdin().lock(), MAX_FILE, Path::new("-"))?, Path::new("-"))?,
        Input::Array(array) => return Err(Error::bad_input(array.path(), "is an array, not a picture")),
    };
    model.preprocess(&picture)
}
