//! A recording whose tensors stay on the device from run to run: what training is. Runs follow each other in the order in which
//! they were submitted, and the host reads what it asks for.

use super::batch_limit::BatchLimit;
use super::buffers::{Bound, bind_group, buffer, bytes, dispatch};
use super::pace::Pace;
use super::pipelines::compile;
use super::rounds::within_rounds;
use crate::backend::Control;
use crate::backend::gpu::device::{Gpu, Submission};
use crate::backend::gpu::header::Params;
use crate::backend::gpu::record::{Binding, Buffer, Dispatch, Recording};
use crate::backend::gpu::train::{BufferId, Recorder, Wanted};
use crate::backend::interface::check_images;
use crate::error::{Error, Result};
use crate::platform::Instant;
use std::ops::Range;
use std::time::Duration;

/// A recording on a device, with its pipelines and buffers.
#[derive(Debug)]
pub(crate) struct Resident {
    gpu: Gpu,
    recording: Recording,
    by_image: Vec<bool>,
    /// Images of the largest batch.
    max_batch: usize,
    buffers: Vec<wgpu::Buffer>,
    words: Vec<usize>,
    params: wgpu::Buffer,
    bound: Vec<Bound>,
}

/// Dispatches that follow each other.
#[derive(Debug)]
pub(crate) struct List {
    dispatches: Range<usize>,
    pace: Pace,
}

/// A run that the device works on, and the results that will be read.
#[derive(Debug)]
pub(crate) struct Running {
    submission: Submission,
    results: Vec<(wgpu::Buffer, u64)>,
    begin: Instant,
}

impl Resident {
    /// Compiles and allocates everything.
    ///
    /// # Errors
    /// [`Error::DeviceLimit`] and [`Error::OutOfMemory`] if it does not fit, and device errors.
    pub(crate) fn new(gpu: &Gpu, recorder: Recorder) -> Result<Self> {
        within_rounds(gpu, |_| Ok(&recorder.recording), |recording| recording)?;
        let Recorder { recording, buffers: wanted, by_image, images, .. } = recorder;
        let limit = BatchLimit::of(gpu);
        wanted.iter().try_for_each(|wanted| limit.check_buffer(&wanted.name, wanted.words))?;
        let pipelines = compile(gpu, &recording, &|_, _| Ok(()))?;
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let one = |wanted: &Wanted| buffer(gpu, &wanted.name, wanted.words, usage);
        let buffers = wanted.iter().map(one).collect::<Result<Vec<_>>>()?;
        let uniform = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let params = buffer(gpu, "batch", size_of::<Params>() / 4, uniform)?;
        let place = |binding: &Binding| match binding.buffer {
            Buffer::Tensor(id) | Buffer::Constant(id) => &buffers[id],
        };
        let bound = gpu.guarded("binding buffers", || {
            let bind = |dispatch: &Dispatch| {
                let pipeline = &pipelines[&dispatch.source];
                (pipeline.pipeline.clone(), bind_group(gpu, dispatch, pipeline, &params, &place))
            };
            recording.dispatches().iter().map(bind).collect()
        })?;
        let words = wanted.iter().map(|wanted| wanted.words).collect();
        let resident =
            Resident { gpu: gpu.clone(), recording, by_image, max_batch: images, buffers, words, params, bound };
        resident.check_extents()?;
        Ok(resident)
    }

    /// An error if a dispatch has more invocations than the device can count.
    fn check_extents(&self) -> Result<()> {
        for (index, dispatch) in self.recording.dispatches().iter().enumerate() {
            let images = self.images_of(index, self.max_batch);
            let all = dispatch.per_image.saturating_mul(images);
            let [_, rows, layers] = self.recording.workgroups(dispatch, images);
            let most = self.gpu.device().limits().max_compute_workgroups_per_dimension;
            if all > u32::MAX as usize / 2 || rows > most || layers > most {
                let problem = format!(
                    "layer '{}' takes {all} invocations for a batch of {images}, more than can be counted; \
                     a smaller batch may help",
                    dispatch.name
                );
                return Err(Error::DeviceLimit { device: self.gpu.info().name.clone(), problem });
            }
        }
        Ok(())
    }

    /// The dispatches of these indices, which are expected to take so long.
    pub(crate) fn list(&self, dispatches: Range<usize>, seconds: f64) -> List {
        List { dispatches, pace: Pace::expecting(Duration::from_secs_f64(seconds), &self.gpu) }
    }

    /// Images of the largest batch.
    pub(crate) fn max_batch(&self) -> usize {
        self.max_batch
    }

    /// Words of a buffer.
    pub(crate) fn words(&self, buffer: BufferId) -> usize {
        self.words[buffer]
    }

    /// Puts words at the start of a buffer, before whatever is submitted next.
    ///
    /// # Errors
    /// Device errors.
    pub(crate) fn write<T: bytemuck::Pod>(&self, to: BufferId, numbers: &[T]) -> Result<()> {
        let data = bytemuck::cast_slice(numbers);
        self.gpu.guarded("writing to the device", || self.gpu.queue().write_buffer(&self.buffers[to], 0, data))
    }

