//! Single dispatches of a prepared network, for measuring them.

use super::buffers::{buffer, bytes};
use super::engine::GpuNet;
use super::record::{Buffer, Dispatch};
use crate::error::{Error, Result};
use crate::lower::TensorId;
use crate::plan::Plan;
use std::time::Duration;

/// How long a look at the device lasts before the next one.
const PATIENCE: Duration = Duration::from_millis(50);

/// A tensor and its words.
type Written = (TensorId, Vec<u32>);

impl GpuNet {
    /// The dispatches of an inference, in order.
    pub fn dispatches(&self) -> &[Dispatch] {
        self.recording.dispatches()
    }

    /// Runs one dispatch `repeats` times on `images` images of whatever the slots hold, and waits for it.
    pub fn rerun(&self, dispatch: usize, images: usize, repeats: usize) -> Result<()> {
        self.check_images(images)?;
        if dispatch >= self.recording.dispatches().len() {
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

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Runs one image, and returns the tensors that each dispatch wrote.
    pub(super) fn tensors(&self, input: &[u32]) -> Result<Vec<Vec<Written>>> {
        if input.len() != self.plan.input_words() {
            let expected = self.plan.input_words();
            return Err(Error::Usage(format!("an image needs {expected} words, got {}", input.len())));
        }
        let mut copies = Vec::new();
        for dispatch in self.dispatches() {
            let copied = written(dispatch).map(|id| Ok((id, self.copy_target(id)?)));
            copies.push(copied.collect::<Result<Vec<_>>>()?);
        }
        let submission = self.gpu.guarded("tracing a network", || {
            let slot = |id: TensorId| &self.buffers.slots[self.plan.slot_of(id)];
            self.gpu.queue().write_buffer(slot(0), 0, bytemuck::cast_slice(input));
            let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
            self.set_batch(&mut encoder, 1);
            for (dispatch, copies) in copies.iter().enumerate() {
                self.pass(&mut encoder, 1, std::iter::once(dispatch));
                for (id, copy) in copies {
                    encoder.copy_buffer_to_buffer(slot(*id), 0, copy, 0, self.tensor_bytes(*id));
                }
            }
            let submission = self.gpu.queue().submit([encoder.finish()]);
            copies.iter().flatten().for_each(|(_, copy)| copy.map_async(wgpu::MapMode::Read, .., drop));
            submission
        })?;
        while !self.gpu.wait(&submission, PATIENCE)? {}
        let read = |(id, copy): (TensorId, wgpu::Buffer)| -> Result<Written> {
            let view = copy.get_mapped_range(..self.tensor_bytes(id));
            Ok((id, bytemuck::pod_collect_to_vec(&view.map_err(|e| self.gpu.lost_error(&e.to_string()))?)))
        };
        copies.into_iter().map(|copies| copies.into_iter().map(read).collect()).collect()
    }

    fn copy_target(&self, id: TensorId) -> Result<wgpu::Buffer> {
        let usage = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ;
        buffer(&self.gpu, "trace", self.plan.program().tensors[id].image_words(), usage)
    }

    fn tensor_bytes(&self, id: TensorId) -> u64 {
        bytes(self.plan.program().tensors[id].image_words())
    }
}

/// The tensors that a dispatch writes.
fn written(dispatch: &Dispatch) -> impl Iterator<Item = TensorId> + '_ {
    dispatch.bindings.iter().filter_map(|b| match b.buffer {
        Buffer::Tensor(id) if b.write => Some(id),
        _ => None,
    })
}
