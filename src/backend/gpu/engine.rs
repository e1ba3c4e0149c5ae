//! Carries out a recording: one compute pass per batch.

use super::buffers::{Buffers, buffer, bytes, shape_buffer};
use super::context::Gpu;
use super::fit::Bounds;
use super::header::Params;
use super::picture::PictureImport;
use super::pipelines::compile;
use super::record::{Dispatch, Recording};
use crate::backend::interface::check_batch;
use crate::backend::{Control, Detail, Executable, Pending, Timeline, Traced};
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::tensor::Shape;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

/// How long a wait for the device lasts before cancellation and deadline are looked at.
const PATIENCE: Duration = Duration::from_millis(20);

/// A plan that is ready on a GPU.
///
/// Nothing of a batch lives outside its commands: the upload and the result have buffers of their own per call, and
/// commands of a queue do not overlap. So any number of threads may run and encode at once.
#[derive(Debug)]
pub struct GpuNet {
    pub(super) gpu: Gpu,
    pub(super) plan: Arc<Plan>,
    pub(super) recording: Recording,
    pub(super) buffers: Buffers,
    /// Pipeline and buffers of each dispatch.
    bound: Vec<(wgpu::ComputePipeline, wgpu::BindGroup)>,
    /// Upload and result buffers that no call uses right now.
    idle: Mutex<Vec<Transfer>>,
    /// For pictures in textures; made when first asked for.
    picture: Mutex<Option<Arc<PictureImport>>>,
}

/// The buffers of one call.
#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) upload: wgpu::Buffer,
    pub(super) result: wgpu::Buffer,
}

impl GpuNet {
    /// The GPU's net behind a prepared plan, if it runs on one.
    pub fn of(executable: &dyn Executable) -> Option<&Self> {
        executable.as_any().downcast_ref()
    }

    /// Compiles and allocates everything for up to `max_batch` images.
    pub(super) fn new(gpu: &Gpu, plan: Arc<Plan>, max_batch: usize, progress: &dyn Fn(usize, usize)) -> Result<Self> {
        let limits = gpu.device().limits();
        let mut recording = gpu.record(&plan);
        let buffer_bytes = limits.max_buffer_size.min(limits.max_storage_buffer_binding_size);
        let bounds = Bounds { device: &gpu.info().name, buffer_bytes };
        let max_batch = bounds.max_batch(&plan, &recording, max_batch)?;
        let pipelines = compile(gpu, &recording, progress)?;
        let buffers = Buffers::new(gpu, &plan, &recording, max_batch)?;
        let bind = |dispatch: &Dispatch| {
            let pipeline = &pipelines[&dispatch.source];
            let shape = shape_buffer(gpu, dispatch);
            (pipeline.pipeline.clone(), buffers.bind(gpu.device(), &plan, dispatch, &shape, pipeline))
        };
        let bound = gpu.guarded("binding buffers", || recording.dispatches.iter().map(bind).collect())?;
        recording.constants.clear();
        Ok(GpuNet {
            gpu: gpu.clone(),
            plan,
            recording,
            buffers,
            bound,
            idle: Mutex::default(),
            picture: Mutex::default(),
        })
    }

    /// Largest batch.
    pub fn max_batch(&self) -> usize {
        self.buffers.max_batch
    }

    /// Adds the work for `images` images to the caller's commands: `input` holds their input tensors one after the
    /// other (usage `COPY_SRC`), `output` receives their logit tensors (usage `COPY_DST`). The caller submits.
    pub fn encode(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        input: &wgpu::Buffer,
        output: &wgpu::Buffer,
        images: usize,
    ) -> Result<()> {
        self.check_images(images)?;
        let (from, to) = (bytes(images * self.plan.input_words()), bytes(images * self.plan.output_words()));
        if input.size() < from || !input.usage().contains(wgpu::BufferUsages::COPY_SRC) {
            return Err(Error::Usage(format!("the input buffer needs {from} bytes and usage COPY_SRC")));
        }
        if output.size() < to || !output.usage().contains(wgpu::BufferUsages::COPY_DST) {
            return Err(Error::Usage(format!("the output buffer needs {to} bytes and usage COPY_DST")));
        }
        self.encode_input(encoder, input, images);
        self.pass(encoder, images, 0..self.recording.dispatches.len());
        self.encode_output(encoder, output, images);
        Ok(())
    }

    /// What comes before the dispatches.
    pub(super) fn encode_input(&self, encoder: &mut wgpu::CommandEncoder, input: &wgpu::Buffer, images: usize) {
        self.set_batch(encoder, images);
        let slot = &self.buffers.slots[self.plan.slot_of[0]];
        encoder.copy_buffer_to_buffer(input, 0, slot, 0, bytes(images * self.plan.input_words()));
    }

    /// What comes after them.
    pub(super) fn encode_output(&self, encoder: &mut wgpu::CommandEncoder, output: &wgpu::Buffer, images: usize) {
        let slot = &self.buffers.slots[self.plan.output_slot()];
        encoder.copy_buffer_to_buffer(slot, 0, output, 0, bytes(images * self.plan.output_words()));
    }

    /// [`GpuNet::encode`] for one picture in a texture of the size of `input`; `bgr` is the network's channel order.
    pub fn encode_picture(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        picture: &wgpu::TextureView,
        input: Shape,
        bgr: bool,
        output: &wgpu::Buffer,
    ) -> Result<()> {
        let import = {
            let mut made = self.picture.lock().unwrap_or_else(PoisonError::into_inner);
            match &*made {
                Some(import) => import.clone(),
                None => made.insert(Arc::new(PictureImport::new(&self.gpu, input, bgr)?)).clone(),
            }
        };
        let words = import.encode(&self.gpu, encoder, picture)?;
        self.encode(encoder, words, output, 1)
    }

