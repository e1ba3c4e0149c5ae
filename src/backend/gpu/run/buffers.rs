//! The buffers of a recording that is loaded onto a GPU: slots, constants, uniforms.

use super::layout::Layout;
use super::pipelines::Pipeline;
use crate::backend::gpu::device::Gpu;
use crate::backend::gpu::header::Params;
use crate::backend::gpu::record::{Binding, Buffer, Dispatch, Recording};
use crate::error::{Error, Result};
use std::ops::RangeInclusive;

/// All of them, for batches of up to `max_batch` images.
#[derive(Debug)]
pub(crate) struct Buffers {
    /// Images that the slots hold.
    pub max_batch: usize,
    /// One for each slot.
    pub slots: Vec<wgpu::Buffer>,
    constants: Vec<wgpu::Buffer>,
    /// The uniform that shaders read.
    pub params: wgpu::Buffer,
    /// The contents of that uniform for every batch size. Commands copy one of them, so that batches in flight do not
    /// share one.
    pub all_params: wgpu::Buffer,
}

impl Buffers {
    /// Allocates and fills them, for the largest batch of these sizes that there is memory for.
    pub(crate) fn new(gpu: &Gpu, layout: &Layout, recording: &Recording, sizes: RangeInclusive<usize>) -> Result<Self> {
        let constant = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let constants = recording.constants().iter().map(|(name, words)| filled(gpu, name, words, constant));
        let constants = constants.collect::<Result<_>>()?;
        let params: Vec<Params> =
            (0..=*sizes.end() as u32).map(|images| Params { images, ..Params::default() }).collect();
        let copied = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let all_params = filled(gpu, "batch sizes", bytemuck::cast_slice(&params), copied)?;
        let uniform = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let params = buffer(gpu, "batch", size_of::<Params>() / 4, uniform)?;
        let (slots, max_batch) = slots(gpu, layout, sizes)?;
        Ok(Buffers { max_batch, slots, constants, params, all_params })
    }

    /// The bind group of a dispatch.
    pub(crate) fn bind(&self, gpu: &Gpu, layout: &Layout, dispatch: &Dispatch, pipeline: &Pipeline) -> wgpu::BindGroup {
        bind_group(gpu, dispatch, pipeline, &self.params, &|binding| self.resource(layout, binding))
    }

    fn resource(&self, layout: &Layout, binding: &Binding) -> &wgpu::Buffer {
        match binding.buffer {
            Buffer::Tensor(id) => &self.slots[layout.slots.slot_of[id]],
            Buffer::Constant(index) => &self.constants[index],
        }
    }
}

/// The bind group of a dispatch, whose batch is in `params` and whose buffers `place` finds.
pub(crate) fn bind_group<'a>(
    gpu: &Gpu,
    dispatch: &Dispatch,
    pipeline: &Pipeline,
    params: &wgpu::Buffer,
    place: &dyn Fn(&Binding) -> &'a wgpu::Buffer,
) -> wgpu::BindGroup {
    let shape = shape_buffer(gpu, dispatch);
    let storage = dispatch.bindings.iter().map(|binding| -> &wgpu::Buffer { place(binding) });
    let entries: Vec<wgpu::BindGroupEntry> = (0..)
        .zip([params, &shape].into_iter().chain(storage))
        .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
        .collect();
    let label = Some(dispatch.name.as_str());
    let descriptor = wgpu::BindGroupDescriptor { label, layout: &pipeline.layout, entries: &entries };
    gpu.device().create_bind_group(&descriptor)
}

/// What runs a dispatch.
pub(crate) type Bound = (wgpu::ComputePipeline, wgpu::BindGroup);

/// Adds a dispatch for so many images to a pass.
pub(crate) fn dispatch(
    pass: &mut wgpu::ComputePass,
    recording: &Recording,
    dispatch: &Dispatch,
    (pipeline, buffers): &Bound,
    images: usize,
) {
    let [x, y, z] = recording.workgroups(dispatch, images);
    pass.set_pipeline(pipeline);
    pass.set_bind_group(0, buffers, &[]);
    pass.dispatch_workgroups(x, y, z);
}

/// A buffer with these contents.
pub(crate) fn filled(gpu: &Gpu, name: &str, words: &[u32], usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
    let buffer = buffer(gpu, name, words.len(), usage)?;
    gpu.guarded(name, || gpu.queue().write_buffer(&buffer, 0, bytemuck::cast_slice(words)))?;
    Ok(buffer)
}

/// The uniform with a dispatch's shape.
fn shape_buffer(gpu: &Gpu, dispatch: &Dispatch) -> wgpu::Buffer {
    let size = bytes(dispatch.shape.len());
    let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
    let descriptor = wgpu::BufferDescriptor { label: Some("shape"), size, usage, mapped_at_creation: false };
    let buffer = gpu.device().create_buffer(&descriptor);
    gpu.queue().write_buffer(&buffer, 0, bytemuck::cast_slice(&dispatch.shape));
    buffer
}

/// The slots for the largest batch of these sizes that there is memory for, and its size.
fn slots(gpu: &Gpu, layout: &Layout, sizes: RangeInclusive<usize>) -> Result<(Vec<wgpu::Buffer>, usize)> {
    let (least, most) = sizes.into_inner();
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
    let one = |(index, &words): (usize, &usize)| buffer(gpu, &format!("slot {index}"), words * most, usage);
    match layout.slots.words.iter().enumerate().map(one).collect() {
        Ok(slots) => Ok((slots, most)),
        Err(Error::OutOfMemory { .. }) if most > least => slots(gpu, layout, least..=least.max(most / 2)),
        Err(e) => Err(e),
    }
}

/// A buffer of so many words.
pub(crate) fn buffer(gpu: &Gpu, label: &str, words: usize, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
    buffer_with(gpu, label, words, usage, false)
}

/// The same, and whether it is `mapped` when it is made.
pub(super) fn buffer_with(
    gpu: &Gpu,
    label: &str,
    words: usize,
    usage: wgpu::BufferUsages,
    mapped: bool,
) -> Result<wgpu::Buffer> {
    // Buffers must not be empty, and shaders see elements of up to four words.
    let size = bytes(words.next_multiple_of(4).max(4));
    gpu.guarded(&format!("{size} bytes for {label}"), || {
        gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation: mapped,
        })
    })
}

/// Bytes of words.
pub(crate) fn bytes(words: usize) -> u64 {
    words as u64 * 4
}
