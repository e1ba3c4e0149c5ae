//! A float network on a GPU.

use super::FloatRecording;
use crate::backend::Control;
use crate::backend::gpu::Gpu;
use crate::backend::gpu::buffers::{bind_group, buffer, bytes, filled, shape_buffer};
use crate::backend::gpu::header::Params as Batch;
use crate::backend::gpu::pipelines::compile;
use crate::backend::gpu::record::{Buffer, Dispatch};
use crate::backend::gpu::stamps::{Marks, Stamps};
use crate::backend::gpu::table::QUAD;
use crate::error::{Error, Result};
use crate::graph::{Graph, Params};
use std::path::Path;
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

/// How long a look at the device lasts before the next one.
const PATIENCE: Duration = Duration::from_millis(20);
/// Shaders compute indices in 32 bits, some drivers byte offsets as well.
const MAX_BYTES: u64 = 1 << 31;

/// A network in float32 that is ready for batches of one size. For comparison only; see the module.
#[derive(Debug)]
pub struct FloatNet {
    gpu: Gpu,
    net: FloatRecording,
    images: usize,
    input: [usize; 2],
    output: [usize; 2],
    slots: Vec<wgpu::Buffer>,
    bound: Vec<(wgpu::ComputePipeline, wgpu::BindGroup)>,
    /// Where the host reads logits. One run at a time.
    result: Mutex<wgpu::Buffer>,
}

impl FloatNet {
    /// Prepares `graph`, without its quantizers, for batches of `images` images.
    ///
    /// # Errors
    /// [`Error::BadModel`] if it cannot be computed, [`Error::DeviceLimit`] and [`Error::OutOfMemory`] if it does not fit.
    pub fn new(gpu: &Gpu, graph: &Graph, params: &Params, images: usize) -> Result<Self> {
        FloatNet::with_weights(gpu, graph, params, images, most(gpu))
    }

    /// [`FloatNet::new`] with weights in buffers of at most so many bytes.
    pub fn with_weights(gpu: &Gpu, graph: &Graph, params: &Params, images: usize, weights: u64) -> Result<Self> {
        let bad = |problem: String| Error::bad_model(Path::new("the network in float32"), problem);
        let mut net = FloatRecording::new(graph, params, &gpu.target(), (weights / 4) as usize).map_err(bad)?;
        check(gpu, &net, images, most(gpu))?;
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let slot = |words: &usize| buffer(gpu, "slot", words * images, usage | wgpu::BufferUsages::COPY_SRC);
        let slots = net.slots.words.iter().map(slot).collect::<Result<Vec<_>>>()?;
        let constants = net.recording.take_constants();
        let constants = constants.iter().map(|(name, words)| filled(gpu, name, words, usage));
        let constants = constants.collect::<Result<Vec<_>>>()?;
        let batch = Batch { images: images as u32, ..Batch::default() };
        let uniform = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let batch = filled(gpu, "batch", bytemuck::cast_slice(&[batch]), uniform)?;
        let pipelines = compile(gpu, &net.recording, &|_, _| {})?;
        let storage = |b: Buffer| match b {
            Buffer::Tensor(id) => &slots[net.slots.slot_of[id]],
            Buffer::Constant(index) => &constants[index],
        };
        let bind = |dispatch: &Dispatch| {
            let (pipeline, shape) = (&pipelines[&dispatch.source], shape_buffer(gpu, dispatch));
            let buffers = [&batch, &shape].into_iter().chain(dispatch.bindings.iter().map(|b| storage(b.buffer)));
            (pipeline.pipeline.clone(), bind_group(gpu.device(), &dispatch.name, pipeline, buffers))
        };
        let bound = gpu.guarded("binding buffers", || net.recording.dispatches().iter().map(bind).collect())?;
        let shape = |shape: Option<crate::tensor::Shape>| shape.map_or([0; 2], |s| [s.pixels(), s.c]);
        let input = shape(Some(graph.input_shape()));
        let output = shape(graph.facts().map_err(bad)?.last().map(|f| f.shape));
        let read = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ;
        let result = Mutex::new(buffer(gpu, "result", images * super::words(output[0], output[1]), read)?);
        Ok(FloatNet { gpu: gpu.clone(), net, images, input, output, slots, bound, result })
    }

