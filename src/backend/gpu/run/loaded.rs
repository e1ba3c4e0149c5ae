//! A recording that is loaded onto a GPU, and its execution: one compute pass per batch.

use super::buffers::{Bound, Buffers, buffer, bytes, dispatch};
use super::layout::Layout;
use super::pace::{Pace, Part};
use super::pipelines::compile;
use super::upload::{upload, write};
use crate::backend::gpu::device::{Gpu, Submission, Turn};
use crate::backend::gpu::header::Params;
use crate::backend::gpu::record::{Dispatch, Recording};
use crate::backend::interface::check_images;
use crate::backend::{Control, InputWords, Progress};
use crate::error::{Error, Result};
use crate::platform::Instant;
use std::ops::{Range, RangeInclusive};
use std::sync::{Mutex, PoisonError};

/// A recording with its pipelines and buffers.
///
/// A batch begins with its upload and ends with the copy of its result, both in buffers of its own. It is one submission,
/// or several that follow each other because its thread has the turn all the while, and submissions do not overlap. So any
/// number of threads may run and encode at once.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The device.
    pub gpu: Gpu,
    /// The recording's tensors.
    pub layout: Layout,
    recording: Recording,
    pace: Pace,
    buffers: Buffers,
    /// Pipeline and buffers of each dispatch.
    bound: Vec<Bound>,
    /// Upload and result buffers that no call uses right now.
    idle: Mutex<Vec<Transfer>>,
    /// Those of calls that ended early. They are dropped by the next thread that has its turn, because dropping a buffer
    /// waits for threads that submit, and who ended early wants to return.
    spent: Mutex<Vec<Transfer>>,
}

/// The upload and result buffers of one call. While the device does not use it, the upload buffer is mapped.
#[derive(Debug)]
pub(super) struct Transfer {
    upload: wgpu::Buffer,
    result: wgpu::Buffer,
}

impl Loaded {
    /// Compiles and allocates everything for the largest batch of these sizes that there is memory for. The host's
    /// copy of the weights ends here. In a browser, the errors of all this come with [`Loaded::settled`].
    pub(crate) fn new(
        gpu: &Gpu,
        layout: Layout,
        mut recording: Recording,
        pace: Pace,
        sizes: RangeInclusive<usize>,
        progress: Progress,
    ) -> Result<Self> {
        let gpu = &gpu.with_own_reports();
        let pipelines = compile(gpu, &recording, progress)?;
        let buffers = Buffers::new(gpu, &layout, &recording, sizes)?;
        drop(recording.take_constants());
        let bind = |dispatch: &Dispatch| {
            let pipeline = &pipelines[&dispatch.source];
            (pipeline.pipeline.clone(), buffers.bind(gpu, &layout, dispatch, pipeline))
        };
        let bound = gpu.guarded("binding buffers", || recording.dispatches().iter().map(bind).collect())?;
        // wgpu keeps what was written to buffers until the next submission.
        gpu.guarded("uploading weights", || gpu.queue().submit([]))?;
        Ok(Loaded {
            gpu: gpu.clone(),
            layout,
            recording,
            pace,
            buffers,
            bound,
            idle: Mutex::default(),
            spent: Mutex::default(),
        })
    }

    /// What a browser has yet to say about what was compiled and allocated.
    pub(crate) async fn settled(&self) -> Result<()> {
        self.gpu.settled().await
    }

    /// Largest batch.
    pub(crate) fn max_batch(&self) -> usize {
        self.buffers.max_batch
    }

    /// The dispatches of a batch, in order.
    pub(crate) fn dispatches(&self) -> &[Dispatch] {
        self.recording.dispatches()
    }

    /// The buffer of a tensor's slot.
    pub(crate) fn slot(&self, tensor: usize) -> &wgpu::Buffer {
        &self.buffers.slots[self.layout.slots.slot_of[tensor]]
    }

    /// An error if a batch of so many images was not prepared for.
    pub(crate) fn check_images(&self, images: usize) -> Result<()> {
        check_images(images, self.max_batch())
    }

    /// Adds the work for a batch to `encoder`: from `input` to `output`, with all dispatches in between.
    pub(crate) fn encode(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        input: &wgpu::Buffer,
        output: &wgpu::Buffer,
        images: usize,
    ) {
        self.encode_input(encoder, input, 0..images);
        self.pass(encoder, images, 0..self.recording.dispatches().len());
        self.encode_output(encoder, output, 0..images);
    }

