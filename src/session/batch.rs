//! Batches: what is fed, and the lowered networks that take it.

use super::{Model, feed};
use crate::error::{Error, Result};
use crate::format::Packed;
use crate::graph::preprocess::Normalize;
use crate::lower::{InputForm, InputKind, lower};
use crate::plan::Plan;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Several inputs of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Batch {
    /// 8-bit RGB pixels at network size, `[n, h, w, 3]`.
    Pixels(Vec<u8>),
    /// The tensor that the first layer receives (after preprocessing, in the network's channel order), `[n, h, w, c]`.
    Tensor(Vec<f32>),
}

impl Batch {
    /// What it is lowered for.
    pub(super) fn kind(&self) -> InputKind {
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

    /// Images of a batch for `model`, and the numbers of one.
    ///
    /// # Errors
    /// [`Error::BadInput`] if the model takes no pictures, [`Error::Usage`] if the numbers are no whole images.
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

    /// The input tensors of a program for the numbers of `range`, which are whole images.
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
    pub(crate) fn plan(&self, packed: &Packed) -> Result<Arc<Plan>> {
        plan(packed, self.kind())
    }
}

/// What inputs of `kind` are lowered as. With a mean image the host subtracts it, so pixels run the program for tensors.
pub fn program_kind(packed: &Packed, kind: InputKind) -> InputKind {
    let folds = matches!(packed.header.preprocess.normalize, Normalize::Channel { .. });
    if folds { kind } else { InputKind::Tensor }
}

/// The lowered network for one kind of input.
pub fn plan(packed: &Packed, kind: InputKind) -> Result<Arc<Plan>> {
    let bad = |problem: String| Error::bad_model(Path::new(&packed.header.name), problem);
    let normalize = &packed.header.preprocess.normalize;
    let program = lower(&packed.header.graph, &packed.params, normalize, program_kind(packed, kind)).map_err(bad)?;
    Ok(Arc::new(Plan::new(program).map_err(bad)?))
}
