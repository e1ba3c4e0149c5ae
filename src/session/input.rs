//! Which kinds of input a model takes, and which program runs each of them. Everything else asks here.

use crate::error::{Error, Result};
use crate::format::Packed;
use crate::graph::preprocess::Normalize;
use crate::lower::{InputKind, lower};
use crate::plan::Plan;
use std::path::Path;
use std::sync::Arc;

/// The kinds of input that a model takes, the usual one first.
pub(super) fn kinds(packed: &Packed) -> &'static [InputKind] {
    match packed.header.preprocess.normalize.takes_pixels() {
        true => &[InputKind::Pixels, InputKind::Tensor],
        false => &[InputKind::Tensor],
    }
}

/// The kind of input that a model is prepared for unless the caller feeds another.
pub(super) fn usual_kind(packed: &Packed) -> InputKind {
    kinds(packed).first().copied().unwrap_or(InputKind::Tensor)
}

/// The kind that a program for inputs of `kind` is lowered for. The mean and deviation of channels are folded into the
/// first convolution; a mean image is subtracted on the host, so that pixels run the program for tensors.
pub(crate) fn program_kind(normalize: &Normalize, kind: InputKind) -> InputKind {
    if matches!(normalize, Normalize::Channel { .. }) { kind } else { InputKind::Tensor }
}

/// The lowered network for one kind of input.
pub(super) fn plan(packed: &Packed, kind: InputKind) -> Result<Arc<Plan>> {
    let bad = |problem: String| Error::bad_model(Path::new(&packed.header.name), problem);
    let normalize = &packed.header.preprocess.normalize;
    let program = lower(&packed.header.graph, &packed.params, normalize, program_kind(normalize, kind)).map_err(bad)?;
    Ok(Arc::new(Plan::new(program).map_err(bad)?))
}
