//! An opened device, and the mapping of its errors to this crate's.

use super::adapter::AdapterInfo;
use super::cache::Store;
use super::choices::Choices;
use super::engine::GpuNet;
use super::kernels::signature;
use super::probe::Probe;
use super::record::{Recording, Target, Variant, WORKGROUP_SIZE};
use crate::backend::peak::best_rate;
use crate::backend::{Backend, Executable, Peak, Tuned};
use crate::error::{Error, Result};
use crate::plan::Plan;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// What kernels, and those who time them, use where the device has it.
const USEFUL: wgpu::Features = wgpu::Features::SUBGROUP
    .union(wgpu::Features::PIPELINE_CACHE)
    .union(wgpu::Features::TIMESTAMP_QUERY)
    .union(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES);
/// Subgroups up to this size belong to CPUs, where small workgroups waste least.
const NARROW: u32 = 8;

/// A GPU that runs plans. Clones share the device.
#[derive(Clone, Debug)]
pub struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
    info: AdapterInfo,
    /// Which of a kernel's variants to run, instead of the best.
    nth_variant: Option<usize>,
    /// What is kept between runs, if anything.
    store: Option<Store>,
    /// Why the device was lost, once it is.
    lost: Arc<Mutex<Option<String>>>,
    /// Held while waiting for the device.
    polling: Arc<Mutex<()>>,
}

impl Gpu {
    /// The GPU behind a backend, if it is one.
    pub fn of(backend: &dyn Backend) -> Option<&Self> {
        backend.as_any().downcast_ref()
    }

