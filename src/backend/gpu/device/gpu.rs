//! An opened device.

use super::cache::Store;
use super::info::AdapterInfo;
use super::report::Report;
use super::strengths::Strengths;
use super::worker::{Job, Worker};
use crate::backend::gpu::record::{Target, WORKGROUP_SIZE};
use crate::error::{Error, Result};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Features that are enabled where the device has them: kernels use some, timing uses others.
const USEFUL: wgpu::Features = wgpu::Features::PIPELINE_CACHE
    .union(wgpu::Features::TIMESTAMP_QUERY)
    .union(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES);
/// Rasterisers with subgroups up to this size run workgroups of this size, which waste least at the ends of layers.
const NARROW: u32 = 8;

/// A GPU that runs plans. Clones share the device.
#[derive(Clone, Debug)]
pub struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
    info: AdapterInfo,
    /// Run every kernel in this one of its variants instead of the best.
    nth_variant: Option<usize>,
    /// Run kernels that leave the choice in workgroups of this size instead of the best.
    workgroup_size: Option<u32>,
    /// Compute so many images in a submission instead of as many as time allows.
    images_at_once: Option<usize>,
    /// Where files are kept between runs, if anywhere.
    store: Option<Store>,
    /// Why the device was lost, once it is.
    lost: Arc<Mutex<Option<String>>>,
    /// Held by the thread that submits or polls.
    submitting: Arc<Mutex<()>>,
    /// The thread that sees to asynchronous work, once there was some.
    worker: Arc<Mutex<Option<Worker>>>,
    /// What a browser has yet to say about work on this device or net.
    late: Arc<Mutex<Vec<Report>>>,
    /// After how many rounds it ends loops, once that was measured; `None` within if it does not.
    rounds: Arc<OnceLock<Option<usize>>>,
    /// What it is good at, once that is known.
    strengths: Arc<OnceLock<Strengths>>,
}