    /// Adds what comes before the dispatches for these images of `input`.
    pub(crate) fn encode_input(&self, encoder: &mut wgpu::CommandEncoder, input: &wgpu::Buffer, images: Range<usize>) {
        self.set_batch(encoder, images.len());
        let [from, size] = [images.start, images.len()].map(|images| bytes(images * self.layout.input_words()));
        encoder.copy_buffer_to_buffer(input, from, self.slot(0), 0, size);
    }

    /// Adds what comes after them, to the places of these images in `output`.
    pub(crate) fn encode_output(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        output: &wgpu::Buffer,
        images: Range<usize>,
    ) {
        let [to, size] = [images.start, images.len()].map(|images| bytes(images * self.layout.output_words()));
        encoder.copy_buffer_to_buffer(self.slot(self.layout.output), 0, output, to, size);
    }

    /// Sets the size of the batch for the dispatches that follow.
    pub(crate) fn set_batch(&self, encoder: &mut wgpu::CommandEncoder, images: usize) {
        let params = size_of::<Params>() as u64;
        let all_params = &self.buffers.all_params;
        encoder.copy_buffer_to_buffer(all_params, images as u64 * params, &self.buffers.params, 0, params);
    }

    /// Adds a pass with the dispatches of these indices.
    pub(crate) fn pass(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        images: usize,
        dispatches: impl Iterator<Item = usize>,
    ) {
        let descriptor = wgpu::ComputePassDescriptor { label: Some("lq-infer"), timestamp_writes: None };
        let mut pass = encoder.begin_compute_pass(&descriptor);
        dispatches.for_each(|index| self.dispatch(&mut pass, images, index));
    }

    /// Adds the dispatch with this index to a pass.
    pub(crate) fn dispatch(&self, pass: &mut wgpu::ComputePass, images: usize, index: usize) {
        dispatch(pass, &self.recording, &self.recording.dispatches()[index], &self.bound[index], images);
    }

    /// Begins a batch; `input` has the words of `images` images, which must be prepared for.
    pub(crate) fn begin(&self, input: &dyn InputWords, images: usize, control: &Control) -> Result<InFlight<'_>> {
        let transfer = self.filled(self.gpu.turn(control)?, input)?;
        self.begin_batch(self.gpu.turn(control)?, transfer, images)
    }

    /// [`Loaded::begin`] without blocking.
    pub(crate) async fn begin_async(
        &self,
        input: &dyn InputWords,
        images: usize,
        control: &Control,
    ) -> Result<InFlight<'_>> {
        let transfer = self.filled(self.gpu.turn_async(control).await?, input)?;
        self.begin_batch(self.gpu.turn_async(control).await?, transfer, images)
    }

    /// Buffers for a call, with its input. Other threads may have their turn while it is written.
    pub(super) fn filled(&self, turn: Turn, input: &dyn InputWords) -> Result<Transfer> {
        drop(std::mem::take(&mut *self.spent.lock().unwrap_or_else(PoisonError::into_inner)));
        let transfer = self.transfer()?;
        drop(turn);
        match write(&self.gpu, &transfer.upload, input) {
            Ok(()) => Ok(transfer),
            Err(error) => {
                self.put_back(transfer);
                Err(error)
            }
        }
    }

    fn begin_batch(&self, turn: Turn, transfer: Transfer, images: usize) -> Result<InFlight<'_>> {
        let parts = self.pace.parts(images, self.dispatches().len());
        self.begin_parts(turn, transfer, &parts, &[], |part, encoder| {
            self.pass(encoder, part.images.len(), part.dispatches.clone());
        })
    }

    /// [`Loaded::begin`] with other commands between input and output, which fill the buffers `results` for reading.
    pub(super) fn begin_with(
        &self,
        turn: Turn,
        transfer: Transfer,
        images: usize,
        results: &[&wgpu::Buffer],
        dispatches: impl FnOnce(&mut wgpu::CommandEncoder),
    ) -> Result<InFlight<'_>> {
        let mut dispatches = Some(dispatches);
        let whole = Part { images: 0..images, dispatches: 0..self.dispatches().len() };
        self.begin_parts(turn, transfer, &[whole], results, |_, encoder| {
            if let Some(dispatches) = dispatches.take() {
                dispatches(encoder);
            }
        })
    }

    /// The same in a submission for each part of a batch, whose dispatches `dispatches` adds. Slots hold the images of one
    /// part at a time, because those of the next would lie where larger tensors of this one do.
    fn begin_parts(
        &self,
        turn: Turn,
        transfer: Transfer,
        parts: &[Part],
        results: &[&wgpu::Buffer],
        mut dispatches: impl FnMut(&Part, &mut wgpu::CommandEncoder),
    ) -> Result<InFlight<'_>> {
        let mapped: Vec<_> = results.iter().copied().chain([&transfer.result, &transfer.upload]).collect();
        let begin = Instant::now();
        let submission =
            self.gpu.submit_parts(turn, "running the network", &mapped, parts.len(), |index, encoder| {
                let part = &parts[index];
                if part.dispatches.start == 0 {
                    self.encode_input(encoder, &transfer.upload, part.images.clone());
                }
                dispatches(part, encoder);
                if part.dispatches.end == self.dispatches().len() {
                    self.encode_output(encoder, &transfer.result, part.images.clone());
                }
                Ok(())
            })?;
        let images = parts.last().map_or(0, |part| part.images.end);
        Ok(InFlight { loaded: self, transfer, submission, images, begin })
    }

    /// Runs one dispatch `repeats` times on `images` images of whatever the slots hold, and waits for it.
    pub(crate) fn rerun(&self, dispatch: usize, images: usize, repeats: usize, control: &Control) -> Result<()> {
        self.check_images(images)?;
        if dispatch >= self.dispatches().len() {
            return Err(Error::Usage(format!("there is no dispatch {dispatch}")));
        }
        let mut submission = self.gpu.submit(self.gpu.turn(control)?, "repeating a dispatch", &[], |encoder| {
            self.set_batch(encoder, images);
            self.pass(encoder, images, std::iter::repeat_n(dispatch, repeats));
            Ok(())
        })?;
        submission.wait(control)
    }

    /// Keeps the buffers of a call for the next one.
    fn put_back(&self, transfer: Transfer) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(transfer);
    }

    fn transfer(&self) -> Result<Transfer> {
        if let Some(idle) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(idle);
        }
        let result = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ;
        let max_batch = self.max_batch();
        Ok(Transfer {
            upload: upload(&self.gpu, max_batch * self.layout.input_words())?,
            result: buffer(&self.gpu, "result", max_batch * self.layout.output_words(), result)?,
        })
    }
}

