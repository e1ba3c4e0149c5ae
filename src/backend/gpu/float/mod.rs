//! The float32 baseline: the network in float32, by shaders of this crate on the same device. It shows what low bit
//! widths gain there and is not meant for production. Quantizers are left out, so its numbers differ from those of the
//! quantized network.
//!
//! * `fuse` turns the graph into steps; `place` decides which tensors lie inside which concatenation.
//! * `forms` says which shader runs a convolution, here and in training.
//! * `launches` and `weights` give each step its shader, constants and layouts.
//! * `net` holds the buffers and runs the launches.
//!
//! Tensors are `[image, h, w]` of vectors of four channels. Channels past the last one are 0.

mod forms;
mod fuse;
mod launches;
mod net;
mod place;
mod weights;

#[cfg(feature = "train")]
pub(super) use forms::{Form, QUADS, grouped, point, tile};
pub use net::FloatNet;

use super::record::{Recording, Sources, Target, Variant};
use super::table::QUAD;
use crate::graph::{Graph, Params};
use crate::plan::{Access, Slots};
use place::Places;

/// A float network as plain data, built without a GPU.
#[derive(Debug)]
pub struct FloatRecording {
    recording: Recording,
    /// The name of each node's tensor, and its 32-bit words per image.
    tensors: Vec<(String, usize)>,
    slots: Slots,
    /// The tensor of the logits.
    output: usize,
}

impl FloatRecording {
    /// Records `graph` without its quantizers for `target`, with weights in buffers of at most `most` words.
    ///
    /// # Errors
    /// The layer that cannot be computed, and why.
    pub fn new(graph: &Graph, params: &Params, target: &Target, most: usize) -> Result<Self, String> {
        let graph = graph.without_quantizers()?;
        let shapes: Vec<_> = graph.facts()?.iter().map(|fact| fact.shape).collect();
        let steps = fuse::steps(&graph, params)?;
        let (places, steps) = Places::new(&graph, &shapes, steps);
        let tensors: Vec<(String, usize)> =
            graph.nodes().iter().zip(&shapes).map(|(n, s)| (n.name.clone(), words(s.pixels(), s.c))).collect();
        let sizes: Vec<usize> = tensors.iter().map(|t| t.1).collect();
        let access = |step| Access { reads: places.reads(step), writes: places.writes(step), keeps_inputs: false };
        let accesses: Vec<Access> = steps.iter().map(access).collect();
        let output = places.view(shapes.len() - 1).tensor;
        let slots = Slots::assign(&sizes, &accesses, output)?;
        let mut recording = Recording::empty(target.fold);
        let mut sources = Sources::new();
        for (index, step) in steps.iter().enumerate() {
            let maker = launches::Maker { graph: &graph, params, shapes: &shapes, places: &places, target, most };
            for (kernel, launch) in maker.launches(step)? {
                recording.add(&mut sources, &step.name, index, kernel, Variant::General, &launch);
            }
        }
        Ok(FloatRecording { recording, tensors, slots, output })
    }

    /// The dispatches and their constants.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }
}

/// 32-bit words of a tensor, per image.
fn words(pixels: usize, channels: usize) -> usize {
    pixels * channels.next_multiple_of(QUAD)
}
