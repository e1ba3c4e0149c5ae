//! Batches: what is fed to a network.

use super::{Model, feed};
use crate::error::{Error, Result};
use crate::format::Packed;
use crate::lower::{InputForm, InputKind};
use std::ops::Range;
use std::path::Path;

/// Several inputs of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Batch {
    /// 8-bit RGB pixels at the network's size, `[n, h, w, 3]`.
    Pixels(Vec<u8>),
    /// The tensor that the first layer receives (after preprocessing, in the network's channel order), `[n, h, w, c]`.
    Tensor(Vec<f32>),
}

impl Batch {
    pub(crate) fn kind(&self) -> InputKind {
        match self {
            Batch::Pixels(_) => InputKind::Pixels,
            Batch::Tensor(_) => InputKind::Tensor,
        }
    }

    fn numbers(&self) -> usize {
        match self {
            Batch::Pixels(p) => p.len(),
            Batch::Tensor(x) => x.len(),
        }
    }

    /// The number of images of a batch for `model`, and how many numbers each has.
    ///
    /// # Errors
    /// [`Error::BadInput`] if the model takes no pictures, [`Error::Usage`] if the batch is not a whole number of
    /// images.
    pub(crate) fn images(&self, model: &Model) -> Result<(usize, usize)> {
        if self.kind() == InputKind::Pixels {
            model.need_pixels()?;
        }
        let shape = model.header().graph.input_shape();
        let (numbers, elements) = (self.numbers(), shape.elements());
        if numbers % elements != 0 {
            return Err(Error::Usage(format!("a batch of {numbers} numbers is no multiple of an image of {shape}")));
        }
        Ok((numbers / elements, elements))
    }

    /// The input words of a program for the numbers in `range`, which are whole images.
    pub(crate) fn words(&self, packed: &Packed, form: InputForm, range: Range<usize>) -> Result<Vec<u32>> {
        let words = match self {
            Batch::Pixels(p) => feed::pixels(packed, form, &p[range]),
            Batch::Tensor(x) => feed::tensor(packed, form, &x[range]),
        };
        words.map_err(|problem| Error::bad_input(Path::new("input"), problem))
    }

    /// The tensors that the first layer of `model` receives, `[n, h, w, c]`.
    ///
    /// # Errors
    /// [`Error::BadInput`] if the model takes no pictures.
    pub fn real(&self, model: &Model) -> Result<Vec<f32>> {
        match self {
            Batch::Tensor(x) => Ok(x.clone()),
            Batch::Pixels(p) => feed::real(model.packed(), p).map_err(|e| Error::bad_input(Path::new("input"), e)),
        }
    }

    /// The lowered network for such a batch.
    #[cfg(any(feature = "convert", feature = "bench"))]
    pub(crate) fn plan(&self, packed: &Packed) -> Result<std::sync::Arc<crate::plan::Plan>> {
        super::input::plan(packed, self.kind())
    }
}
