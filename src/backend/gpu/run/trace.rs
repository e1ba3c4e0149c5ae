//! The tensors that each dispatch wrote, for debugging and for the self-check.

use super::buffers::{buffer, bytes};
use super::loaded::{Done, InFlight, Loaded, Transfer};
use crate::backend::gpu::device::Turn;
use crate::backend::gpu::record::{Buffer, Dispatch};
use crate::backend::{Control, Traced};
use crate::error::{Error, Result};
use crate::lower::TensorId;

/// A tensor and the buffer that it is copied to.
type TensorCopy = (TensorId, wgpu::Buffer);

impl Loaded {
    /// Runs one image, and returns what each dispatch wrote. Other threads may run the network meanwhile.
    pub(crate) fn trace(&self, input: &[u32]) -> Result<Vec<Traced>> {
        let control = Control::default();
        let transfer = self.one_image(self.gpu.turn(&control)?, input)?;
        let (in_flight, copies) = self.begin_trace(self.gpu.turn(&control)?, transfer)?;
        self.read_trace(in_flight.wait(&control)?, &copies)
    }

    /// [`Loaded::trace`] without blocking.
    pub(crate) async fn trace_async(&self, input: &[u32]) -> Result<Vec<Traced>> {
        let control = Control::default();
        let transfer = self.one_image(self.gpu.turn_async(&control).await?, input)?;
        let (in_flight, copies) = self.begin_trace(self.gpu.turn_async(&control).await?, transfer)?;
        self.settled().await?;
        self.read_trace(in_flight.wait_async(&control).await?, &copies)
    }

    /// Buffers with the input of one image.
    fn one_image(&self, turn: Turn, input: &[u32]) -> Result<Transfer> {
        let expected = self.layout.input_words();
        if input.len() != expected {
            return Err(Error::Usage(format!("an image needs {expected} words, got {}", input.len())));
        }
        self.filled(turn, &input)
    }

    fn begin_trace(&self, turn: Turn, transfer: Transfer) -> Result<(InFlight<'_>, Vec<Vec<TensorCopy>>)> {
        let copies = self.dispatches().iter().map(|dispatch| written(dispatch).map(|id| self.copy(id)).collect());
        let copies: Vec<Vec<TensorCopy>> = copies.collect::<Result<_>>()?;
        let results: Vec<&wgpu::Buffer> = copies.iter().flatten().map(|(_, copy)| copy).collect();
        let in_flight = self.begin_with(turn, transfer, 1, &results, |encoder| {
            for (dispatch, copies) in copies.iter().enumerate() {
                self.pass(encoder, 1, std::iter::once(dispatch));
                for (id, copy) in copies {
                    encoder.copy_buffer_to_buffer(self.slot(*id), 0, copy, 0, self.tensor_bytes(*id));
                }
            }
        })?;
        Ok((in_flight, copies))
    }

    fn read_trace(&self, done: Done, copies: &[Vec<TensorCopy>]) -> Result<Vec<Traced>> {
        done.read()?;
        let read = |(id, copy): &TensorCopy| Ok((*id, self.gpu.read_mapped(copy, self.tensor_bytes(*id))?));
        let of_dispatch = |(dispatch, copies): (&Dispatch, &Vec<TensorCopy>)| {
            let written = copies.iter().map(read).collect::<Result<_>>()?;
            Ok(Traced { step: dispatch.step, written })
        };
        self.dispatches().iter().zip(copies).map(of_dispatch).collect()
    }

    fn copy(&self, id: TensorId) -> Result<TensorCopy> {
        let usage = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ;
        Ok((id, buffer(&self.gpu, "trace", self.layout.words(id), usage)?))
    }

    fn tensor_bytes(&self, id: TensorId) -> u64 {
        bytes(self.layout.words(id))
    }
}

/// The tensors that a dispatch writes.
fn written(dispatch: &Dispatch) -> impl Iterator<Item = TensorId> + '_ {
    dispatch.bindings.iter().filter_map(|b| match b.buffer {
        Buffer::Tensor(id) if b.write => Some(id),
        _ => None,
    })
}
