//! How many images a device can hold at once.

use super::layout::Layout;
use crate::backend::gpu::device::Gpu;
use crate::backend::gpu::record::Recording;
use crate::error::{Error, Result};

/// Shaders compute word indices in 32 bits, and some drivers compute byte offsets in 32 bits.
const MAX_BUFFER_BYTES: u64 = 1 << 31;
/// Batches are chosen so that their tensors take at most this much together: memory is shared with other programs,
/// and no API says how much of it is left.
const MAX_ARENA_BYTES: u64 = 1 << 30;

/// What a device allows.
#[derive(Clone, Debug)]
pub(crate) struct BatchLimit {
    /// Its name, for messages.
    device: String,
    /// Largest buffer that a shader can bind, in bytes.
    buffer_bytes: u64,
}

impl BatchLimit {
    /// That of `gpu`.
    pub(crate) fn of(gpu: &Gpu) -> Self {
        let limits = gpu.device().limits();
        let buffer_bytes = limits.max_buffer_size.min(limits.max_storage_buffer_binding_size).min(MAX_BUFFER_BYTES);
        BatchLimit { device: gpu.info().name.clone(), buffer_bytes }
    }

    /// Largest buffer that a shader can bind, in bytes.
    pub(crate) fn buffer_bytes(&self) -> u64 {
        self.buffer_bytes
    }

    /// The largest batch of at most `wanted` images, and at least one.
    ///
    /// # Errors
    /// [`Error::DeviceLimit`] if not even one image is possible.
    pub(crate) fn max_batch(&self, layout: &Layout, recording: &Recording, wanted: usize) -> Result<usize> {
        for (name, words) in recording.constants() {
            self.check_buffer(name, words.len())?;
        }
        for (name, words) in &layout.tensors {
            self.check_buffer(name, *words)?;
        }
        let largest = bytes(layout.slots.words.iter().copied().max().unwrap_or(0));
        let arena = bytes(layout.slots.words.iter().sum());
        let held = (self.buffer_bytes / largest.max(1)).min(MAX_ARENA_BYTES / arena.max(1)).max(1);
        let indexed = recording.max_images();
        if indexed == 0 {
            let problem = "a layer has more outputs than the device's workgroups and 32-bit indices reach".to_owned();
            return Err(Error::DeviceLimit { device: self.device.clone(), problem });
        }
        let wanted = wanted.clamp(1, indexed);
        Ok(wanted.min(usize::try_from(held).unwrap_or(usize::MAX)))
    }

    /// An error unless the device can run batches of exactly `images` images.
    pub(crate) fn check_exact_batch(&self, layout: &Layout, recording: &Recording, images: usize) -> Result<()> {
        for (name, words) in &layout.tensors {
            self.check_buffer(name, words * images)?;
        }
        let indexed = recording.max_images();
        if images <= indexed {
            return Ok(());
        }
        let problem = format!("a batch of {images} images is more than the {indexed} that can be indexed");
        Err(Error::DeviceLimit { device: self.device.clone(), problem })
    }

    /// An error if a buffer of so many words cannot be bound.
    pub(crate) fn check_buffer(&self, layer: &str, words: usize) -> Result<()> {
        let (needed, allowed) = (bytes(words), self.buffer_bytes);
        if needed <= allowed {
            return Ok(());
        }
        let problem = format!("layer '{layer}' needs a buffer of {needed} bytes, the device allows {allowed}");
        Err(Error::DeviceLimit { device: self.device.clone(), problem })
    }
}

fn bytes(words: usize) -> u64 {
    words as u64 * 4
}
