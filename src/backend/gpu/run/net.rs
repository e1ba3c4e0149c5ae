//! A plan that is ready on a GPU.

use super::batch_limit::BatchLimit;
use super::buffers::bytes;
use super::choices::record;
use super::layout::Layout;
use super::loaded::Loaded;
use super::pace::Pace;
use super::picture::{PictureImport, Target, TexturePicture};
use crate::backend::gpu::device::Gpu;
use crate::backend::gpu::record::Dispatch;
use crate::backend::interface::check_batch;
use crate::backend::{Control, Detail, Executable, InputWords, Pending, Progress, Timeline, Traced};
use crate::error::{Error, Result};
use crate::plan::Plan;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Input words of a run, if there are more: 64 or more pictures of 224 x 224 pixels keep any GPU busy, and the host has made
/// those of the next run before they are done.
const RUN_WORDS: usize = 1 << 22;

/// A plan that is ready on a GPU. Any number of threads may run and encode at once.
#[derive(Debug)]
pub struct GpuNet {
    loaded: Loaded,
    /// For pictures in textures, made when first needed.
    import: Mutex<PictureImport>,
}

impl GpuNet {
    /// The GPU's net behind a prepared plan, if it runs on one.
    pub fn of(executable: &dyn Executable) -> Option<&Self> {
        executable.as_any().downcast_ref()
    }

    /// Compiles and allocates everything for up to `max_batch` images.
    pub(crate) fn new(gpu: &Gpu, plan: &Plan, max_batch: usize, progress: Progress) -> Result<Self> {
        let (layout, recording) = (Layout::of(plan), record(gpu, plan, max_batch)?);
        let max_batch = BatchLimit::of(gpu).max_batch(&layout, &recording, max_batch)?;
        let pace = Pace::of(plan.program(), gpu);
        let loaded = Loaded::new(gpu, layout, recording, pace, 1..=max_batch, progress)?;
        Ok(GpuNet { loaded, import: Mutex::default() })
    }

    /// What a browser has yet to say about the preparation. Natively [`GpuNet::new`] has said it.
    pub(crate) async fn settled(&self) -> Result<()> {
        self.loaded.settled().await
    }

    /// [`Executable::run`] without blocking.
    pub(crate) async fn run_async(&self, input: &dyn InputWords, images: usize, control: &Control) -> Result<Vec<u32>> {
        self.check_batch(input.count(), images)?;
        control.check()?;
        if images == 0 {
            return Ok(Vec::new());
        }
        self.loaded.begin_async(input, images, control).await?.wait_async(control).await?.read()
    }

    /// [`Executable::trace`] without blocking.
    ///
    /// # Errors
    /// Those of [`Executable::trace`].
    pub async fn trace_async(&self, input: &[u32]) -> Result<Vec<Traced>> {
        self.loaded.trace_async(input).await
    }

    /// The dispatches of an inference, in order.
    pub fn dispatches(&self) -> &[Dispatch] {
        self.loaded.dispatches()
    }

    /// Runs one dispatch `repeats` times on `images` images of whatever the slots hold, and waits for it.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is no such dispatch or the batch is too large; device errors; and that of `control` if
    /// it stops the work.
    pub fn rerun(&self, dispatch: usize, images: usize, repeats: usize, control: &Control) -> Result<()> {
        self.loaded.rerun(dispatch, images, repeats, control)
    }

    /// Adds the work for `images` images to the caller's commands: `input` holds their input tensors one after the
    /// other (usage `COPY_SRC`), `output` receives their logit tensors (usage `COPY_DST`). The caller submits.
    ///
    /// # Errors
    /// [`Error::Usage`] if the batch is too large, or a buffer too small or of another usage.
    pub fn encode(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        input: &wgpu::Buffer,
        output: &wgpu::Buffer,
        images: usize,
    ) -> Result<()> {
        self.loaded.check_images(images)?;
        self.loaded.gpu.check_alive()?;
        let from = bytes(images * self.loaded.layout.input_words());
        if input.size() < from || !input.usage().contains(wgpu::BufferUsages::COPY_SRC) {
            return Err(Error::Usage(format!("the input buffer needs {from} bytes and usage COPY_SRC")));
        }
        self.check_output(output, images)?;
        self.loaded.encode(encoder, input, output, images);
        Ok(())
    }

