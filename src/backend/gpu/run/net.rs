//! A plan that is ready on a GPU.

use super::batch_limit::BatchLimit;
use super::buffers::bytes;
use super::choices::record;
use super::layout::Layout;
use super::loaded::Loaded;
use super::pace::Pace;
use super::picture::{Picture, PictureImport};
use crate::backend::gpu::device::Gpu;
use crate::backend::gpu::record::Dispatch;
use crate::backend::interface::check_batch;
use crate::backend::{Control, Detail, Executable, Pending, Progress, Timeline, Traced};
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::tensor::Shape;
use std::sync::{Arc, Mutex, PoisonError};

/// A plan that is ready on a GPU. Any number of threads may run and encode at once.
#[derive(Debug)]
pub struct GpuNet {
    loaded: Loaded,
    /// For pictures in textures, made when first needed.
    imports: Mutex<Vec<Arc<PictureImport>>>,
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
        Ok(GpuNet { loaded, imports: Mutex::default() })
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
        let layout = &self.loaded.layout;
        let (from, to) = (bytes(images * layout.input_words()), bytes(images * layout.output_words()));
        if input.size() < from || !input.usage().contains(wgpu::BufferUsages::COPY_SRC) {
            return Err(Error::Usage(format!("the input buffer needs {from} bytes and usage COPY_SRC")));
        }
        if output.size() < to || !output.usage().contains(wgpu::BufferUsages::COPY_DST) {
            return Err(Error::Usage(format!("the output buffer needs {to} bytes and usage COPY_DST")));
        }
        self.loaded.encode(encoder, input, output, images);
        Ok(())
    }

    /// [`GpuNet::encode`] for one picture in a texture of the size of `input`; `bgr` is the network's channel order.
    ///
    /// # Errors
    /// [`Error::Usage`] if `input` is not the network's input, or texture or output do not match.
    pub fn encode_picture(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        picture: &wgpu::Texture,
        input: Shape,
        bgr: bool,
        output: &wgpu::Buffer,
    ) -> Result<()> {
        let words = self.loaded.layout.input_words();
        if input.pixels() != words {
            let problem = format!("a picture of {}x{} is not the network's input of {words} pixels", input.h, input.w);
            return Err(Error::Usage(problem));
        }
        let picture = Picture::new(picture, input)?;
        let import = self.import(&picture, input, bgr)?;
        let words = import.encode(&self.loaded.gpu, encoder, &picture)?;
        self.encode(encoder, words, output, 1)
    }

    /// The import for such pictures, made if it is not there yet.
    fn import(&self, picture: &Picture, input: Shape, bgr: bool) -> Result<Arc<PictureImport>> {
        let mut imports = self.imports.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(import) = imports.iter().find(|import| import.is_for(picture, input, bgr)) {
            return Ok(import.clone());
        }
        let import = Arc::new(PictureImport::new(&self.loaded.gpu, input, bgr, picture.access())?);
        imports.push(import.clone());
        Ok(import)
    }

    fn check_batch(&self, input: &[u32], images: usize) -> Result<()> {
        check_batch(input, images, self.loaded.layout.input_words(), self.loaded.max_batch())
    }
}

impl Executable for GpuNet {
    fn max_batch(&self) -> usize {
        self.loaded.max_batch()
    }

    fn trace(&self, input: &[u32]) -> Result<Vec<Traced>> {
        self.loaded.trace(input)
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn run(&self, input: &[u32], images: usize, control: &Control) -> Result<Vec<u32>> {
        self.begin(input, images, control)?(control)
    }

    fn timed(&self, input: &[u32], images: usize, detail: Detail, control: &Control) -> Result<(Vec<u32>, Timeline)> {
        self.check_batch(input, images)?;
        if images == 0 {
            return Ok(Default::default());
        }
        self.loaded.run_timed(input, images, detail, control)
    }

    fn begin<'a>(&'a self, input: &[u32], images: usize, control: &Control) -> Result<Pending<'a>> {
        self.check_batch(input, images)?;
        if images == 0 {
            return Ok(Box::new(|_| Ok(Vec::new())));
        }
        control.check()?;
        let in_flight = self.loaded.begin(input, images, control)?;
        Ok(Box::new(move |control| in_flight.wait(control)?.read()))
    }
}
