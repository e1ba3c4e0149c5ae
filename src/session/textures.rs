//! What classifying pictures in textures needs of a prepared program.

use super::Model;
use super::prepared::Prepared;
use crate::backend::gpu::GpuNet;
use crate::backend::gpu::picture::Target;
use crate::error::{Error, Result};
use crate::format::Header;
use crate::graph::preprocess::ChannelOrder;
use crate::lower::InputForm;

/// The program of a model that takes pictures in textures, and how they become its input.
pub(super) fn textures<'a>(model: &Model, prepared: &'a Prepared) -> Result<(&'a GpuNet, Target)> {
    let gpu = GpuNet::of(&*prepared.executable).ok_or_else(|| Error::Usage("the net does not run on a GPU".into()))?;
    if prepared.input != InputForm::Pixels {
        return Err(Error::Usage("the model's pictures are prepared on the host; use Net::classify".into()));
    }
    let Header { graph, preprocess, .. } = model.header();
    let bgr = preprocess.channels == ChannelOrder::Bgr;
    Ok((gpu, Target { input: graph.input_shape(), resize: preprocess.resize, bgr }))
}
