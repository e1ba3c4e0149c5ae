//! The buffers of a network that is ready on a GPU: slots, constants, uniforms.

use super::context::Gpu;
use super::header::Params;
use super::pipelines::Pipeline;
use super::record::{Binding, Buffer, Dispatch, Recording};
use crate::error::{Error, Result};
use crate::plan::Plan;

/// All of them, for batches of up to `max_batch` images.
#[derive(Debug)]
pub struct Buffers {
    pub max_batch: usize,
    pub slots: Vec<wgpu::Buffer>,
    constants: Vec<wgpu::Buffer>,
    /// The uniform.
    pub params: wgpu::Buffer,
    /// All uniforms there can be, by number of images; copied by commands, so that batches in flight do not share one.
    pub all_params: wgpu::Buffer,
}

impl Buffers {
    /// Allocates and fills them; for fewer images than `max_batch` if memory is short.
    pub fn new(gpu: &Gpu, plan: &Plan, recording: &Recording, max_batch: usize) -> Result<Self> {
        let constant = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let constants = recording.constants().iter().map(|(name, words)| filled(gpu, name, words, constant));
        let constants = constants.collect::<Result<_>>()?;
        let params: Vec<Params> = (0..=max_batch as u32).map(|images| Params { images, ..Params::default() }).collect();
        let copied = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let all_params = filled(gpu, "batch sizes", bytemuck::cast_slice(&params), copied)?;
        let uniform = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let params = buffer(gpu, "batch", std::mem::size_of::<Params>() / 4, uniform)?;
        let (slots, max_batch) = slots(gpu, plan, max_batch)?;
        Ok(Buffers { max_batch, slots, constants, params, all_params })
    }

    /// The bind group of a dispatch whose shape is in uniform `shape`.
    pub fn bind(
        &self,
        device: &wgpu::Device,
        plan: &Plan,
        dispatch: &Dispatch,
        shape: &wgpu::Buffer,
        pipeline: &Pipeline,
    ) -> wgpu::BindGroup {
        let storage = dispatch.bindings.iter().map(|binding| self.resource(plan, binding));
        bind_group(device, &dispatch.name, pipeline, [&self.params, shape].into_iter().chain(storage))
    }

    fn resource(&self, plan: &Plan, binding: &Binding) -> &wgpu::Buffer {
        match binding.buffer {
            Buffer::Tensor(id) => &self.slots[plan.slot_of(id)],
            Buffer::Constant(index) => &self.constants[index],
        }
    }
}

/// A bind group of these buffers, in order of their bindings.
pub fn bind_group<'a>(
    device: &wgpu::Device,
    label: &str,
    pipeline: &Pipeline,
    buffers: impl Iterator<Item = &'a wgpu::Buffer>,
) -> wgpu::BindGroup {
    let entries: Vec<wgpu::BindGroupEntry> = (0..)
        .zip(buffers)
        .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
        .collect();
    let descriptor = wgpu::BindGroupDescriptor { label: Some(label), layout: &pipeline.layout, entries: &entries };
    device.create_bind_group(&descriptor)
}

/// A buffer of these words.
pub fn filled(gpu: &Gpu, name: &str, words: &[u32], usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
    let buffer = buffer(gpu, name, words.len(), usage)?;
    gpu.guarded(name, || gpu.queue().write_buffer(&buffer, 0, bytemuck::cast_slice(words)))?;
    Ok(buffer)
}

/// The uniform with a dispatch's shape.
pub fn shape_buffer(gpu: &Gpu, dispatch: &Dispatch) -> wgpu::Buffer {
    let size = bytes(dispatch.shape.len());
    let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
    let descriptor = wgpu::BufferDescriptor { label: Some("shape"), size, usage, mapped_at_creation: false };
    let buffer = gpu.device().create_buffer(&descriptor);
    gpu.queue().write_buffer(&buffer, 0, bytemuck::cast_slice(&dispatch.shape));
    buffer
}

/// The slots for the largest batch up to `max_batch` that there is memory for.
fn slots(gpu: &Gpu, plan: &Plan, max_batch: usize) -> Result<(Vec<wgpu::Buffer>, usize)> {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
    let one = |(index, &words): (usize, &usize)| buffer(gpu, &format!("slot {index}"), words * max_batch, usage);
    match plan.slots().iter().enumerate().map(one).collect() {
        Ok(slots) => Ok((slots, max_batch)),
        Err(Error::OutOfMemory { .. }) if max_batch > 1 => slots(gpu, plan, max_batch / 2),
        Err(e) => Err(e),
    }
}

/// A buffer of so many words.
pub fn buffer(gpu: &Gpu, label: &str, words: usize, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
    // Buffers must not be empty, and vectors of four words are the largest element a shader sees.
    let size = bytes(words.next_multiple_of(4).max(4));
    gpu.guarded(&format!("{size} bytes for {label}"), || {
        gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation: false,
        })
    })
}

/// Bytes of words.
pub fn bytes(words: usize) -> u64 {
    words as u64 * 4
}
