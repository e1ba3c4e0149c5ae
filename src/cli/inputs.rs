//! INPUT arguments: pictures, directories, standard input, arrays.

use super::folder::{Found, search};
use super::output;
use super::profile::Profiling;
use crate::error::{Error, Result};
use crate::format::ElementType;
use crate::format::npy::{self, NpyData, NpyHeader};
use crate::graph::preprocess::Resize;
use crate::image::{EXTENSIONS, Pixels, decode, read_limited, resize_and_crop};
use crate::session::{Batch, Model};
use crate::tensor::Shape;
use rayon::prelude::*;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Most pictures that are decoded at the same time.
const DECODERS: usize = 8;

/// One source of images.
pub(super) enum Input {
    Picture(PathBuf),
    Stdin,
    Array(Array),
}

/// A `.npy` file, mapped.
pub(super) struct Array {
    path: PathBuf,
    file: memmap2::Mmap,
    header: NpyHeader,
    rows: usize,
}

impl Input {
    /// Name that is printed with results.
    pub(super) fn name(&self) -> String {
        match self {
            Input::Picture(path) => path.display().to_string(),
            Input::Stdin => "-".into(),
            Input::Array(array) => array.path.display().to_string(),
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
        let skipped = skipped.summary().map(|summary| format!("skipped: {summary}"));
        if pictures.is_empty() {
            return Err(Error::bad_input(path, holds_no_picture(skipped)));
        }
        skipped.iter().for_each(|skipped| output::note(&format!("note: {}: {skipped}", path.display())));
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

/// What a directory without pictures is told.
pub(super) fn holds_no_picture(skipped: Option<String>) -> String {
    let skipped = skipped.map_or(String::new(), |skipped| format!("; {skipped}"));
    format!("holds no picture (names that end in {}){skipped}", EXTENSIONS.join(", "))
}

/// The problem without the path that it is about.
fn reason(error: Error) -> String {
    match error {
        Error::BadInput { problem, .. } => problem,
        other => other.to_string(),
    }
}

/// Batches of at most `size` pictures at the network's size, decoded when they are asked for. `keep` is given every
/// picture, decoded or not, and returns the pixels to feed, if any, or an error that ends the sequence.
pub(super) fn batches<'a>(
    pictures: &'a [Input],
    size: usize,
    rule: &'a Resize,
    profiling: &'a Profiling,
    mut keep: impl FnMut(&Input, Result<Vec<u8>>) -> Result<Option<Vec<u8>>> + 'a,
) -> impl Iterator<Item = Result<Batch>> + 'a {
    pictures.chunks(size).map(move |chunk| {
        let decoded = profiling.host("decode", || load(chunk, rule));
        let kept = chunk.iter().zip(decoded).map(|(input, decoded)| keep(input, decoded));
        let kept: Vec<Option<Vec<u8>>> = kept.collect::<Result<_>>()?;
        Ok(Batch::Pixels(kept.into_iter().flatten().flatten().collect()))
    })
}

/// Decodes, resizes and crops pictures in parallel, in order; each may fail on its own. A hostile picture may take
/// close to a gigabyte while it is decoded, so only [`DECODERS`] are decoded at a time.
fn load(pictures: &[Input], rule: &Resize) -> Vec<Result<Vec<u8>>> {
    let some = |some: &[Input]| some.par_iter().map(|input| load_one(input, rule)).collect::<Vec<_>>();
    pictures.chunks(DECODERS).flat_map(some).collect()
}

fn load_one(input: &Input, rule: &Resize) -> Result<Vec<u8>> {
    let picture = match input {
        Input::Picture(path) => Pixels::open(path)?,
        Input::Stdin => decode(&read_limited(std::io::stdin().lock(), Path::new("-"))?, Path::new("-"))?,
        Input::Array(array) => return Err(Error::bad_input(&array.path, "is an array, not a picture")),
    };
    Ok(resize_and_crop(&picture, rule)?.rgb)
}

impl Array {
    /// Opens an array and checks that the model can take it.
    pub(super) fn open(path: &Path, model: &Model) -> Result<Self> {
        let bad = |problem: String| Error::bad_input(path, problem);
        let file = std::fs::File::open(path).map_err(|e| Error::io(path, e))?;
        if file.metadata().map_err(|e| Error::io(path, e))?.len() == 0 {
            return Err(bad("is empty".into()));
        }
        // SAFETY: the mapping is read-only and lives as long as this command. Nothing here changes the file; that
        // nobody else does meanwhile is up to the user, as for any tool that maps its input.
        let file = unsafe { memmap2::Mmap::map(&file) }.map_err(|e| Error::io(path, e))?;
        let (header, _) = npy::layout(&file).map_err(bad)?;
        let input = model.header().graph.input_shape();
        let rows = check(&header, input, model).map_err(bad)?;
        Ok(Array { path: path.to_owned(), file, header, rows })
    }

    /// The images of these rows.
    pub(super) fn rows(&self, rows: Range<usize>) -> Result<Batch> {
        let bad = |problem: String| Error::bad_input(&self.path, problem);
        // A single image may come without its leading dimension.
        let range = if self.header.shape.len() == 3 {
            self.header.data_offset..self.header.file_len()
        } else {
            self.header.row_bytes(rows).map_err(bad)?
        };
        let raw = self.file.get(range).ok_or_else(|| bad("is truncated".into()))?;
        match NpyData::from_le_bytes(self.header.dtype, raw).map_err(bad)? {
            NpyData::U8(pixels) => Ok(Batch::Pixels(pixels)),
            NpyData::F32(x) => Ok(Batch::Tensor(x)),
            _ => Err(bad("must hold u8 pixels or f32 tensors".into())),
        }
    }

    /// Number of images.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// Where the array came from.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Checks element type and shape, and counts the images.
fn check(header: &NpyHeader, input: Shape, model: &Model) -> Result<usize, String> {
    if !matches!(header.dtype, ElementType::U8 | ElementType::F32) {
        return Err(format!("holds {}, expected u8 pixels or f32 tensors", header.dtype.name()));
    }
    if header.dtype == ElementType::U8 {
        model.need_pixels().map_err(|error| format!("holds pixels, but {}", reason(error)))?;
    }
    if header.fortran_order {
        return Err("is stored in Fortran order; save it with numpy.ascontiguousarray".into());
    }
    let (rows, image) = match header.shape.as_slice() {
        [n, rest @ ..] if rest.len() == 3 => (*n, rest),
        image if image.len() == 3 => (1, image),
        other => return Err(format!("has shape {other:?}, expected [N, {}, {}, {}]", input.h, input.w, input.c)),
    };
    if image != [input.h, input.w, input.c] {
        return Err(format!("has images of {image:?}, the model takes [{}, {}, {}]", input.h, input.w, input.c));
    }
    Ok(rows)
}
