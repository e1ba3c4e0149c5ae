//! The per-pixel mean of the training pictures, for networks that subtract one.

use super::names::MEAN_IMAGE;
use super::scope::Scope;
use crate::error::{Error, Result};
use crate::files::read_file;
use crate::format::npy::{self, MAX_ARRAY};
use crate::graph::preprocess::{ChannelOrder, Normalize, Preprocess};
use crate::graph::{Graph, Tensor};
use std::path::Path;

/// Largest pixel.
pub(crate) const WHITE: f64 = 255.0;

/// The mean image of the training pictures, from `file` or from an exported network.
pub(crate) fn find(
    scope: &Scope,
    file: Option<&Path>,
    graph: &Graph,
    preprocess: &mut Preprocess,
) -> Result<Option<Tensor>> {
    if let Some(file) = file {
        let bytes = read_file(file, MAX_ARRAY)?;
        let read = npy::read_f32(&bytes).map_err(|problem| Error::bad_input(file, problem))?;
        return apply(file, read, graph, preprocess).map(Some);
    }
    match scope.shape(MEAN_IMAGE) {
        None => Ok(None),
        Some(shape) => {
            let read = (shape.to_vec(), scope.read_f32(MEAN_IMAGE)?);
            apply(scope.checkpoint.path(), read, graph, preprocess).map(Some)
        }
    }
}

/// Checks a mean image `[height, width, 3]` RGB and makes the preprocessing use it.
fn apply(
    file: &Path,
    (shape, mut data): (Vec<usize>, Vec<f32>),
    graph: &Graph,
    preprocess: &mut Preprocess,
) -> Result<Tensor> {
    let Normalize::TensorOnly { range } = preprocess.normalize else {
        return Err(Error::Usage("this network subtracts one mean per channel and takes no mean image".into()));
    };
    let input = graph.input_shape();
    if shape != [input.h, input.w, 3] {
        let expected = [input.h, input.w, 3];
        return Err(Error::bad_input(file, format!("mean image has shape {shape:?}, expected {expected:?}")));
    }
    if let Some(v) = data.iter().find(|&&v| !(0.0..=WHITE).contains(&f64::from(v))) {
        return Err(Error::bad_input(file, format!("mean image has the value {v}, expected 0 to 255")));
    }
    if preprocess.channels == ChannelOrder::Bgr {
        data.chunks_exact_mut(3).for_each(<[f32]>::reverse);
    }
    preprocess.normalize = Normalize::MeanImage { divide: WHITE / range };
    Ok(Tensor::from_f32(shape, data))
}
