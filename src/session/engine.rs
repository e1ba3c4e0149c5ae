//! Engines: an opened device that prepares networks.

use super::devices::{Candidates, Pool};
use super::input::{plan, usual_kind};
use super::options::PrepareOptions;
use super::prepared::Programs;
use super::task::{Place, Task};
use super::{DeviceInfo, DeviceSelector, Model, Net, Profile};
use crate::backend::gpu::{FloatNet, Gpu};
use crate::backend::reference::Reference;
use crate::backend::{Backend, Control, Peak, Tuned};
use crate::error::{Error, Result};
use crate::lower::InputKind;
use crate::platform::BROWSER;
use crate::threads;
use std::path::PathBuf;
use std::sync::Arc;

/// An opened device. Clones share it.
///
/// ```
/// use lq_infer::{DeviceSelector, Engine};
///
/// let engine = Engine::builder().device(DeviceSelector::Cpu).build()?;
/// assert_eq!(engine.device_name(), "cpu");
/// # Ok::<(), lq_infer::Error>(())
/// ```
#[derive(Clone)]
pub struct Engine {
    backend: Arc<dyn Backend>,
    passed_over: Arc<[DeviceInfo]>,
    profile: Option<Profile>,
}

/// Chooses the device of an [`Engine`], and what it uses.
#[derive(Clone, Debug, Default)]
pub struct EngineBuilder {
    selector: DeviceSelector,
    pool: Pool,
    cache: Option<PathBuf>,
}

impl EngineBuilder {
    /// Which device to open, a selector or its text (`"vulkan"`); [`DeviceSelector::Auto`] if not called.
    pub fn device(mut self, selector: impl Into<DeviceSelector>) -> Self {
        self.selector = selector.into();
        self
    }

    /// The threads that the CPU computes on, and their number; rayon's global ones if not called.
    pub fn thread_pool(mut self, pool: Arc<rayon::ThreadPool>) -> Self {
        self.pool = Some(pool);
        self
    }

    /// A folder for what is worth keeping between runs: compiled pipelines, what [`Engine::tune`] chose, and what the
    /// last check of a device found. It is created when needed; one folder serves any number of devices, versions and
    /// processes. If not called, nothing is read or written.
    pub fn cache(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cache = Some(folder.into());
        self
    }

    /// The devices to choose from, with what the cache knows about them.
    pub fn devices(&self) -> Vec<DeviceInfo> {
        Candidates::all(&self.pool, self.cache.as_deref()).describe()
    }

    /// Opens the device.
    ///
    /// # Errors
    /// [`crate::Error::NoAdapter`] if none matches, [`crate::Error::Device`] if it cannot be opened. [`crate::Error::Usage`]
    /// for a GPU in a browser, which takes [`EngineBuilder::build_async`].
    pub fn build(self) -> Result<Engine> {
        if BROWSER && !self.selector.is_cpu() {
            return Err(Error::must_be_awaited("build_async"));
        }
        pollster::block_on(self.open())
    }

    /// [`EngineBuilder::build`] on a thread of its own, or by whoever polls it in a browser; any executor can await it.
    pub fn build_async(self) -> impl Future<Output = Result<Engine>> + Send + use<> {
        Task::start(Place::for_long_work(), Control::default(), |_| self.open())
    }

    /// Natively, this does not wait.
    async fn open(self) -> Result<Engine> {
        threads::enter()?;
        let candidates = Candidates::for_selector(&self.selector, &self.pool, self.cache.as_deref()).await;
        let passed_over = candidates.passed_over(&self.selector);
        let backend = candidates.open(&self.selector).await?;
        Ok(Engine { passed_over: passed_over.into(), ..Engine::from_backend(backend) })
    }

    /// An engine on a device that the caller owns, as [`Engine::from_wgpu`], with this builder's cache.
    ///
    /// # Errors
    /// Those of [`Engine::from_wgpu`].
    pub fn build_on(self, device: wgpu::Device, queue: wgpu::Queue) -> Result<Engine> {
        threads::enter()?;
        Ok(Engine::from_backend(Arc::new(Gpu::from_wgpu(device, queue, None)?.with_cache(self.cache))))
    }
}

