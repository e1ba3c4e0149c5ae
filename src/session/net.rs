//! Prepared networks: the calls that applications make over and over.

use super::engine::PrepareOptions;
use super::stream::Stream;
use super::task::Task;
use super::{Batch, Digest, Model, Profile, batch};
use crate::backend::gpu::GpuNet;
use crate::backend::{Backend, Control, Detail, Executable, Recorder, Timeline};
use crate::error::{Error, Result};
use crate::graph::preprocess::ChannelOrder;
use crate::image::{Pixels, fit};
use crate::lower::{InputForm, InputKind};
use crate::plan::Plan;
use std::borrow::Borrow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Largest batch that can be asked for.
const MAX_BATCH: usize = 4096;

/// A network ready to run on one device. Clones share it; it may be used from several threads.
#[derive(Clone)]
pub struct Net {
    inner: Arc<Inner>,
}

struct Inner {
    model: Model,
    backend: Arc<dyn Backend>,
    max_batch: usize,
    /// Programs for pixels and for tensors, made when first needed.
    prepared: [Mutex<Option<Arc<Prepared>>>; 2],
    /// Of a profile that wants to know.
    recorder: Option<Arc<Recorder>>,
}

/// One lowered program on its device.
pub(super) struct Prepared {
    pub(super) plan: Arc<Plan>,
    pub(super) executable: Box<dyn Executable>,
    times: PrepareTimes,
}

/// What preparing a network took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrepareTimes {
    /// From the graph to a plan in integers.
    pub lower: Duration,
    /// Kernels, weights and memory of the device.
    pub compile: Duration,
}

/// Options of one classification.
#[derive(Clone, Debug, Default)]
pub struct ClassifyOptions {
    /// How many classes to report, most probable first; 0 means 5.
    pub top_k: usize,
    /// Cancellation and deadline.
    pub control: Control,
}

/// What a picture shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Classification {
    /// The most probable classes, best first.
    pub top: Vec<Prediction>,
    /// The network's output, one number per class.
    pub logits: Vec<f32>,
    /// SHA-256 of the logits; the same on every device.
    pub digest: String,
}

/// One class and its probability.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Prediction {
    /// Index of the logit.
    pub class: usize,
    /// Label of the class, or its number.
    pub label: String,
    /// Softmax of the logits.
    pub probability: f64,
}

impl Net {
    /// A network that is ready for inputs of this kind; others are prepared for when they come.
    pub(super) fn new(
        model: Model,
        backend: Arc<dyn Backend>,
        options: PrepareOptions,
        kind: InputKind,
        profile: Option<&Profile>,
    ) -> Result<Self> {
        let max_batch = options.max_batch.clamp(1, MAX_BATCH);
        let name = || format!("{} on {}", model.header().name, backend.name());
        let recorder = profile.map(|profile| profile.net(name()));
        let inner = Inner { model, backend, max_batch, prepared: Default::default(), recorder };
        inner.prepared(kind, options.progress)?;
        Ok(Net { inner: Arc::new(inner) })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.inner.model
    }

    /// Name of the device, with its API.
    pub fn device_name(&self) -> String {
        self.inner.backend.name()
    }

    /// What it took to prepare for inputs of the batch's kind; it is prepared if it was not yet.
    pub fn prepare_times(&self, batch: &Batch) -> Result<PrepareTimes> {
        Ok(self.inner.prepared(batch.kind(), &|_, _| {})?.times)
    }

    /// Classifies one picture of any size, preprocessed as the model's file says.
    ///
    /// # Errors
    /// [`Error::BadInput`] if the model takes no pictures, device errors, [`Error::Cancelled`],
    /// [`Error::DeadlineExceeded`].
    pub fn classify(&self, picture: &Pixels, options: &ClassifyOptions) -> Result<Classification> {
        self.model().need_pixels()?;
        let fitted = fit(picture, &self.model().header().preprocess.resize)?;
        let logits = self.logits(&Batch::Pixels(fitted.rgb), &options.control)?;
        match logits.into_iter().next() {
            Some(logits) => Ok(self.classification(logits, options.top_k)),
            None => Err(Error::Usage("the picture is empty".into())),
        }
    }

