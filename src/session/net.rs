//! Prepared networks: the calls that applications make over and over.

use super::input::plan;
use super::options::ClassifyOptions;
use super::prepared::{PrepareTimes, Programs};
use super::stream::Stream;
use super::textures::textures;
use super::{Batch, Classification, Model};
use crate::backend::gpu::picture::TexturePicture;
use crate::backend::{Control, Detail, Recorder, Timeline};
use crate::error::{Error, Result};
use crate::image::Pixels;
use crate::lower::InputKind;
use crate::plan::Plan;
use std::borrow::Borrow;
use std::sync::Arc;

/// A network that is ready to run on one device. Clones share it, and threads may use it at the same time.
///
/// ```
/// use lq_infer::{ClassifyOptions, DeviceSelector, Engine, Model, Pixels};
///
/// let engine = Engine::builder().device(DeviceSelector::Cpu).build()?;
/// let net = engine.prepare(&Model::bundled()?)?;
/// let grey = Pixels::from_rgb(&[128; 12], 2, 2, 6)?;
/// let found = net.classify(&grey, &ClassifyOptions { top_k: Some(3), ..Default::default() })?;
/// assert_eq!(found.top.len(), 3);
/// assert!(found.top[0].probability >= found.top[1].probability);
/// # Ok::<(), lq_infer::Error>(())
/// ```
#[derive(Clone)]
pub struct Net {
    pub(super) programs: Arc<Programs>,
}

impl Net {
    /// A network with these programs, of which the usual one is prepared. The other is when its inputs first come.
    pub(super) fn of(programs: Programs) -> Self {
        Net { programs: Arc::new(programs) }
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.programs.model
    }

    /// Name of the device, with its API.
    pub fn device_name(&self) -> String {
        self.programs.backend.name()
    }

    /// Classifies one picture of any size, preprocessed as the model's file says.
    ///
    /// # Errors
    /// [`Error::BadInput`] if the model takes no pictures, [`Error::Usage`] if the picture is not whole, device
    /// errors, [`Error::Cancelled`], [`Error::DeadlineExceeded`].
    pub fn classify(&self, picture: &Pixels, options: &ClassifyOptions) -> Result<Classification> {
        let logits = self.logits(&Batch::Pixels(self.model().preprocess(picture)?), &options.control)?;
        match logits.into_iter().next() {
            Some(logits) => Ok(self.classification(logits, options.top_k)),
            None => Err(Error::Usage("the picture is empty".into())),
        }
    }

    /// Logits of every image of a batch of any size, which is run in batches that fit the device.
    ///
    /// # Errors
    /// [`Error::BadInput`] if the model takes no pictures or a number is out of its range, [`Error::Usage`] if the
    /// batch is not a whole number of images, device errors, [`Error::Cancelled`], [`Error::DeadlineExceeded`].
    pub fn logits(&self, batch: &Batch, control: &Control) -> Result<Vec<Vec<f32>>> {
        let mut logits = Vec::new();
        self.stream([Ok(batch)], control, |of_image| {
            logits.push(of_image);
            Ok::<_, Error>(())
        })?;
        Ok(logits)
    }