impl Engine {
    /// Starts choosing a device.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// Uses a device that the caller owns, for example a desktop app's. Its error and device-lost handlers stay the
    /// caller's; see [`Engine::device_lost_note`].
    ///
    /// # Errors
    /// [`crate::Error::Device`] if the limits it was made with are too small for the kernels (six storage buffers per
    /// stage). Larger networks need the adapter's own buffer limits rather than wgpu's defaults.
    pub fn from_wgpu(device: wgpu::Device, queue: wgpu::Queue) -> Result<Self> {
        Self::builder().build_on(device, queue)
    }

    /// Name of the device, with its API.
    pub fn device_name(&self) -> String {
        self.backend.name()
    }

    /// The GPU, if the device is one.
    #[cfg(feature = "cli")]
    pub(crate) fn gpu(&self) -> Option<&Gpu> {
        Gpu::of(&*self.backend)
    }

    /// Why the device was lost, if it was; `None` as long as that is not known, and for CPUs. Every call on a lost device
    /// gives [`crate::Error::DeviceLost`], of all engines and nets that share it. What helps is a new device, and to
    /// prepare the models on it again.
    pub fn device_lost(&self) -> Option<String> {
        Gpu::of(&*self.backend).and_then(Gpu::lost_because)
    }

    /// A function that tells the engine that its device was lost, and why, so that every later call says so. For devices
    /// that the caller owns, whose device-lost callback is the caller's, too; without it the engine notices a loss only
    /// when a call fails. The callback may own the function: that does not keep the device alive.
    ///
    /// ```no_run
    /// # fn on(device: lq_infer::wgpu::Device, queue: lq_infer::wgpu::Queue) -> lq_infer::Result<()> {
    /// let engine = lq_infer::Engine::from_wgpu(device.clone(), queue)?;
    /// let note = engine.device_lost_note();
    /// device.set_device_lost_callback(move |_, message| note(&message));
    /// # Ok(())
    /// # }
    /// ```
    pub fn device_lost_note(&self) -> impl Fn(&str) + Send + Sync + use<> {
        let note = Gpu::of(&*self.backend).map(Gpu::lost_note);
        move |reason| note.iter().for_each(|note| note(reason))
    }

    /// Devices that [`DeviceSelector::Auto`] would have preferred to this one, but for their failed last check.
    pub fn passed_over(&self) -> &[DeviceInfo] {
        &self.passed_over
    }

    /// Makes `model` ready to run: lowers it to integers, lays out its weights, compiles its pipelines.
    ///
    /// # Errors
    /// [`crate::Error::BadModel`] if the model cannot be computed exactly, [`crate::Error::DeviceLimit`] or
    /// [`crate::Error::OutOfMemory`] if it does not fit the device.
    pub fn prepare(&self, model: &Model) -> Result<Net> {
        self.prepare_with(model, PrepareOptions::default())
    }

    /// [`Engine::prepare`] with a batch size, a progress callback, cancellation and a deadline.
    ///
    /// # Errors
    /// Those of [`Engine::prepare`], [`crate::Error::Cancelled`], [`crate::Error::DeadlineExceeded`]; [`crate::Error::Usage`]
    /// if the largest batch is none that a network can be prepared for.
    pub fn prepare_with(&self, model: &Model, options: PrepareOptions) -> Result<Net> {
        self.prepare_for(model, usual_kind(model.packed()), &options)
    }

    /// [`Engine::prepare_with`] on a thread of its own, or by whoever polls it in a browser; any executor can await it.
    ///
    /// Natively, the work starts at once, not with the first poll. Dropping the future cancels it as a [`crate::CancelToken`]
    /// would: it ends after the kernel that is being compiled, and what was prepared is freed.
    ///
    /// ```
    /// use lq_infer::{CancelToken, Control, DeviceSelector, Engine, ErrorKind, Model, PrepareOptions};
    ///
    /// let engine = Engine::builder().device(DeviceSelector::Cpu).build()?;
    /// let cancel = CancelToken::new();
    /// let control = Control { cancel: Some(cancel.clone()), deadline: None };
    /// cancel.cancel();
    /// let options = PrepareOptions { control, ..PrepareOptions::default() };
    /// let outcome = pollster::block_on(engine.prepare_async(&Model::bundled()?, options));
    /// assert_eq!(outcome.err().map(|error| error.kind()), Some(ErrorKind::Cancelled));
    /// # Ok::<(), lq_infer::Error>(())
    /// ```
    pub fn prepare_async(
        &self,
        model: &Model,
        options: PrepareOptions,
    ) -> impl Future<Output = Result<Net>> + Send + use<> {
        let (engine, model) = (self.clone(), model.clone());
        let PrepareOptions { max_batch, progress, control } = options;
        Task::start(Place::for_long_work(), control, move |control| async move {
            let options = PrepareOptions { max_batch, progress, control };
            let (kind, programs) = (usual_kind(model.packed()), engine.programs(&model, max_batch)?);
            programs.ready(kind, &options).await?;
            Ok(Net::of(programs))
        })
    }

