//! Batches: what is fed to a network.

use super::prepared::Prepared;
use super::{Model, feed};
use crate::backend::InputWords;
use crate::error::{Error, Result};
use crate::format::Packed;
use crate::lower::{InputForm, InputKind};
use std::borrow::Cow;
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

    /// The input words of a program for the numbers in `range`, which are whole pixels.
    pub(crate) fn words(&self, packed: &Packed, form: InputForm, range: Range<usize>) -> Result<Vec<u32>> {
        let words = match self {
            Batch::Pixels(p) => feed::pixels(packed, form, &p[range.clone()], range.start),
            Batch::Tensor(x) => feed::tensor(packed, form, &x[range.clone()], range.start),
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
            Batch::Pixels(p) => feed::real(model.packed(), p, 0).map_err(|e| Error::bad_input(Path::new("input"), e)),
        }
    }

    /// What the words of `range`, which are whole images, are made from when a device takes them.
    pub(super) fn input<'a>(&'a self, model: &'a Model, prepared: &Prepared, range: Range<usize>) -> Input<'a> {
        let shape = model.header().graph.input_shape();
        let words = prepared.input_words / shape.pixels().max(1);
        Input { batch: self, model, form: prepared.input, range, numbers: shape.c, words }
    }

    /// The lowered network for such a batch.
    #[cfg(any(feature = "convert", feature = "bench"))]
    pub(crate) fn plan(&self, packed: &Packed) -> Result<std::sync::Arc<crate::plan::Plan>> {
        super::input::plan(packed, self.kind())
    }
}

/// Some images of a batch, as what their input words are made from.
pub(crate) struct Input<'a> {
    batch: &'a Batch,
    model: &'a Model,
    form: InputForm,
    /// Their numbers in the batch.
    range: Range<usize>,
    /// Numbers of a pixel, and the words that they become.
    numbers: usize,
    words: usize,
}

impl InputWords for Input<'_> {
    fn count(&self) -> usize {
        self.range.len() / self.numbers.max(1) * self.words
    }

    fn unit(&self) -> usize {
        self.words
    }

    fn part(&self, range: Range<usize>) -> Result<Cow<'_, [u32]>> {
        let number = |word: usize| self.range.start + word / self.words.max(1) * self.numbers;
        let numbers = number(range.start)..number(range.end);
        self.batch.words(self.model.packed(), self.form, numbers).map(Cow::Owned)
    }
}