    /// Logits of every image of a sequence of batches of one kind, in order; `each` is given those of one image at a
    /// time. While a GPU computes a batch, the next one is taken from `batches` and sent.
    ///
    /// # Errors
    /// Those of `batches` and of `each`, those of [`Net::logits`], and [`Error::Usage`] if batches of pixels and of
    /// tensors are mixed. An error ends the sequence. If a batch causes it, `each` is still given the logits of all
    /// batches before.
    pub fn stream<B: Borrow<Batch>, E: From<Error>>(
        &self,
        batches: impl IntoIterator<Item = Result<B, E>>,
        control: &Control,
        each: impl FnMut(Vec<f32>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut batches = batches.into_iter();
        let Some(first) = batches.next().transpose()? else { return Ok(()) };
        let kind = first.borrow().kind();
        // Nothing is prepared for a batch that the model cannot take.
        first.borrow().images(self.model())?;
        let prepared = self.programs.get(kind)?;
        let timing = self.programs.recorder.as_deref().map(|recorder| (Detail::Steps, recorder));
        let of_kind = |batch: Result<B, E>| match batch {
            Ok(batch) if batch.borrow().kind() != kind => {
                Err(Error::Usage("a sequence mixes batches of pixels and of tensors".into()).into())
            }
            other => other,
        };
        let all = std::iter::once(Ok(first)).chain(batches).map(of_kind);
        Stream::new(self.model(), &prepared, control, timing).run(all, each)
    }

    /// Records the classification of pictures in textures into the caller's commands, which the caller submits. The
    /// textures are on the device given to [`super::Engine::from_wgpu`]; `output` is a buffer of [`Net::output_bytes`]
    /// with usage `COPY_DST`. Pictures are resized and cropped on the GPU as the model's file says, or taken
    /// [as they are](TexturePicture::as_is). When the commands have run, [`Net::read_output`] turns the buffer's contents
    /// into logits, which have the bits of those that [`Net::classify`] and [`Net::logits`] give for the textures' bytes.
    ///
    /// # Errors
    /// [`Error::Usage`] if the net is not on a GPU, its model's pictures are prepared on the host, there are more than
    /// [`PrepareOptions::max_batch`](super::PrepareOptions) pictures, or a texture or the buffer is not as described.
    pub fn encode(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        pictures: &[TexturePicture],
        output: &wgpu::Buffer,
    ) -> Result<()> {
        let prepared = self.programs.get(InputKind::Pixels)?;
        let (gpu, target) = textures(self.model(), &prepared)?;
        gpu.encode_pictures(encoder, pictures, &target, output)
    }

    /// Size in bytes of [`Net::encode`]'s output for so many pictures.
    ///
    /// # Errors
    /// Those of [`super::Engine::prepare`], if the program for pixels is not prepared yet.
    pub fn output_bytes(&self, pictures: usize) -> Result<u64> {
        let prepared = self.programs.get(InputKind::Pixels)?;
        Ok(4 * (pictures * prepared.output_words) as u64)
    }

    /// Logits of each picture from the contents of [`Net::encode`]'s output.
    ///
    /// # Errors
    /// [`Error::Usage`] if `bytes` are not the [`Net::output_bytes`] of some pictures.
    pub fn read_output(&self, bytes: &[u8]) -> Result<Vec<Vec<f32>>> {
        let prepared = self.programs.get(InputKind::Pixels)?;
        let of_one = 4 * prepared.output_words;
        if !bytes.len().is_multiple_of(of_one) {
            return Err(Error::Usage(format!(
                "the output has {} bytes, expected {of_one} for each picture",
                bytes.len()
            )));
        }
        let logits = |bytes| prepared.logits.to_floats(&bytemuck::pod_collect_to_vec(bytes));
        Ok(bytes.chunks_exact(of_one).map(logits).collect())
    }

    /// The `top_k` most probable classes (5 if `None`), probabilities and digest for logits of this network.
    pub fn classification(&self, logits: Vec<f32>, top_k: Option<usize>) -> Classification {
        Classification::new(self.model(), logits, top_k)
    }
}

/// What measuring and debugging need. These methods name types of [`crate::internals`], and may change.
impl Net {
    /// How long it took to prepare the network for inputs of the batch's kind. If it was not prepared for them yet, it
    /// is now.
    ///
    /// # Errors
    /// Those of [`super::Engine::prepare`].
    pub fn prepare_times(&self, batch: &Batch) -> Result<PrepareTimes> {
        Ok(self.programs.get(batch.kind())?.times)
    }

    /// The integer program that a batch of this kind runs. It is lowered anew, as a prepared network does not keep it.
    ///
    /// # Errors
    /// Those of [`super::Engine::prepare`].
    pub fn plan(&self, batch: &Batch) -> Result<Arc<Plan>> {
        plan(self.model().packed(), batch.kind())
    }

    /// As [`Net::logits`], with the time of each part of the run: what the backend records, and on the host "pack"
    /// (from the input to words) and "join" (from words to logits). A batch that does not fit the device becomes
    /// several runs, one after the other.
    ///
    /// # Errors
    /// Those of [`Net::logits`].
    pub fn timed(&self, batch: &Batch, detail: Detail, control: &Control) -> Result<(Vec<Vec<f32>>, Timeline)> {
        // Nothing is prepared for a batch that the model cannot take.
        batch.images(self.model())?;
        let prepared = self.programs.get(batch.kind())?;
        let recorder = Recorder::start();
        let mut logits = Vec::new();
        let stream = Stream::new(self.model(), &prepared, control, Some((detail, &recorder)));
        stream.run(std::iter::once(Ok::<_, Error>(batch)), |of_image| {
            logits.push(of_image);
            Ok(())
        })?;
        Ok((logits, recorder.so_far()))
    }
}
