//! Compares a model's activation codes with those that a training framework recorded, quantizer by quantizer, to find
//! the layer in which a conversion goes wrong.

mod quantizers;
mod recorded;

pub use recorded::RecordedCodes;

use crate::backend::reference::trace;
use crate::error::Result;
use crate::lower::{Program, Repr, TensorId};
use crate::quant::code_at;
use crate::session::{Batch, Model};
use quantizers::Quantizer;
use recorded::Expected;
use serde::Serialize;
use std::collections::HashMap;

/// The comparison of one quantizer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LayerCodes {
    /// Name of the quantizer in the graph.
    pub layer: String,
    /// Codes that were compared.
    pub compared: usize,
    /// Codes that differ.
    pub differing: usize,
    /// The first code that differs.
    pub first: Option<CodeDifference>,
}

/// A code that differs, with its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CodeDifference {
    /// Index of the image.
    pub image: usize,
    /// Row.
    pub y: usize,
    /// Column.
    pub x: usize,
    /// Channel.
    pub channel: usize,
    /// The model's code; bit j is the coefficient of basis element j.
    pub found: u8,
    /// The recorded code.
    pub expected: u8,
}

/// Runs those images of `batch` that `recorded` has codes of on the reference backend, and compares their codes. The
/// results are in order of the graph.
///
/// # Errors
/// [`crate::Error::BadInput`] if `recorded` names no quantizer, or has an array of the wrong shape or with impossible
/// codes; [`crate::Error::BadModel`] if the network cannot be lowered.
pub fn compare_codes(model: &Model, batch: &Batch, recorded: &RecordedCodes) -> Result<Vec<LayerCodes>> {
    let (images, elements) = batch.images(model)?;
    let quantizers = quantizers::of(model)?;
    let expected = recorded.expected(&quantizers, images)?;
    let plan = batch.plan(model.packed())?;
    let compared = expected.iter().map(|e| LayerCodes {
        layer: quantizers[e.quantizer].layer.clone(),
        compared: 0,
        differing: 0,
        first: None,
    });
    let mut compared: Vec<LayerCodes> = compared.collect();
    let tensors = code_tensors(plan.program(), &compared);
    let most = expected.iter().map(|e| e.images).max().unwrap_or(0);
    for image in 0..most {
        let words = batch.words(model.packed(), plan.program().input, image * elements..(image + 1) * elements)?;
        trace(&plan, &words, &mut |tensor, words| {
            if let Some(&at) = tensors.get(&tensor).filter(|&&at| image < expected[at].images) {
                let spec = &plan.program().tensors[tensor];
                let rows = words.chunks_exact(spec.pixel_words());
                let quantizer = &quantizers[expected[at].quantizer];
                compared[at].add(quantizer, &expected[at], image, rows, spec.planes());
            }
        })?;
    }
    Ok(compared)
}

/// The tensors that hold the codes of layers, and which of `layers` they belong to.
fn code_tensors(program: &Program, layers: &[LayerCodes]) -> HashMap<TensorId, usize> {
    let codes = program.tensors.iter().enumerate().filter(|(_, t)| matches!(t.repr, Repr::Codes { .. }));
    let layer = |name: &str| layers.iter().position(|l| l.layer == name);
    codes.filter_map(|(id, tensor)| Some((id, layer(&tensor.name)?))).collect()
}

impl LayerCodes {
    /// Compares an image's codes; `rows` are the packed planes of its pixels.
    fn add<'a>(
        &mut self,
        quantizer: &Quantizer,
        expected: &Expected,
        image: usize,
        rows: impl Iterator<Item = &'a [u32]>,
        planes: usize,
    ) {
        let (width, channels) = (quantizer.shape.w, quantizer.shape.c);
        for (pixel, row) in rows.enumerate() {
            for channel in 0..channels {
                let found = quantizer.own_bits(code_at(row, channel, planes));
                let wanted = expected.code(image, pixel, channel, quantizer.shape);
                self.compared += 1;
                if found != wanted && !(expected.by_value && quantizer.same_level(found, wanted)) {
                    self.differing += 1;
                    let (y, x) = (pixel / width, pixel % width);
                    self.first.get_or_insert(CodeDifference { image, y, x, channel, found, expected: wanted });
                }
            }
        }
    }
}