    /// The logits of a whole batch, from the tensors that the first layer receives, `[image, h, w, c]`.
    ///
    /// # Errors
    /// [`Error::Usage`] if `input` is no batch of the size prepared for, and what becomes of the device.
    pub fn run(&self, input: &[f32], control: &Control) -> Result<Vec<f32>> {
        control.check()?;
        let [pixels, channels] = self.input;
        let expected = self.images * pixels * channels;
        if input.len() != expected {
            return Err(Error::Usage(format!("{} images need {expected} numbers, got {}", self.images, input.len())));
        }
        let vectors = spread(input, channels);
        let result = self.result.lock().unwrap_or_else(PoisonError::into_inner);
        let size = bytes(self.images * super::words(self.output[0], self.output[1]));
        let (sender, mapped) = mpsc::channel();
        let submission = self.gpu.guarded("running the network in float32", || {
            let slot = |tensor: usize| &self.slots[self.net.slots.slot_of[tensor]];
            self.gpu.queue().write_buffer(slot(0), 0, bytemuck::cast_slice(&vectors));
            let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
            self.pass(&mut encoder, 0..self.bound.len());
            encoder.copy_buffer_to_buffer(slot(self.net.output), 0, &result, 0, size);
            let submission = self.gpu.queue().submit([encoder.finish()]);
            result.map_async(wgpu::MapMode::Read, ..size, move |mapped| drop(sender.send(mapped)));
            submission
        })?;
        while !self.gpu.wait(&submission, PATIENCE)? {}
        if !matches!(mapped.recv(), Ok(Ok(()))) {
            return Err(self.gpu.lost_error("its result cannot be read"));
        }
        let view = result.get_mapped_range(..size).map_err(|e| self.gpu.lost_error(&e.to_string()))?;
        let vectors: Vec<f32> = bytemuck::pod_collect_to_vec(&view);
        drop(view);
        result.unmap();
        let row = self.output[1].next_multiple_of(QUAD);
        Ok(vectors.chunks_exact(row).flat_map(|pixel| pixel[..self.output[1]].iter().copied()).collect())
    }

    /// Layer and kernel of each launch, in order.
    pub fn launches(&self) -> Vec<(String, &'static str)> {
        self.net.recording.dispatches().iter().map(|d| (d.name.clone(), d.kernel)).collect()
    }

    /// Runs one launch so often on whatever its buffers hold, and waits for it.
    pub fn rerun(&self, launch: usize, repeats: usize) -> Result<()> {
        if launch >= self.bound.len() {
            return Err(Error::Usage(format!("there is no launch {launch}")));
        }
        let submission = self.gpu.guarded("repeating a launch", || {
            let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
            self.pass(&mut encoder, std::iter::repeat_n(launch, repeats));
            self.gpu.queue().submit([encoder.finish()])
        })?;
        while !self.gpu.wait(&submission, PATIENCE)? {}
        Ok(())
    }

    /// What the GPU takes for a batch of whatever its buffers hold, by its timestamps; None if it has none that mean anything.
    ///
    /// # Errors
    /// As [`FloatNet::run`].
    pub fn device_time(&self) -> Result<Option<Duration>> {
        let Some(stamps) = Stamps::new(&self.gpu, Marks::Run, self.bound.len()) else { return Ok(None) };
        let submission = self.gpu.guarded("timing the network in float32", || {
            let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
            self.launch(stamps.pass(&mut encoder, 0, 1), 0..self.bound.len());
            stamps.resolve(&mut encoder);
            self.gpu.queue().submit([encoder.finish()])
        })?;
        let times = Marks::Run.intervals(&stamps.read(&submission)?);
        let whole = times.and_then(|times| times.first().copied());
        Ok(whole.map(|[begin, end]| Duration::from_nanos((end - begin) as u64)))
    }

    fn pass(&self, encoder: &mut wgpu::CommandEncoder, launches: impl Iterator<Item = usize>) {
        self.launch(encoder.begin_compute_pass(&Default::default()), launches);
    }

    fn launch(&self, mut pass: wgpu::ComputePass, launches: impl Iterator<Item = usize>) {
        for index in launches {
            let (pipeline, buffers) = &self.bound[index];
            let [x, y, z] = self.net.recording.workgroups(&self.net.recording.dispatches()[index], self.images);
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, buffers, &[]);
            pass.dispatch_workgroups(x, y, z);
        }
    }
}

/// Bytes of the device's largest buffer.
fn most(gpu: &Gpu) -> u64 {
    let limits = gpu.device().limits();
    limits.max_buffer_size.min(limits.max_storage_buffer_binding_size).min(MAX_BYTES)
}

/// An error unless every tensor of a batch fits a buffer and every launch the device's grid.
fn check(gpu: &Gpu, net: &FloatRecording, images: usize, most: u64) -> Result<()> {
    let limit = |problem: String| Error::DeviceLimit { device: gpu.info().name.clone(), problem };
    let large = net.tensors.iter().find(|(_, words)| bytes(words * images) > most);
    if let Some((name, words)) = large {
        let needed = bytes(words * images);
        return Err(limit(format!("layer '{name}' in float32 needs a buffer of {needed} bytes, allowed are {most}")));
    }
    match net.recording.max_images() {
        fits if images <= fits => Ok(()),
        fits => Err(limit(format!("{images} images in float32 are more than the {fits} that can be indexed"))),
    }
}

/// Rows of channels as whole vectors, with zeros behind the last channel.
fn spread(input: &[f32], channels: usize) -> Vec<f32> {
    let row = channels.next_multiple_of(QUAD);
    let mut vectors = vec![0.0; input.len() / channels * row];
    for (to, from) in vectors.chunks_exact_mut(row).zip(input.chunks_exact(channels)) {
        to[..channels].copy_from_slice(from);
    }
    vectors
}