    /// Opens `adapter` with all that it allows.
    pub(super) fn open(adapter: &wgpu::Adapter, info: AdapterInfo) -> Result<Self> {
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("lq-infer"),
            required_features: adapter.features() & USEFUL,
            required_limits: adapter.limits(),
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        };
        let opened = pollster::block_on(adapter.request_device(&descriptor));
        let (device, queue) = opened
            .map_err(|e| Error::Device { device: info.name.clone(), problem: format!("cannot be opened: {e}") })?;
        let store = Store::user(&info);
        let gpu = Gpu { device, queue, info, nth_variant: None, store, lost: Arc::default(), polling: Arc::default() };
        gpu.watch();
        Ok(gpu)
    }

    /// Uses a device that the caller owns. No handler is installed on it. `info` is what the caller knows about its
    /// adapter; without it, the device is asked.
    pub fn from_wgpu(device: wgpu::Device, queue: wgpu::Queue, info: Option<wgpu::AdapterInfo>) -> Result<Self> {
        let raw = info.unwrap_or_else(|| device.adapter_info());
        let info = AdapterInfo::new(&raw, &device.limits(), device.features(), true);
        if let Some(reason) = info.unusable() {
            return Err(Error::Device { device: info.name, problem: format!("cannot be used: {reason}") });
        }
        let store = Store::user(&info);
        Ok(Gpu { device, queue, info, nth_variant: None, store, lost: Arc::default(), polling: Arc::default() })
    }

    /// What is known about the device.
    pub fn info(&self) -> &AdapterInfo {
        &self.info
    }

    /// The same device, but every kernel is run in its `nth` variant instead of the best, or in its last one if it has fewer.
    pub fn with_variant(&self, nth: usize) -> Self {
        Gpu { nth_variant: Some(nth), ..self.clone() }
    }

    /// The same device, keeping its pipelines and choices in `folder`, or nowhere.
    pub fn with_cache(&self, folder: Option<PathBuf>) -> Self {
        Gpu { store: folder.map(|folder| Store::new(folder, &self.info)), ..self.clone() }
    }

    /// What is kept between runs.
    pub(super) fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// Records `plan` with the variants that are asked for, or were chosen by the tuner, or are best as far as known.
    pub(super) fn record(&self, plan: &Plan) -> Recording {
        let choices = self.store().map(Choices::read).unwrap_or_default();
        let choose = |step: usize, variants: &[Variant]| match (self.nth_variant, plan.program().steps.get(step)) {
            (Some(nth), _) => nth.min(variants.len().saturating_sub(1)),
            (None, Some(step)) => choices.of(&signature(&step.kernel, plan.program()), variants),
            (None, None) => 0,
        };
        Recording::new(plan, &self.target(), &choose)
    }

    /// What kernels are made for.
    pub(super) fn target(&self) -> Target {
        let [least, most] = self.info.limits.subgroups;
        let has_subgroups = self.device.features().contains(wgpu::Features::SUBGROUP);
        Target {
            least_subgroup: has_subgroups.then_some(least),
            workgroup_size: if self.info.software && most <= NARROW { NARROW } else { WORKGROUP_SIZE },
            ..Target::plain(self.device.limits().max_compute_workgroups_per_dimension)
        }
    }

    /// The wgpu device.
    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    /// The wgpu queue.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    /// Like [`Backend::prepare`], with a result whose work can also be encoded into a caller's commands.
    pub fn prepare_net(&self, plan: Arc<Plan>, max_batch: usize, progress: &dyn Fn(usize, usize)) -> Result<GpuNet> {
        GpuNet::new(self, plan, max_batch, progress)
    }

    /// Keeps wgpu from panicking on this device of our own.
    fn watch(&self) {
        // Errors of our calls are caught by scopes; whatever is left must not panic, which is wgpu's default.
        self.device.on_uncaptured_error(Arc::new(|_| {}));
        let lost = self.lost.clone();
        self.device.set_device_lost_callback(move |reason, message| {
            let mut lost = lost.lock().unwrap_or_else(PoisonError::into_inner);
            lost.get_or_insert(if message.is_empty() { format!("{reason:?}") } else { message });
        });
    }

    /// Runs `work` and reports what the device says about it as an error; `what` tells what was going on.
    pub(super) fn guarded<T>(&self, what: &str, work: impl FnOnce() -> T) -> Result<T> {
        let scopes = [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation]
            .map(|filter| self.device.push_error_scope(filter));
        let result = work();
        // Scopes are popped in reverse order of their creation.
        let mut error = None;
        for scope in scopes.into_iter().rev() {
            error = pollster::block_on(scope.pop()).or(error);
        }
        if let Some(problem) = self.lost_because() {
            return Err(self.lost_error(&problem));
        }
        let device = self.info.name.clone();
        match error {
            None => Ok(result),
            Some(wgpu::Error::OutOfMemory { .. }) => Err(Error::OutOfMemory { device, problem: what.to_owned() }),
            Some(e) => Err(Error::Device { device, problem: format!("{what}: {e}") }),
        }
    }

    /// Why the device was lost, if it was.
    fn lost_because(&self) -> Option<String> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The error for a device that is lost, as the caller noticed by `sign`.
    pub(super) fn lost_error(&self, sign: &str) -> Error {
        let problem = self.lost_because().unwrap_or_else(|| sign.to_owned());
        Error::DeviceLost { device: self.info.name.clone(), problem }
    }

    /// Waits for `submission` for at most `timeout`; whether it is done.
    pub(super) fn wait(&self, submission: &wgpu::SubmissionIndex, timeout: std::time::Duration) -> Result<bool> {
        // One thread at a time: wgpu asserts that a queue it finds empty has finished what is waited for, which is not so if another
        // thread emptied it after this one had looked (wgpu-core 30, `Device::maintain`).
        let _alone = self.polling.lock().unwrap_or_else(PoisonError::into_inner);
        // wgpu panics if the device is lost while it waits; a host application must survive that. One that polls its own device
        // beside us may cause the assertion; the next look then finds what was waited for.
        for _ in 0..2 {
            let wait = wgpu::PollType::Wait { submission_index: Some(submission.clone()), timeout: Some(timeout) };
            match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.device.poll(wait))) {
                Ok(Ok(_)) => return Ok(true),
                Ok(Err(wgpu::PollError::Timeout)) => return Ok(false),
                Ok(Err(e)) => return Err(Error::Device { device: self.info.name.clone(), problem: e.to_string() }),
                Err(_) => {}
            }
        }
        Err(self.lost_error("while waiting for a result"))
    }
}

impl Backend for Gpu {
    fn name(&self) -> String {
        format!("{} ({})", self.info.name, self.info.api)
    }

    fn prepare(
        &self,
        plan: Arc<Plan>,
        max_batch: usize,
        progress: &dyn Fn(usize, usize),
    ) -> Result<Box<dyn Executable>> {
        Ok(Box::new(self.prepare_net(plan, max_batch, progress)?))
    }

    fn rate(&self, peak: Peak) -> Result<f64> {
        let probe = Probe::new(self, peak)?;
        best_rate(|amount| probe.run(amount))
    }

    fn keep_verdict(&self, problem: Option<&str>) {
        if let Some(store) = self.store() {
            store.keep_verdict(problem);
        }
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn tune(&self, plan: &Arc<Plan>, progress: &dyn Fn(usize)) -> Result<Vec<Tuned>> {
        Gpu::tune(self, plan, progress)
    }
}
