//! How many images fit a device at once.

use super::record::Recording;
use crate::error::{Error, Result};
use crate::plan::Plan;

/// Shaders compute word indices in 32 bits and some drivers byte offsets as well.
const MAX_SLOT_BYTES: u64 = 1 << 31;
/// A batch is not made larger than what fits in so many bytes: memory is shared with others, and nobody tells how much
/// of it is left.
const MAX_ARENA_BYTES: u64 = 1 << 30;

/// What a device allows.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<'a> {
    /// Its name, for messages.
    pub device: &'a str,
    /// Largest buffer that a shader can see, in bytes.
    pub buffer_bytes: u64,
}

impl Bounds<'_> {
    /// The largest batch up to `wanted` that fits, at least one image; or which layer does not fit.
    pub fn max_batch(&self, plan: &Plan, recording: &Recording, wanted: usize) -> Result<usize> {
        for (name, words) in recording.constants() {
            self.check(name, words.len())?;
        }
        for tensor in &plan.program().tensors {
            self.check(&tensor.name, tensor.image_words())?;
        }
        let largest = bytes(plan.slots().iter().copied().max().unwrap_or(0));
        let arena = bytes(plan.slots().iter().sum());
        let fits = (self.slot_bytes() / largest.max(1)).min(MAX_ARENA_BYTES / arena.max(1)).max(1);
        let indexed = recording.max_images();
        if indexed == 0 {
            let problem = "a layer has more outputs than the device's workgroups and 32-bit indices reach".to_owned();
            return Err(Error::DeviceLimit { device: self.device.to_owned(), problem });
        }
        let wanted = wanted.clamp(1, indexed);
        Ok(wanted.min(usize::try_from(fits).unwrap_or(usize::MAX)))
    }

    fn slot_bytes(&self) -> u64 {
        self.buffer_bytes.min(MAX_SLOT_BYTES)
    }

    fn check(&self, layer: &str, words: usize) -> Result<()> {
        let (needed, allowed) = (bytes(words), self.slot_bytes());
        if needed <= allowed {
            return Ok(());
        }
        let problem = format!("layer '{layer}' needs a buffer of {needed} bytes, the device allows {allowed}");
        Err(Error::DeviceLimit { device: self.device.to_owned(), problem })
    }
}

fn bytes(words: usize) -> u64 {
    words as u64 * 4
}
