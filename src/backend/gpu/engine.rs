//! Carries out a recording: buffers, bind groups, one compute pass per batch.

use super::context::Gpu;
use super::fit::Bounds;
use super::header::Params;
use super::picture::PictureImport;
use super::pipelines::{Pipeline, compile};
use super::record::{Binding, Buffer, Dispatch, Recording};
use crate::backend::timeline::Recorder;
use crate::backend::{Clock, Control, Detail, Executable, Pending, Timeline, check_batch};
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

#[derive(Debug)]
pub(super) struct Buffers {
    max_batch: usize,
    pub(super) slots: Vec<wgpu::Buffer>,
    constants: Vec<wgpu::Buffer>,
    /// The uniform.
    params: wgpu::Buffer,
    /// All uniforms there can be, by number of images; copied by commands, so that batches in flight do not share one.
    all_params: wgpu::Buffer,
}

#[derive(Debug)]
struct Transfer {
    upload: wgpu::Buffer,
    result: wgpu::Buffer,
}

impl GpuNet {
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
        let slots = &self.buffers.slots;
        self.set_batch(encoder, images);
        encoder.copy_buffer_to_buffer(input, 0, &slots[self.plan.slot_of[0]], 0, from);
        self.pass(encoder, images, 0..self.recording.dispatches.len());
        encoder.copy_buffer_to_buffer(&slots[self.plan.output_slot()], 0, output, 0, to);
        Ok(())
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
        for index in dispatches {
            let (dispatch, (pipeline, buffers)) = (&self.recording.dispatches[index], &self.bound[index]);
            let [x, y, z] = self.recording.workgroups(dispatch, images);
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, buffers, &[]);
            pass.dispatch_workgroups(x, y, z);
        }
    }

    pub(super) fn check_images(&self, images: usize) -> Result<()> {
        if images <= self.max_batch() {
            return Ok(());
        }
        Err(Error::Usage(format!("a batch of {images} images was prepared for {}", self.max_batch())))
    }

    /// Uploads, runs and asks for the result; the receiver hears when it can be read.
    fn submit(&self, transfer: &Transfer, input: &[u32], images: usize) -> Result<(wgpu::SubmissionIndex, MapResult)> {
        let (sender, receiver) = mpsc::channel();
        let queue = self.gpu.queue();
        let submission = self.gpu.guarded("running the network", || {
            queue.write_buffer(&transfer.upload, 0, bytemuck::cast_slice(input));
            let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
            self.encode(&mut encoder, &transfer.upload, &transfer.result, images)?;
            let submission = queue.submit([encoder.finish()]);
            // The receiver may have given up; then nobody wants to know.
            transfer.result.map_async(wgpu::MapMode::Read, .., move |mapped| drop(sender.send(mapped)));
            Ok(submission)
        })??;
        Ok((submission, receiver))
    }

    /// Waits for a submission and reads its result. On any error the transfer is dropped, not reused: its buffer may still be
    /// waiting to be mapped.
    fn finish(
        &self,
        transfer: Transfer,
        submission: &wgpu::SubmissionIndex,
        mapped: &MapResult,
        images: usize,
        control: &Control,
    ) -> Result<Vec<u32>> {
        while !self.gpu.wait(submission, PATIENCE)? {
            control.check()?;
        }
        control.check()?;
        match mapped.recv() {
            Ok(Ok(())) => {}
            _ => return Err(self.gpu.lost_error("its result cannot be read")),
        }
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

    fn transfer(&self) -> Result<Transfer> {
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

type MapResult = mpsc::Receiver<std::result::Result<(), wgpu::BufferAsyncError>>;

impl Executable for GpuNet {
    fn max_batch(&self) -> usize {
        self.buffers.max_batch
    }

    fn as_gpu(&self) -> Option<&GpuNet> {
        Some(self)
    }

    fn run(&self, input: &[u32], images: usize, control: &Control) -> Result<Vec<u32>> {
        self.begin(input, images, control)?(control)
    }

    fn timed(&self, input: &[u32], images: usize, _detail: Detail, control: &Control) -> Result<(Vec<u32>, Timeline)> {
        let recorder = Recorder::start();
        let output = Recorder::host(Some(&recorder), "run", || self.run(input, images, control))?;
        Ok((output, recorder.finish(Clock::Dispatches)))
    }

    fn begin<'a>(&'a self, input: &[u32], images: usize, control: &Control) -> Result<Pending<'a>> {
        check_batch(&self.plan, input, images, self.max_batch())?;
        if images == 0 {
            return Ok(Box::new(|_| Ok(Vec::new())));
        }
        control.check()?;
        let transfer = self.transfer()?;
        let (submission, mapped) = self.submit(&transfer, input, images)?;
        Ok(Box::new(move |control| self.finish(transfer, &submission, &mapped, images, control)))
    }
}