    /// The numbers of a buffer, once all that was submitted is done.
    ///
    /// # Errors
    /// Device errors.
    pub(crate) fn read(&self, from: BufferId) -> Result<Vec<f32>> {
        let result = self.result(self.words[from])?;
        let turn = self.gpu.turn(&Control::default())?;
        let size = bytes(self.words[from]);
        let mut submission = self.gpu.submit(turn, "reading from the device", &[&result], |encoder| {
            encoder.copy_buffer_to_buffer(&self.buffers[from], 0, &result, 0, size);
            Ok(())
        })?;
        submission.wait(&Control::default())?;
        self.gpu.read_mapped(&result, size)
    }

    fn result(&self, words: usize) -> Result<wgpu::Buffer> {
        buffer(&self.gpu, "result", words, wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ)
    }

    /// Copies a buffer of another recording on the same device, before whatever is submitted next.
    ///
    /// # Errors
    /// Device errors.
    pub(crate) fn copy(&self, to: BufferId, other: &Resident, from: BufferId) -> Result<()> {
        let turn = self.gpu.turn(&Control::default())?;
        let size = bytes(self.words[to].min(other.words[from]));
        let copy = |encoder: &mut wgpu::CommandEncoder| {
            encoder.copy_buffer_to_buffer(&other.buffers[from], 0, &self.buffers[to], 0, size);
            Ok(())
        };
        self.gpu.submit(turn, "copying on the device", &[], copy).map(drop)
    }

    /// Begins a run of a list for so many images, after which the buffers `results` are read.
    ///
    /// # Errors
    /// [`Error::Usage`] if the batch is too large; device errors.
    pub(crate) fn begin(&self, list: &List, images: usize, results: &[BufferId]) -> Result<Running> {
        check_images(images, self.max_batch)?;
        let count = list.dispatches.len();
        let parts = list.pace.parts(1, count);
        let copies = results.iter().map(|&id| Ok((self.result(self.words[id])?, bytes(self.words[id]))));
        let copies = copies.collect::<Result<Vec<_>>>()?;
        let mapped: Vec<&wgpu::Buffer> = copies.iter().map(|(buffer, _)| buffer).collect();
        let params = Params { images: images as u32, ..Params::default() };
        let turn = self.gpu.turn(&Control::default())?;
        let begin = Instant::now();
        let submission = self.gpu.submit_parts(turn, "training", &mapped, parts.len(), |index, encoder| {
            if index == 0 {
                self.gpu.queue().write_buffer(&self.params, 0, bytemuck::bytes_of(&params));
            }
            let part = &parts[index].dispatches;
            self.pass(encoder, images, list.dispatches.start + part.start..list.dispatches.start + part.end);
            if part.end == count {
                for (&id, (result, size)) in results.iter().zip(&copies) {
                    encoder.copy_buffer_to_buffer(&self.buffers[id], 0, result, 0, *size);
                }
            }
            Ok(())
        })?;
        Ok(Running { submission, results: copies, begin })
    }

    /// Waits for a run, and gives its results.
    ///
    /// # Errors
    /// Device errors.
    pub(crate) fn finish(&self, list: &List, running: Running) -> Result<Vec<Vec<f32>>> {
        let Running { mut submission, results, begin } = running;
        let asked = Instant::now();
        submission.wait(&Control::default())?;
        // Otherwise it may have been done long before.
        if 2 * asked.elapsed() > begin.elapsed() {
            list.pace.learn(1, begin.elapsed());
        }
        results.iter().map(|(result, size)| self.gpu.read_mapped(result, *size)).collect()
    }

    /// Runs dispatches `repeats` times on whatever the buffers hold, and waits for it: for measurements.
    ///
    /// # Errors
    /// Device errors.
    pub(crate) fn rerun(&self, dispatches: Range<usize>, repeats: usize) -> Result<()> {
        let turn = self.gpu.turn(&Control::default())?;
        let params = Params { images: self.max_batch as u32, ..Params::default() };
        let mut submission = self.gpu.submit(turn, "repeating dispatches", &[], |encoder| {
            self.gpu.queue().write_buffer(&self.params, 0, bytemuck::bytes_of(&params));
            (0..repeats).for_each(|_| self.pass(encoder, self.max_batch, dispatches.clone()));
            Ok(())
        })?;
        submission.wait(&Control::default())
    }

    /// The dispatches.
    pub(crate) fn recording(&self) -> &Recording {
        &self.recording
    }

    fn images_of(&self, index: usize, images: usize) -> usize {
        if self.by_image[index] { images } else { 1 }
    }

    fn pass(&self, encoder: &mut wgpu::CommandEncoder, images: usize, dispatches: Range<usize>) {
        let descriptor = wgpu::ComputePassDescriptor { label: Some("lq-infer"), timestamp_writes: None };
        let mut pass = encoder.begin_compute_pass(&descriptor);
        for index in dispatches {
            let (launch, images) = (&self.recording.dispatches()[index], self.images_of(index, images));
            dispatch(&mut pass, &self.recording, launch, &self.bound[index], images);
        }
    }
}