    /// [`Net::classify`] on a thread of its own; any executor can await it.
    pub fn classify_async(
        &self,
        picture: Pixels,
        options: ClassifyOptions,
    ) -> impl Future<Output = Result<Classification>> + Send + use<> {
        let net = self.clone();
        Task::spawn(move || net.classify(&picture, &options))
    }

    /// Logits of every image of a batch of any size, in batches that fit the device.
    pub fn logits(&self, batch: &Batch, control: &Control) -> Result<Vec<Vec<f32>>> {
        let mut logits = Vec::new();
        self.stream([Ok(batch)], control, |of_image| {
            logits.push(of_image);
            Ok::<_, Error>(())
        })?;
        Ok(logits)
    }

    /// [`Net::logits`] and when each part of the run was: besides what the backend says, the host's "pack" (the input into words)
    /// and "join" (words to logits). A batch that does not fit the device is several runs, one after the other.
    pub fn timed(&self, batch: &Batch, detail: Detail, control: &Control) -> Result<(Vec<Vec<f32>>, Timeline)> {
        // Before anything is prepared for a batch that the model cannot take.
        batch.images(self.model())?;
        let prepared = self.inner.prepared(batch.kind(), &|_, _| {})?;
        let recorder = Recorder::start();
        let mut logits = Vec::new();
        let mut stream = Stream::new(self.model(), &prepared, control, Some((detail, &recorder)));
        let mut each = |of_image| {
            logits.push(of_image);
            Ok::<_, Error>(())
        };
        stream.send(batch, &mut each)?;
        stream.finish(&mut each)?;
        Ok((logits, recorder.so_far()))
    }

    /// The integer program that a batch of this kind runs; it is prepared if it was not yet.
    pub fn plan(&self, batch: &Batch) -> Result<Arc<Plan>> {
        Ok(self.inner.prepared(batch.kind(), &|_, _| {})?.plan.clone())
    }

