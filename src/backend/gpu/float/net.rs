//! A float network on a GPU.

use super::FloatRecording;
use crate::backend::Control;
use crate::backend::gpu::Gpu;
use crate::backend::gpu::record::Target;
use crate::backend::gpu::run::{BatchLimit, Layout, Loaded, Pace, within_rounds};
use crate::backend::gpu::table::QUAD;
use crate::error::{Error, Result};
use crate::graph::{Graph, Params};
use std::path::Path;
use std::time::Duration;

/// What an image is expected to take before a run has shown it: so long that each becomes a submission of its own.
const FIRST: Duration = Duration::from_millis(100);

/// A network in float32 that is ready for batches of one size. For comparison only; see [`super`].
#[derive(Debug)]
pub struct FloatNet {
    loaded: Loaded,
    images: usize,
    /// Channels of the input and of the logits.
    channels: [usize; 2],
}

impl FloatNet {
    /// Prepares `graph`, without its quantizers, for batches of `images` images.
    ///
    /// # Errors
    /// [`Error::BadModel`] if it cannot be computed, [`Error::DeviceLimit`] and [`Error::OutOfMemory`] if it does not
    /// fit.
    pub fn new(gpu: &Gpu, graph: &Graph, params: &Params, images: usize) -> Result<Self> {
        FloatNet::with_weights(gpu, graph, params, images, BatchLimit::of(gpu).buffer_bytes())
    }

    /// As [`FloatNet::new`], with weights in buffers of at most `weight_bytes` bytes.
    pub fn with_weights(gpu: &Gpu, graph: &Graph, params: &Params, images: usize, weight_bytes: u64) -> Result<Self> {
        let bad = |problem: String| Error::bad_model(Path::new("the network in float32"), problem);
        let outputs = graph.facts().map_err(bad)?.last().map_or(0, |f| f.shape.c);
        let record = |rounds| {
            let target = Target { rounds, ..gpu.target() };
            FloatRecording::new(graph, params, &target, (weight_bytes / 4) as usize).map_err(bad)
        };
        let FloatRecording { recording, tensors, slots, output } = within_rounds(gpu, record, |net| &net.recording)?;
        let layout = Layout { tensors, slots, output };
        BatchLimit::of(gpu).check_exact_batch(&layout, &recording, images)?;
        let pace = Pace::expecting(FIRST, gpu);
        let loaded = Loaded::new(gpu, layout, recording, pace, images..=images, &|_, _| Ok(()))?;
        Ok(FloatNet { loaded, images, channels: [graph.input_shape().c, outputs] })
    }

    /// The logits of a whole batch, from the tensors that the first layer receives, `[image, h, w, c]`.
    ///
    /// # Errors
    /// [`Error::Usage`] if `input` is not exactly one prepared batch; device errors; and that of `control` if it stops
    /// the work.
    pub fn run(&self, input: &[f32], control: &Control) -> Result<Vec<f32>> {
        control.check()?;
        let [channels, outputs] = self.channels;
        let pixels = self.loaded.layout.input_words() / channels.next_multiple_of(QUAD);
        let expected = self.images * pixels * channels;
        if input.len() != expected {
            return Err(Error::Usage(format!("{} images need {expected} numbers, got {}", self.images, input.len())));
        }
        let vectors = pad_channels(input, channels);
        let logits = self.loaded.begin(&vectors.as_slice(), self.images, control)?.wait(control)?.read()?;
        let pixels = logits.chunks_exact(outputs.next_multiple_of(QUAD));
        Ok(pixels.flat_map(|pixel| pixel.iter().take(outputs)).map(|&bits| f32::from_bits(bits)).collect())
    }

    /// Layer and kernel of each launch, in order.
    pub fn launches(&self) -> Vec<(String, &'static str)> {
        self.loaded.dispatches().iter().map(|d| (d.name.clone(), d.kernel)).collect()
    }

    /// Runs one launch `repeats` times on whatever its buffers hold, and waits for it.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is no such launch; device errors; and that of `control` if it stops the work.
    pub fn rerun(&self, launch: usize, repeats: usize, control: &Control) -> Result<()> {
        self.loaded.rerun(launch, self.images, repeats, control)
    }

    /// How long the GPU takes for one batch, by its own timestamps. The input is whatever the buffers hold. `None` if
    /// the GPU has no timestamps, or implausible ones.
    ///
    /// # Errors
    /// Device errors, and that of `control` if it stops the work.
    pub fn device_time(&self, control: &Control) -> Result<Option<Duration>> {
        self.loaded.device_time(self.images, control)
    }
}

/// The bits of `input`, the channels of each pixel padded with zeros to whole vectors.
fn pad_channels(input: &[f32], channels: usize) -> Vec<u32> {
    let row = channels.next_multiple_of(QUAD);
    let mut vectors = vec![0; input.len() / channels * row];
    for (to, from) in vectors.chunks_exact_mut(row).zip(input.chunks_exact(channels)) {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = from.to_bits());
    }
    vectors
}
