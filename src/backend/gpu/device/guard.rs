//! The mapping of a device's errors to this crate's.

use super::gpu::Gpu;
use super::report::Report;
use crate::error::{Error, Result};
use crate::platform::BROWSER;
use std::sync::PoisonError;

impl Gpu {
    /// Runs `work` and turns the errors that the device reports meanwhile into this crate's; `what` names the work.
    ///
    /// A browser reports errors only when the page's thread has nothing else to do. There, they come to light when
    /// somebody awaits [`Gpu::settled`]; until then what `work` made must not be relied on.
    pub(crate) fn guarded<T>(&self, what: &str, work: impl FnOnce() -> T) -> Result<T> {
        let (result, report) = Report::on(self.device(), what, work);
        if let Some(late) = self.judged_now(report)? {
            self.late().lock().unwrap_or_else(PoisonError::into_inner).push(late);
        }
        Ok(result)
    }

    /// The first error among those that a browser had yet to report, if there is any. Natively none is left.
    ///
    /// # Errors
    /// As [`Gpu::guarded`] gives them natively.
    pub(crate) async fn settled(&self) -> Result<()> {
        let late = std::mem::take(&mut *self.late().lock().unwrap_or_else(PoisonError::into_inner));
        for report in late {
            self.judged(report).await?;
        }
        Ok(())
    }

    /// The error of a report. A report that is to be had later only is given back.
    pub(super) fn judged_now(&self, report: Report) -> Result<Option<Report>> {
        if BROWSER {
            return self.check_lost().map(|()| Some(report));
        }
        pollster::block_on(self.judged(report)).map(|()| None)
    }

    /// The error of a report.
    pub(super) async fn judged(&self, report: Report) -> Result<()> {
        let (what, error) = report.read().await;
        self.check_lost()?;
        match error {
            None => Ok(()),
            Some(wgpu::Error::OutOfMemory { .. }) => {
                Err(Error::OutOfMemory { device: self.info().name.clone(), problem: what })
            }
            Some(e) => Err(self.failure(&format!("{what}: {e}"))),
        }
    }

    /// Whether the device is lost, for devices whose loss callback belongs to the caller. wgpu reports a loss to that
    /// callback alone: calls on a lost device seem to succeed, and what they return is invalid. Mapping is the
    /// exception, but for browsers, which answer later.
    fn refuses_buffers(&self) -> bool {
        if BROWSER {
            return false;
        }
        let (sender, mapped) = std::sync::mpsc::channel();
        let scope = self.device().push_error_scope(wgpu::ErrorFilter::Validation);
        let usage = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ;
        let descriptor = wgpu::BufferDescriptor { label: None, size: 4, usage, mapped_at_creation: false };
        let buffer = self.device().create_buffer(&descriptor);
        buffer.map_async(wgpu::MapMode::Read, .., move |result| drop(sender.send(result)));
        drop(pollster::block_on(scope.pop()));
        matches!(mapped.try_recv(), Ok(Err(_)))
    }

    /// An error if the device is lost, also if nothing has shown that so far. For work that is only recorded: on a lost
    /// device that seems to succeed.
    pub(crate) fn check_alive(&self) -> Result<()> {
        self.check_lost()?;
        if self.refuses_buffers() { Err(self.lost_error("it maps no buffers any more")) } else { Ok(()) }
    }

    /// The error for a call that failed because of `problem`: that of a lost device, if it is lost.
    pub(crate) fn failure(&self, problem: &str) -> Error {
        if self.lost_because().is_some() || self.refuses_buffers() {
            return self.lost_error(problem);
        }
        Error::Device { device: self.info().name.clone(), problem: problem.to_owned() }
    }
}
