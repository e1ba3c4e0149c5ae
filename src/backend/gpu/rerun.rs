//! Single dispatches of a prepared network, for measuring them.

use super::engine::GpuNet;
use super::record::Dispatch;
use crate::error::{Error, Result};
use std::time::Duration;

/// How long a look at the device lasts before the next one.
const PATIENCE: Duration = Duration::from_millis(50);

impl GpuNet {
    /// The dispatches of an inference, in order.
    pub fn dispatches(&self) -> &[Dispatch] {
        &self.recording.dispatches
    }

    /// Runs one dispatch `repeats` times on `images` images of whatever the slots hold, and waits for it.
    pub fn rerun(&self, dispatch: usize, images: usize, repeats: usize) -> Result<()> {
        self.check_images(images)?;
        if dispatch >= self.recording.dispatches.len() {
            return Err(Error::Usage(format!("there is no dispatch {dispatch}")));
        }
        let gpu = &self.gpu;
        let submission = gpu.guarded("repeating a dispatch", || {
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            self.set_batch(&mut encoder, images);
            self.pass(&mut encoder, images, std::iter::repeat_n(dispatch, repeats));
            gpu.queue().submit([encoder.finish()])
        })?;
        while !gpu.wait(&submission, PATIENCE)? {}
        Ok(())
    }
}