    /// Logits of every image of a sequence of batches of one kind, in order: `each` is told those of one image after the other.
    /// The next batch is made and sent to a GPU while it computes the one before.
    ///
    /// # Errors
    /// Those of `batches` and of `each`, which end the sequence, those of [`Net::logits`], and [`Error::Usage`] if batches of
    /// pixels and of tensors are mixed.
    pub fn stream<B: Borrow<Batch>, E: From<Error>>(
        &self,
        batches: impl IntoIterator<Item = Result<B, E>>,
        control: &Control,
        mut each: impl FnMut(Vec<f32>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut batches = batches.into_iter();
        let Some(first) = batches.next().transpose()? else { return Ok(()) };
        let kind = first.borrow().kind();
        // Before anything is prepared for a batch that the model cannot take.
        first.borrow().images(self.model())?;
        let prepared = self.inner.prepared(kind, &|_, _| {})?;
        let timing = self.inner.recorder.as_deref().map(|recorder| (Detail::Steps, recorder));
        let mut stream = Stream::new(self.model(), &prepared, control, timing);
        stream.send(first.borrow(), &mut each)?;
        for batch in batches {
            let batch = batch?;
            if batch.borrow().kind() != kind {
                return Err(Error::Usage("a sequence mixes batches of pixels and of tensors".into()).into());
            }
            stream.send(batch.borrow(), &mut each)?;
        }
        stream.finish(&mut each)
    }

    /// Adds the classification of one picture to the caller's commands; the caller submits them. `picture` is a texture of
    /// the network's size (`Rgba8Unorm` or `Bgra8Unorm`, usage `TEXTURE_BINDING`, not viewed as sRGB) on the device given to
    /// [`super::Engine::from_wgpu`], `output` a buffer of [`Net::output_bytes`] with usage `COPY_DST`. Once the commands have
    /// run, [`Net::read_output`] turns the buffer's contents into logits, the same as [`Net::logits`] gives.
    ///
    /// # Errors
    /// [`Error::Usage`] if the net is not on a GPU, its model folds no pixels, or texture or buffer do not fit.
    pub fn encode(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        picture: &wgpu::TextureView,
        output: &wgpu::Buffer,
    ) -> Result<()> {
        let prepared = self.inner.prepared(InputKind::Pixels, &|_, _| {})?;
        let gpu =
            GpuNet::of(&*prepared.executable).ok_or_else(|| Error::Usage("the net does not run on a GPU".into()))?;
        if prepared.plan.program().input != InputForm::Pixels {
            return Err(Error::Usage("the model's pictures are prepared on the host; use Net::classify".into()));
        }
        let header = self.model().header();
        let bgr = header.preprocess.channels == ChannelOrder::Bgr;
        gpu.encode_picture(encoder, picture, header.graph.input_shape(), bgr, output)
    }

    /// Size in bytes of [`Net::encode`]'s output.
    pub fn output_bytes(&self) -> Result<u64> {
        let prepared = self.inner.prepared(InputKind::Pixels, &|_, _| {})?;
        Ok(4 * prepared.plan.output_words() as u64)
    }

    /// Logits from the contents of [`Net::encode`]'s output.
    pub fn read_output(&self, bytes: &[u8]) -> Result<Vec<f32>> {
        let prepared = self.inner.prepared(InputKind::Pixels, &|_, _| {})?;
        let expected = 4 * prepared.plan.output_words();
        if bytes.len() != expected {
            return Err(Error::Usage(format!("the output has {} bytes, expected {expected}", bytes.len())));
        }
        Ok(prepared.plan.program().logits.join(&bytemuck::pod_collect_to_vec(bytes)))
    }

    /// Top classes, probabilities and digest for logits of this network.
    pub fn classification(&self, logits: Vec<f32>, top_k: usize) -> Classification {
        let top_k = if top_k == 0 { 5 } else { top_k };
        let probabilities = softmax(&logits);
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]).then(a.cmp(&b)));
        let predict =
            |class: usize| Prediction { class, label: self.model().label(class), probability: probabilities[class] };
        let top = order.into_iter().take(top_k).map(predict).collect();
        Classification { top, digest: Digest::of(&logits), logits }
    }
}

fn softmax(logits: &[f32]) -> Vec<f64> {
    let most = logits.iter().fold(f32::NEG_INFINITY, |m, &v| m.max(v));
    let powers: Vec<f64> = logits.iter().map(|&v| exp(f64::from(v) - f64::from(most))).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|p| p / sum).collect()
}

/// e^x for x <= 0, to about 12 digits, with + and * only: platforms' own functions differ in the last bit, and with them
/// would everything that is printed. e^x = (e^(x / 4096))^4096, and the series converges at once.
fn exp(x: f64) -> f64 {
    let r = x.max(-800.0) / 4096.0;
    let series = (1..=8).rev().fold(1.0, |sum, n| 1.0 + r / f64::from(n) * sum);
    (0..12).fold(series, |power, _| power * power)
}

impl Inner {
    fn prepared(&self, kind: InputKind, progress: &dyn Fn(usize, usize)) -> Result<Arc<Prepared>> {
        let packed = self.model.packed();
        let kind = batch::program_kind(packed, kind);
        let mut slot = self.prepared[kind as usize].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = &*slot {
            return Ok(prepared.clone());
        }
        let start = Instant::now();
        let recorder = self.recorder.as_deref();
        let plan = Recorder::host(recorder, "lower", || batch::plan(packed, kind))?;
        let lower = start.elapsed();
        let prepare = || self.backend.prepare(plan.clone(), self.max_batch, progress);
        let executable = Recorder::host(recorder, "compile", prepare)?;
        let times = PrepareTimes { lower, compile: start.elapsed() - lower };
        let prepared = Arc::new(Prepared { plan, executable, times });
        *slot = Some(prepared.clone());
        Ok(prepared)
    }
}
