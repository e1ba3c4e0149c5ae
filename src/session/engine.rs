//! Engines: an opened device that prepares networks.

use super::batch::plan;
use super::device::{DeviceInfo, DeviceSelector, Pool, open};
use super::{Model, Net, Profile};
use crate::backend::gpu::{FloatNet, Gpu};
use crate::backend::{Backend, Peak, Tuned};
use crate::error::{Error, Result};
use crate::lower::InputKind;
use std::sync::Arc;

/// An opened device. Clones share it.
#[derive(Clone)]
pub struct Engine {
    backend: Arc<dyn Backend>,
    passed_over: Arc<[DeviceInfo]>,
    profile: Option<Profile>,
}

/// Chooses the device of an [`Engine`].
#[derive(Clone, Default)]
pub struct EngineBuilder {
    selector: DeviceSelector,
    pool: Pool,
}

impl EngineBuilder {
    /// Which device to open; [`DeviceSelector::Auto`] if not called.
    pub fn device(mut self, selector: DeviceSelector) -> Self {
        self.selector = selector;
        self
    }

    /// The threads that the CPU computes on, and their number; rayon's global ones if not called.
    pub fn thread_pool(mut self, pool: Arc<rayon::ThreadPool>) -> Self {
        self.pool = Some(pool);
        self
    }

    /// Opens the device.
    ///
    /// # Errors
    /// [`crate::Error::NoAdapter`] if none matches, [`crate::Error::Device`] if it cannot be opened.
    pub fn build(self) -> Result<Engine> {
        let (backend, passed_over) = open(&self.selector, &self.pool)?;
        Ok(Engine { passed_over: passed_over.into(), ..Engine::from_backend(backend) })
    }
}

/// How to prepare a network.
#[derive(Clone, Copy)]
pub struct PrepareOptions<'a> {
    /// Largest batch that memory is set aside for, 1 to 4096. Larger inputs are run in several batches.
    pub max_batch: usize,
    /// Told (done, total) kernels while pipelines compile.
    pub progress: &'a dyn Fn(usize, usize),
}

impl Default for PrepareOptions<'_> {
    fn default() -> Self {
        PrepareOptions { max_batch: 1, progress: &|_, _| {} }
    }
}

impl Engine {
    /// Starts choosing a device.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// Uses a device that the caller owns, for example a desktop app's. Nothing is installed on it: its error and
    /// device-lost handlers stay the caller's.
    ///
    /// # Errors
    /// [`crate::Error::Device`] if the limits it was made with are too small for the kernels (six storage buffers per
    /// stage). Larger networks need the adapter's own buffer limits rather than wgpu's defaults.
    pub fn from_wgpu(device: wgpu::Device, queue: wgpu::Queue) -> Result<Self> {
        Ok(Self::from_backend(Arc::new(Gpu::from_wgpu(device, queue, None)?)))
    }

    /// Name of the device, with its API.
    pub fn device_name(&self) -> String {
        self.backend.name()
    }

    /// How much of `peak` the device does per second at best: what bounds kernels, and shows whether the device's clock changes.
    /// Takes some tens of milliseconds, and for [`Peak::Bytes`] some hundred megabytes.
    pub fn rate(&self, peak: Peak) -> Result<f64> {
        self.backend.rate(peak)
    }

    /// Devices that [`DeviceSelector::Auto`] would have taken before this one, had they not failed their last check.
    pub fn passed_over(&self) -> &[DeviceInfo] {
        &self.passed_over
    }

    /// What it computes with.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// An engine on a backend of one's own.
    pub fn from_backend(backend: Arc<dyn Backend>) -> Self {
        Engine { backend, passed_over: Arc::default(), profile: None }
    }

    /// An engine whose nets record what they do.
    pub fn profiled(self, profile: &Profile) -> Self {
        Engine { profile: Some(profile.clone()), ..self }
    }

    /// Makes `model` ready to run: lowers it to integers, lays out its weights, compiles its pipelines.
    ///
    /// # Errors
    /// [`crate::Error::BadModel`] if the model cannot be computed exactly, [`crate::Error::DeviceLimit`] or
    /// [`crate::Error::OutOfMemory`] if it does not fit the device.
    pub fn prepare(&self, model: &Model) -> Result<Net> {
        self.prepare_with(model, PrepareOptions::default())
    }

    /// Finds out which ways to run the layers of `model` are quickest on this device, and keeps them in the user's cache for
    /// later preparations. `progress` is told how many rounds are done. The CPU has nothing to choose.
    ///
    /// # Errors
    /// As [`Engine::prepare`].
    pub fn tune(&self, model: &Model, progress: &dyn Fn(usize)) -> Result<Vec<Tuned>> {
        let kind = if model.takes_pixels() { InputKind::Pixels } else { InputKind::Tensor };
        self.backend.tune(&plan(model.packed(), kind)?, progress)
    }

    /// [`Engine::prepare`] with a batch size and a progress callback.
    pub fn prepare_with(&self, model: &Model, options: PrepareOptions) -> Result<Net> {
        let kind = if model.takes_pixels() { InputKind::Pixels } else { InputKind::Tensor };
        self.net(model, options, kind)
    }

    /// The network of `model` in float32 for batches of `batch` images: the opponent that benchmarks compare with, not for
    /// production. Its quantizers are left out, so its logits are not those of [`Net`].
    ///
    /// # Errors
    /// [`crate::Error::Usage`] if the device is no GPU, [`crate::Error::BadModel`] if the network cannot be computed so,
    /// [`crate::Error::DeviceLimit`] or [`crate::Error::OutOfMemory`] if it does not fit the device.
    pub fn prepare_float(&self, model: &Model, batch: usize) -> Result<FloatNet> {
        let gpu = Gpu::of(&*self.backend);
        let gpu = gpu.ok_or_else(|| Error::Usage("the network in float32 runs on GPUs only".into()))?;
        FloatNet::new(gpu, &model.header().graph, &model.packed().params, batch)
    }

    /// [`Engine::prepare`] for inputs of one kind, of several that the model takes.
    pub(super) fn prepare_for(&self, model: &Model, kind: InputKind) -> Result<Net> {
        self.net(model, PrepareOptions::default(), kind)
    }

    fn net(&self, model: &Model, options: PrepareOptions, kind: InputKind) -> Result<Net> {
        Net::new(model.clone(), self.backend.clone(), options, kind, self.profile.as_ref())
    }
}