    fn check_output(&self, output: &wgpu::Buffer, images: usize) -> Result<()> {
        let to = bytes(images * self.loaded.layout.output_words());
        if output.size() < to || !output.usage().contains(wgpu::BufferUsages::COPY_DST) {
            return Err(Error::Usage(format!("the output buffer needs {to} bytes and usage COPY_DST")));
        }
        Ok(())
    }

    /// [`GpuNet::encode`] for pictures in textures, which become the network's input as `target` says.
    ///
    /// # Errors
    /// [`Error::Usage`] if the target's input is not the network's, or a texture or the output does not match.
    pub fn encode_pictures(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        pictures: &[TexturePicture],
        target: &Target,
        output: &wgpu::Buffer,
    ) -> Result<()> {
        self.check_output(output, pictures.len())?;
        let words = self.import(encoder, pictures, target)?;
        self.encode(encoder, &words, output, pictures.len())
    }

    /// The beginning of [`GpuNet::encode_pictures`], up to the network's input. Then [`GpuNet::encode_part`] adds the rest;
    /// meanwhile nothing else may run on this net.
    ///
    /// # Errors
    /// [`Error::Usage`] if the target's input is not the network's, or a texture does not match.
    pub(crate) fn encode_start(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        pictures: &[TexturePicture],
        target: &Target,
    ) -> Result<()> {
        let words = self.import(encoder, pictures, target)?;
        self.loaded.encode_input(encoder, &words, 0..pictures.len());
        Ok(())
    }

    /// Adds dispatches for a batch of `images` images, and after the last of them the copy to `output`.
    ///
    /// # Errors
    /// [`Error::Usage`] if the output is too small or of another usage.
    pub(crate) fn encode_part(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        images: usize,
        dispatches: Range<usize>,
        output: &wgpu::Buffer,
    ) -> Result<()> {
        self.loaded.gpu.check_alive()?;
        self.check_output(output, images)?;
        let last = dispatches.end == self.dispatches().len();
        self.loaded.pass(encoder, images, dispatches);
        if last {
            self.loaded.encode_output(encoder, output, 0..images);
        }
        Ok(())
    }

    /// Adds the import of pictures, and returns the buffer that they fill.
    fn import(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        pictures: &[TexturePicture],
        target: &Target,
    ) -> Result<wgpu::Buffer> {
        let (input, words) = (target.input, self.loaded.layout.input_words());
        if input.pixels() != words {
            let problem = format!("a picture of {}x{} is not the network's input of {words} pixels", input.h, input.w);
            return Err(Error::Usage(problem));
        }
        self.loaded.check_images(pictures.len())?;
        self.loaded.gpu.check_alive()?;
        let mut import = self.import.lock().unwrap_or_else(PoisonError::into_inner);
        import.encode(&self.loaded.gpu, encoder, pictures, target)
    }

    fn check_batch(&self, words: usize, images: usize) -> Result<()> {
        check_batch(words, images, self.loaded.layout.input_words(), self.loaded.max_batch())
    }
}

impl Executable for GpuNet {
    fn max_batch(&self) -> usize {
        self.loaded.max_batch()
    }

    fn images_per_run(&self) -> usize {
        // A rasteriser computes on the processor that would make the input meanwhile.
        let wanted = if self.loaded.gpu.info().software { usize::MAX } else { RUN_WORDS };
        (wanted / self.loaded.layout.input_words().max(1)).clamp(1, self.max_batch())
    }

    fn trace(&self, input: &[u32]) -> Result<Vec<Traced>> {
        self.loaded.trace(input)
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn run(&self, input: &[u32], images: usize, control: &Control) -> Result<Vec<u32>> {
        self.begin(&input, images, control)?(control)
    }

    fn timed(&self, input: &[u32], images: usize, detail: Detail, control: &Control) -> Result<(Vec<u32>, Timeline)> {
        self.check_batch(input.len(), images)?;
        if images == 0 {
            return Ok(Default::default());
        }
        self.loaded.run_timed(input, images, detail, control)
    }

    fn begin<'a>(&'a self, input: &dyn InputWords, images: usize, control: &Control) -> Result<Pending<'a>> {
        self.check_batch(input.count(), images)?;
        if images == 0 {
            return Ok(Box::new(|_| Ok(Vec::new())));
        }
        control.check()?;
        let in_flight = self.loaded.begin(input, images, control)?;
        Ok(Box::new(move |control| in_flight.wait(control)?.read()))
    }
}