/// A batch that the GPU works on.
#[derive(Debug)]
pub(crate) struct InFlight<'a> {
    loaded: &'a Loaded,
    transfer: Transfer,
    submission: Submission,
    images: usize,
    /// When it was submitted.
    begin: Instant,
}

impl<'a> InFlight<'a> {
    /// Waits until the batch is done, or stops waiting when the control says so.
    pub(crate) fn wait(mut self, control: &Control) -> Result<Done<'a>> {
        let asked = Instant::now();
        let outcome = self.submission.wait(control);
        self.ended(asked, outcome)
    }

    /// [`InFlight::wait`] without blocking.
    pub(crate) async fn wait_async(mut self, control: &Control) -> Result<Done<'a>> {
        let asked = Instant::now();
        let outcome = self.submission.wait_async(control).await;
        self.ended(asked, outcome)
    }

    /// What becomes of the batch after the `outcome` of waiting, which began when it was `asked` for.
    fn ended(self, asked: Instant, outcome: Result<()>) -> Result<Done<'a>> {
        let InFlight { loaded, transfer, images, begin, .. } = self;
        if let Err(error) = outcome {
            // It is not used again: its buffer may still be waiting to be mapped.
            loaded.spent.lock().unwrap_or_else(PoisonError::into_inner).push(transfer);
            return Err(error);
        }
        // Otherwise it may have been done long before.
        if 2 * asked.elapsed() > begin.elapsed() {
            loaded.pace.learn(images, begin.elapsed());
        }
        Ok(Done { loaded, transfer, images })
    }
}

/// A batch that is done, with a result that can be read.
#[derive(Debug)]
pub(crate) struct Done<'a> {
    loaded: &'a Loaded,
    transfer: Transfer,
    images: usize,
}

impl Done<'_> {
    /// The words of the logits.
    pub(crate) fn read(self) -> Result<Vec<u32>> {
        let Done { loaded, transfer, images } = self;
        let words = loaded.gpu.read_mapped(&transfer.result, bytes(images * loaded.layout.output_words()))?;
        loaded.put_back(transfer);
        Ok(words)
    }
}
