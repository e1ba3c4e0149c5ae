//! The buffer through which a batch reaches the device: memory that the host writes and the device reads. It stays mapped
//! between batches, because fresh memory costs more than what is written to it: the system clears each page of it first.

use super::buffers::{buffer_with, bytes};
use crate::backend::gpu::device::Gpu;
use crate::backend::input::{InputWords, each_part};
use crate::error::Result;
use std::ops::Range;

/// Such a buffer for so many words, mapped.
pub(super) fn upload(gpu: &Gpu, words: usize) -> Result<wgpu::Buffer> {
    buffer_with(gpu, "upload", words, wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC, true)
}

/// Writes `input` to the start of `upload`, which is mapped, and unmaps it unless that fails.
pub(super) fn write(gpu: &Gpu, upload: &wgpu::Buffer, input: &dyn InputWords) -> Result<()> {
    let one = |part: Range<usize>| {
        let words = input.part(part.clone())?;
        let place = upload.get_mapped_range_mut(bytes(part.start)..bytes(part.end));
        place.map_err(|e| gpu.failure(&e.to_string()))?.copy_from_slice(bytemuck::cast_slice(&words));
        Ok(())
    };
    each_part(input, one)?;
    upload.unmap();
    Ok(())
}