impl Gpu {
    /// Opens `adapter` with its own limits and all useful features.
    pub(super) async fn open(adapter: &wgpu::Adapter, info: AdapterInfo) -> Result<Self> {
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("lq-infer"),
            required_features: adapter.features() & USEFUL,
            required_limits: adapter.limits(),
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        };
        let opened = adapter.request_device(&descriptor).await;
        let (device, queue) = opened
            .map_err(|e| Error::Device { device: info.name.clone(), problem: format!("cannot be opened: {e}") })?;
        let gpu = Gpu::new(device, queue, info);
        gpu.install_handlers();
        Ok(gpu)
    }

    /// Uses a device that the caller owns. No handler is installed on it, and nothing is kept between runs. `info` is
    /// what the caller knows about its adapter; without it, the device is asked.
    ///
    /// # Errors
    /// [`Error::Device`] if the kernels cannot run on it.
    pub fn from_wgpu(device: wgpu::Device, queue: wgpu::Queue, info: Option<wgpu::AdapterInfo>) -> Result<Self> {
        let raw = info.unwrap_or_else(|| device.adapter_info());
        let info = AdapterInfo::new(&raw, &device.limits(), device.features(), true);
        if let Some(reason) = info.unusable() {
            return Err(Error::Device { device: info.name, problem: format!("cannot be used: {reason}") });
        }
        Ok(Gpu::new(device, queue, info))
    }

    fn new(device: wgpu::Device, queue: wgpu::Queue, info: AdapterInfo) -> Self {
        Gpu {
            device,
            queue,
            info,
            nth_variant: None,
            workgroup_size: None,
            images_at_once: None,
            store: None,
            lost: Arc::default(),
            submitting: Arc::default(),
            worker: Arc::default(),
            late: Arc::default(),
            rounds: Arc::default(),
            strengths: Arc::default(),
        }
    }

    /// What is known about the device.
    pub fn info(&self) -> &AdapterInfo {
        &self.info
    }

    /// The same device, running every kernel in its `nth` variant instead of the best, or in its last one if it has
    /// fewer.
    pub fn with_variant(&self, nth: usize) -> Self {
        Gpu { nth_variant: Some(nth), ..self.clone() }
    }

    /// The same device, running kernels that leave the choice in workgroups of `size` invocations.
    pub fn with_workgroups(&self, size: u32) -> Self {
        let size = size.clamp(1, self.info.limits.workgroup_invocations);
        Gpu { workgroup_size: Some(size), ..self.clone() }
    }

    /// The same device, computing `images` images in a submission instead of as many as time allows; with 0, each dispatch
    /// of an image on its own.
    pub fn with_images_at_once(&self, images: usize) -> Self {
        Gpu { images_at_once: Some(images), ..self.clone() }
    }

    /// The same device with the kernels that hardware would run, if it is a rasteriser: for tests.
    pub fn like_hardware(&self) -> Self {
        let usual = Strengths { sharing: true, ..Strengths::usual(&self.info) };
        Gpu { strengths: Arc::new(OnceLock::from(usual)), ..self.clone() }
    }

    /// The same device, keeping its pipelines and choices in `folder`, or nowhere.
    pub fn with_cache(&self, folder: Option<PathBuf>) -> Self {
        let store = folder.map(|folder| Store::new(folder, &self.info));
        // What was kept in another folder is not taken over.
        Gpu { store, strengths: Arc::default(), ..self.clone() }
    }

    /// The wgpu device.
    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    /// The wgpu queue.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    /// Which variant to run instead of the best, if any.
    pub(crate) fn nth_variant(&self) -> Option<usize> {
        self.nth_variant
    }

    /// How many images to compute in a submission, if not as many as time allows.
    pub(crate) fn images_at_once(&self) -> Option<usize> {
        self.images_at_once
    }

    /// Held by the thread that submits or polls.
    pub(super) fn submitting(&self) -> &Mutex<()> {
        &self.submitting
    }

    /// Hands work to the device's thread for asynchronous work, which it starts with the first.
    ///
    /// # Errors
    /// Why there is no thread.
    pub(crate) fn enqueue(&self, job: Job) -> io::Result<()> {
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        Worker::enqueue(&mut worker, self.info.software, job)
    }

    /// What a browser has yet to say about work.
    pub(super) fn late(&self) -> &Mutex<Vec<Report>> {
        &self.late
    }

    /// The same device, with a list of its own of what a browser has yet to say.
    pub(crate) fn with_own_reports(&self) -> Self {
        Gpu { late: Arc::default(), ..self.clone() }
    }

    /// After how many rounds the device ends loops, if that was measured.
    pub(crate) fn known_rounds(&self) -> &OnceLock<Option<usize>> {
        &self.rounds
    }

    /// What the device is good at, if that is known.
    pub(crate) fn known_strengths(&self) -> &OnceLock<Strengths> {
        &self.strengths
    }

    /// Where files are kept between runs, if anywhere.
    pub(crate) fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// The properties of the device that kernels are made for, besides what has to be measured.
    pub(crate) fn target(&self) -> Target {
        let [least, most] = self.info.limits.subgroups;
        let best = if self.info.software && most <= NARROW { NARROW } else { WORKGROUP_SIZE };
        Target {
            least_subgroup: (least > 0).then_some(least),
            workgroup_size: self.workgroup_size.unwrap_or(best),
            ..Target::plain(self.device.limits().max_compute_workgroups_per_dimension)
        }
    }

    /// Installs handlers for errors and for the loss of a device that this crate opened itself.
    fn install_handlers(&self) {
        // Error scopes catch the errors of our calls. wgpu's default for all others is to panic.
        self.device.on_uncaptured_error(Arc::new(|_| {}));
        let lost = self.lost.clone();
        self.device.set_device_lost_callback(move |reason, message| {
            note(&lost, if message.is_empty() { format!("{reason:?}") } else { message });
        });
    }

    /// A function that makes every later call fail with [`Error::DeviceLost`], for reasons that it is told. It does not
    /// keep the device alive, so a callback of the device may own it.
    pub fn lost_note(&self) -> impl Fn(&str) + Send + Sync + use<> {
        let lost = self.lost.clone();
        move |problem| drop(note(&lost, problem.to_owned()))
    }

    /// An error if the device is known to be lost.
    pub(super) fn check_lost(&self) -> Result<()> {
        match self.lost_because() {
            Some(problem) => Err(Error::DeviceLost { device: self.info.name.clone(), problem }),
            None => Ok(()),
        }
    }

    /// Why the device was lost, if it is known to be.
    pub fn lost_because(&self) -> Option<String> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The error for a lost device; `sign` is what showed the loss, for devices whose loss callback belongs to the
    /// caller. From then on every call gives it.
    pub(super) fn lost_error(&self, sign: &str) -> Error {
        Error::DeviceLost { device: self.info.name.clone(), problem: note(&self.lost, sign.to_owned()) }
    }
}

/// Keeps why the device was lost, unless that is known already, and returns what is kept.
fn note(lost: &Mutex<Option<String>>, problem: String) -> String {
    lost.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(problem).clone()
}
