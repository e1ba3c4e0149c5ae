//! `.npy` files of inputs, read in pieces.

use crate::error::{Error, Result};
use crate::files::RegularFile;
use crate::format::ElementType;
use crate::format::npy::{self, NpyData, NpyHeader};
use crate::session::{Batch, Model};
use crate::tensor::Shape;
use std::ops::Range;
use std::path::Path;

/// A `.npy` file of pixels or tensors. Only the rows of a batch are in memory.
pub(super) struct Array {
    file: RegularFile,
    header: NpyHeader,
    rows: usize,
}

impl Array {
    /// Opens an array and checks that the model can take it.
    pub(super) fn open(path: &Path, model: &Model) -> Result<Self> {
        let bad = |problem: String| Error::bad_input(path, problem);
        let file = RegularFile::open(path)?;
        let header = npy::parse_header(&file.head(npy::MAX_HEADER)?).map_err(bad)?;
        if header.file_len() != file.len() {
            let (found, expected) = (file.len().saturating_sub(header.data_offset), header.data_len);
            return Err(bad(format!(
                "holds {found} bytes of data, expected {expected} for its shape {:?}",
                header.shape
            )));
        }
        let input = model.header().graph.input_shape();
        let rows = check(&header, input, model).map_err(bad)?;
        Ok(Array { file, header, rows })
    }

    /// The images of these rows.
    pub(super) fn rows(&self, rows: Range<usize>) -> Result<Batch> {
        let bad = |problem: String| Error::bad_input(self.path(), problem);
        // A single image may come without its leading dimension.
        let range = if self.header.shape.len() == 3 {
            self.header.data_offset..self.header.file_len()
        } else {
            self.header.row_bytes(rows).map_err(bad)?
        };
        match NpyData::from_le_bytes(self.header.dtype, &self.file.bytes(range)?).map_err(bad)? {
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
        self.file.path()
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
    if rows == 0 {
        return Err(format!("has shape {:?}: it holds no image", header.shape));
    }
    if image != [input.h, input.w, input.c] {
        return Err(format!("has images of {image:?}, the model takes [{}, {}, {}]", input.h, input.w, input.c));
    }
    Ok(rows)
}

/// The problem without the path that it is about.
pub(super) fn reason(error: Error) -> String {
    match error {
        Error::BadInput { problem, .. } => problem,
        other => other.to_string(),
    }
}
