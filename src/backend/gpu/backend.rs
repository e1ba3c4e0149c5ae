//! The GPU as a [`Backend`].

use super::device::Gpu;
use super::run::{GpuNet, Probe, tune};
use crate::backend::peak::best_rate;
use crate::backend::{Backend, Executable, Peak, Progress, Tuned};
use crate::error::Result;
use crate::plan::Plan;
use std::sync::Arc;

impl Gpu {
    /// The GPU behind a backend, if it is one.
    pub fn of(backend: &dyn Backend) -> Option<&Self> {
        backend.as_any().downcast_ref()
    }

    /// Like [`Backend::prepare`], with a result whose work can also be encoded into a caller's commands.
    ///
    /// # Errors
    /// As [`Backend::prepare`].
    pub fn prepare_net(&self, plan: &Plan, max_batch: usize, progress: Progress) -> Result<GpuNet> {
        GpuNet::new(self, plan, max_batch, progress)
    }
}

impl Backend for Gpu {
    fn name(&self) -> String {
        format!("{} ({})", self.info().name, self.info().api)
    }

    fn prepare(&self, plan: Arc<Plan>, max_batch: usize, progress: Progress) -> Result<Box<dyn Executable>> {
        Ok(Box::new(self.prepare_net(&plan, max_batch, progress)?))
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

    fn tune(&self, plan: &Arc<Plan>, images: usize, progress: &dyn Fn(usize, usize)) -> Result<Vec<Tuned>> {
        tune(self, plan, images, progress)
    }
}