    /// Sets the size of the batch.
    pub(super) fn set_batch(&self, encoder: &mut wgpu::CommandEncoder, images: usize) {
        let params = std::mem::size_of::<Params>() as u64;
        let all_params = &self.buffers.all_params;
        encoder.copy_buffer_to_buffer(all_params, images as u64 * params, &self.buffers.params, 0, params);
    }

    /// Adds the dispatches with these indices.
    pub(super) fn pass(
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
    pub(super) fn dispatch(&self, pass: &mut wgpu::ComputePass, images: usize, index: usize) {
        let (dispatch, (pipeline, buffers)) = (&self.recording.dispatches[index], &self.bound[index]);
        let [x, y, z] = self.recording.workgroups(dispatch, images);
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, buffers, &[]);
        pass.dispatch_workgroups(x, y, z);
    }

    pub(super) fn check_images(&self, images: usize) -> Result<()> {
        if images <= self.max_batch() {
            return Ok(());
        }
        Err(Error::Usage(format!("a batch of {images} images was prepared for {}", self.max_batch())))
    }

    /// Uploads, runs `commands` and asks for the result; the receiver hears when it can be read.
    pub(super) fn submit(
        &self,
        transfer: &Transfer,
        input: &[u32],
        commands: impl FnOnce(&mut wgpu::CommandEncoder) -> Result<()>,
    ) -> Result<Submitted> {
        let (sender, mapped) = mpsc::channel();
        let queue = self.gpu.queue();
        let index = self.gpu.guarded("running the network", || {
            queue.write_buffer(&transfer.upload, 0, bytemuck::cast_slice(input));
            let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
            commands(&mut encoder)?;
            let index = queue.submit([encoder.finish()]);
            // The receiver may have given up; then nobody wants to know.
            transfer.result.map_async(wgpu::MapMode::Read, .., move |mapped| drop(sender.send(mapped)));
            Ok(index)
        })??;
        Ok(Submitted { index, mapped })
    }

    /// Waits for a submission, or stops waiting when the control says so. On any error the transfer must be dropped, not
    /// reused: its buffer may still be waiting to be mapped.
    pub(super) fn wait(&self, submitted: &Submitted, control: &Control) -> Result<()> {
        while !self.gpu.wait(&submitted.index, PATIENCE)? {
            control.check()?;
        }
        control.check()?;
        match submitted.mapped.recv() {
            Ok(Ok(())) => Ok(()),
            _ => Err(self.gpu.lost_error("its result cannot be read")),
        }
    }

    /// Reads the result of a submission that was waited for.
    pub(super) fn finish(&self, transfer: Transfer, images: usize) -> Result<Vec<u32>> {
        let words = self.read(&transfer, images)?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(transfer);
        Ok(words)
    }

    fn read(&self, transfer: &Transfer, images: usize) -> Result<Vec<u32>> {
        let range = 0..bytes(images * self.plan.output_words());
        let words = {
            let view = transfer.result.get_mapped_range(range);
            let view = view.map_err(|e| self.gpu.lost_error(&e.to_string()))?;
            bytemuck::pod_collect_to_vec(&view)
        };
        transfer.result.unmap();
        Ok(words)
    }

    /// Buffers for a call.
    pub(super) fn transfer(&self) -> Result<Transfer> {
        if let Some(idle) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(idle);
        }
        let upload = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let result = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ;
        let max_batch = self.max_batch();
        Ok(Transfer {
            upload: buffer(&self.gpu, "upload", max_batch * self.plan.input_words(), upload)?,
            result: buffer(&self.gpu, "result", max_batch * self.plan.output_words(), result)?,
        })
    }
}

/// Work that a GPU has, with a result that is asked for.
pub(super) struct Submitted {
    pub(super) index: wgpu::SubmissionIndex,
    mapped: mpsc::Receiver<std::result::Result<(), wgpu::BufferAsyncError>>,
}

impl Executable for GpuNet {
    fn max_batch(&self) -> usize {
        self.buffers.max_batch
    }

    fn trace(&self, input: &[u32]) -> Result<Vec<Traced>> {
        let steps = self.dispatches().iter().map(|dispatch| dispatch.step);
        Ok(steps.zip(self.tensors(input)?).map(|(step, written)| Traced { step, written }).collect())
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn run(&self, input: &[u32], images: usize, control: &Control) -> Result<Vec<u32>> {
        self.begin(input, images, control)?(control)
    }

    fn timed(&self, input: &[u32], images: usize, detail: Detail, control: &Control) -> Result<(Vec<u32>, Timeline)> {
        check_batch(self.plan.input_words(), input, images, self.max_batch())?;
        if images == 0 {
            return Ok(Default::default());
        }
        self.run_timed(input, images, detail, control)
    }

    fn begin<'a>(&'a self, input: &[u32], images: usize, control: &Control) -> Result<Pending<'a>> {
        check_batch(self.plan.input_words(), input, images, self.max_batch())?;
        if images == 0 {
            return Ok(Box::new(|_| Ok(Vec::new())));
        }
        control.check()?;
        let transfer = self.transfer()?;
        let commands = |encoder: &mut _| self.encode(encoder, &transfer.upload, &transfer.result, images);
        let submitted = self.submit(&transfer, input, commands)?;
        Ok(Box::new(move |control| {
            self.wait(&submitted, control)?;
            self.finish(transfer, images)
        }))
    }
}