impl Buffers {
    fn new(gpu: &Gpu, plan: &Plan, recording: &Recording, max_batch: usize) -> Result<Self> {
        let constant = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let filled = |name: &str, words: &[u32], usage| -> Result<wgpu::Buffer> {
            let buffer = buffer(gpu, name, words.len(), usage)?;
            gpu.guarded(name, || gpu.queue().write_buffer(&buffer, 0, bytemuck::cast_slice(words)))?;
            Ok(buffer)
        };
        let constants = recording.constants.iter().map(|(name, words)| filled(name, words, constant));
        let constants = constants.collect::<Result<_>>()?;
        let params: Vec<Params> = (0..=max_batch as u32).map(|images| Params { images, ..Params::default() }).collect();
        let copied = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let all_params = filled("batch sizes", bytemuck::cast_slice(&params), copied)?;
        let uniform = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let params = buffer(gpu, "batch", std::mem::size_of::<Params>() / 4, uniform)?;
        let (slots, max_batch) = slots(gpu, plan, max_batch)?;
        Ok(Buffers { max_batch, slots, constants, params, all_params })
    }

    /// The bind group of a dispatch whose shape is in uniform `shape`.
    fn bind(
        &self,
        device: &wgpu::Device,
        plan: &Plan,
        dispatch: &Dispatch,
        shape: &wgpu::Buffer,
        pipeline: &Pipeline,
    ) -> wgpu::BindGroup {
        let storage = dispatch.bindings.iter().map(|binding| self.resource(plan, binding));
        let entries: Vec<wgpu::BindGroupEntry> = (0..)
            .zip([&self.params, shape].into_iter().chain(storage))
            .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(&dispatch.name),
            layout: &pipeline.layout,
            entries: &entries,
        })
    }

    fn resource(&self, plan: &Plan, binding: &Binding) -> &wgpu::Buffer {
        match binding.buffer {
            Buffer::Tensor(id) => &self.slots[plan.slot_of[id]],
            Buffer::Constant(index) => &self.constants[index],
        }
    }
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

/// The slots for the largest batch up to `max_batch` that there is memory for.
fn slots(gpu: &Gpu, plan: &Plan, max_batch: usize) -> Result<(Vec<wgpu::Buffer>, usize)> {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
    let one = |(index, &words): (usize, &usize)| buffer(gpu, &format!("slot {index}"), words * max_batch, usage);
    match plan.slots.iter().enumerate().map(one).collect() {
        Ok(slots) => Ok((slots, max_batch)),
        Err(Error::OutOfMemory { .. }) if max_batch > 1 => slots(gpu, plan, max_batch / 2),
        Err(e) => Err(e),
    }
}

pub(super) fn buffer(gpu: &Gpu, label: &str, words: usize, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
    // Buffers must not be empty, and vectors of four words are the largest element a shader sees.
    let size = bytes(words.next_multiple_of(4).max(4));
    gpu.guarded(&format!("{size} bytes for {label}"), || {
        gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation: false,
        })
    })
}

pub(super) fn bytes(words: usize) -> u64 {
    words as u64 * 4
}