    /// Prepares `model` for one of the kinds of input that it takes.
    pub(super) fn prepare_for(&self, model: &Model, kind: InputKind, options: &PrepareOptions) -> Result<Net> {
        let programs = self.programs(model, options.max_batch)?;
        programs.prepare(kind, options)?;
        Ok(Net::of(programs))
    }

    /// The programs of `model`, none of them prepared.
    fn programs(&self, model: &Model, max_batch: usize) -> Result<Programs> {
        let name = || format!("{} on {}", model.header().name, self.device_name());
        let recorder = self.profile.as_ref().map(|profile| profile.net(name()));
        Programs::new(model.clone(), self.backend.clone(), max_batch, recorder)
    }

    /// Finds out which ways to run the layers of `model` are fastest on this device for batches of about `images` images
    /// (one, few, or more than 16), and keeps them in the engine's
    /// cache ([`EngineBuilder::cache`]) for later preparations. Without a cache the choice is only reported.
    /// `progress` is told the numbers of rounds done and in total. A CPU has nothing to choose.
    ///
    /// # Errors
    /// Those of [`Engine::prepare`].
    pub fn tune(&self, model: &Model, images: usize, progress: &dyn Fn(usize, usize)) -> Result<Vec<Tuned>> {
        threads::enter()?;
        self.backend.tune(&plan(model.packed(), usual_kind(model.packed()))?, images.max(1), progress)
    }
}

/// What measuring and debugging need. These methods name types of [`crate::internals`], and may change.
impl Engine {
    /// The backend that it computes with.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// An engine on the caller's own backend.
    pub fn from_backend(backend: Arc<dyn Backend>) -> Self {
        Engine { backend, passed_over: Arc::default(), profile: None }
    }

    /// The reference kernels, which define what all others compute, with one image on each thread: for golden vectors.
    /// (The device `cpu-reference` runs on one thread, as a measure.)
    pub fn reference() -> Self {
        Engine::from_backend(Arc::new(Reference { parallel: true }))
    }

    /// An engine whose nets record what they do.
    pub fn profiled(self, profile: &Profile) -> Self {
        Engine { profile: Some(profile.clone()), ..self }
    }

    /// The device's peak rate of one operation, per second: what kernels are compared with, and a sign of the device's
    /// clock. Takes some tens of milliseconds, and for [`Peak::Bytes`] some hundred megabytes.
    ///
    /// # Errors
    /// Those of the device.
    pub fn rate(&self, peak: Peak) -> Result<f64> {
        threads::enter()?;
        self.backend.rate(peak)
    }

    /// The network of `model` in float32 for batches of `batch` images: the baseline that benchmarks compare with,
    /// not for production. Its quantizers are left out, so its logits are not those of [`Net`].
    ///
    /// # Errors
    /// [`crate::Error::Usage`] if the device is no GPU, [`crate::Error::BadModel`] if the network cannot be computed
    /// in float32, [`crate::Error::DeviceLimit`] or [`crate::Error::OutOfMemory`] if it does not fit the device.
    pub fn prepare_float(&self, model: &Model, batch: usize) -> Result<FloatNet> {
        let gpu = Gpu::of(&*self.backend);
        let gpu = gpu.ok_or_else(|| Error::Usage("the network in float32 runs on GPUs only".into()))?;
        FloatNet::new(gpu, &model.header().graph, &model.packed().params, batch)
    }
}
