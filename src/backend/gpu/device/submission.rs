//! Commands handed to the device, and waiting for them. Nothing else in this crate polls a device.
//!
//! wgpu's own wait with a timeout must not be used: if it times out while another thread polls, it meets an assertion
//! inside wgpu-core 30 (fixed upstream, gfx-rs/wgpu 9958). It also keeps a lock of the device for as long as it
//! lasts. So a callback says when the commands are done, and waiting is polling with sleep in between: any number of
//! threads may wait at once, the host application may poll its own device beside them, and no lock is held while a
//! thread sleeps. A future waits in the same way, where the thread that sees to it sleeps in between (`worker`). In a browser
//! nobody polls: the callback comes by itself, and wakes the future.

use super::gpu::Gpu;
use super::patience::sleep;
use super::report::Report;
use crate::backend::Control;
use crate::error::{Error, Result};
use crate::platform::{BROWSER, Instant};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Poll, Waker};
use std::time::Duration;

/// Whether commands succeeded, as far as the host is told.
type Event = std::result::Result<(), wgpu::BufferAsyncError>;

/// Commands that were submitted.
#[derive(Debug)]
pub(crate) struct Submission {
    gpu: Gpu,
    /// Receives one event for each buffer to be mapped, or a single one if there is none.
    events: Receiver<Event>,
    expected: usize,
    /// Wakes a future that waits.
    waker: Arc<Mutex<Option<Waker>>>,
    /// What a browser has yet to say about the commands.
    late: Option<Report>,
}

/// What a callback owns: it tells the submission, and wakes a future that waits for it, also if it is dropped without being
/// called.
struct Notice {
    events: Option<Sender<Event>>,
    waker: Arc<Mutex<Option<Waker>>>,
}

impl Notice {
    fn tell(mut self, event: Event) {
        // Sending fails if the caller stopped waiting; ignored.
        if let Some(events) = self.events.take() {
            let _ = events.send(event);
        }
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        self.events = None;
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        waker.into_iter().for_each(Waker::wake);
    }
}

/// The right to hand work to the device, which one thread has at a time.
///
/// Rasterisers may compute while commands are submitted, and wgpu keeps all other threads from doing anything on the
/// device meanwhile. Threads that queued up inside wgpu could not look at their deadlines.
#[derive(Debug)]
pub(crate) struct Turn<'a>(#[expect(dead_code, reason = "it is held")] MutexGuard<'a, ()>);

impl Gpu {
    /// Submits `commands` and asks for the buffers `mapped` to be mapped once they are done, for reading or for writing as
    /// their usage says; `what` names the work.
    ///
    /// # Errors
    /// Those of `commands` and of the device. Then, or if waiting fails, a mapping may be pending: drop the buffers.
    pub(crate) fn submit(
        &self,
        turn: Turn,
        what: &str,
        mapped: &[&wgpu::Buffer],
        commands: impl FnOnce(&mut wgpu::CommandEncoder) -> Result<()>,
    ) -> Result<Submission> {
        let mut commands = Some(commands);
        let once = |_: usize, encoder: &mut wgpu::CommandEncoder| commands.take().map_or(Ok(()), |once| once(encoder));
        self.submit_parts(turn, what, mapped, 1, once)
    }

    /// The same with `count` submissions one after the other: `commands` is told which of them it fills.
    pub(crate) fn submit_parts(
        &self,
        _turn: Turn,
        what: &str,
        mapped: &[&wgpu::Buffer],
        count: usize,
        mut commands: impl FnMut(usize, &mut wgpu::CommandEncoder) -> Result<()>,
    ) -> Result<Submission> {
        let (sender, events) = channel();
        let waker = Arc::default();
        let notice = || Notice { events: Some(sender.clone()), waker: Arc::clone(&waker) };
        let (submitted, report) = Report::on(self.device(), what, || {
            for part in 0..count {
                let mut encoder = self.device().create_command_encoder(&Default::default());
                commands(part, &mut encoder)?;
                self.queue().submit([encoder.finish()]);
            }
            for buffer in mapped {
                let notice = notice();
                let for_writing = buffer.usage().contains(wgpu::BufferUsages::MAP_WRITE);
                let mode = if for_writing { wgpu::MapMode::Write } else { wgpu::MapMode::Read };
                buffer.map_async(mode, .., move |event| notice.tell(event));
            }
            if mapped.is_empty() {
                let notice = notice();
                self.queue().on_submitted_work_done(move || notice.tell(Ok(())));
            }
            Ok::<_, Error>(())
        });
        let late = self.judged_now(report)?;
        submitted?;
        Ok(Submission { gpu: self.clone(), events, expected: mapped.len().max(1), waker, late })
    }

    /// The contents of `buffer`, which a [`Submission`] has mapped, up to `bytes`; unmaps it.
    pub(crate) fn read_mapped<T: bytemuck::Pod>(&self, buffer: &wgpu::Buffer, bytes: u64) -> Result<Vec<T>> {
        let contents = {
            let view = buffer.get_mapped_range(..bytes).map_err(|e| self.failure(&e.to_string()))?;
            bytemuck::pod_collect_to_vec(&view)
        };
        buffer.unmap();
        Ok(contents)
    }

    /// Lets wgpu look at what the device has done and call the callbacks of what is complete. Does not block.
    fn poll(&self) -> Result<()> {
        // wgpu panics if this is how it learns that the driver lost the device, and a host application must survive that.
        // (One that is built with `panic = "abort"` cannot.) There is no other way to poll: `Instance::poll_all` panics
        // too, and submitting nothing, which reports the loss as an error, waits for threads that submit.
        match catch_unwind(AssertUnwindSafe(|| self.device().poll(wgpu::PollType::Poll))) {
            Ok(Ok(_)) => self.check_lost(),
            Ok(Err(e)) => Err(self.failure(&e.to_string())),
            Err(_) => Err(self.lost_error("while waiting for a result")),
        }
    }

    /// Waits for this thread's turn.
    ///
    /// # Errors
    /// What `control` says meanwhile.
    pub(crate) fn turn(&self, control: &Control) -> Result<Turn<'_>> {
        let start = Instant::now();
        loop {
            control.check()?;
            if let Some(turn) = self.turn_now() {
                return Ok(turn);
            }
            self.pause(start.elapsed());
        }
    }

    /// The turn, unless another thread has it.
    fn turn_now(&self) -> Option<Turn<'_>> {
        match self.submitting().try_lock() {
            Ok(turn) => Some(Turn(turn)),
            Err(TryLockError::Poisoned(turn)) => Some(Turn(turn.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// [`Gpu::turn`] without blocking. Nobody is woken when another thread's turn ends: only the device's own thread waits so, and
    /// a browser has no other thread.
    pub(crate) async fn turn_async(&self, control: &Control) -> Result<Turn<'_>> {
        poll_fn(|_| match (control.check(), self.turn_now()) {
            (Err(error), _) => Poll::Ready(Err(error)),
            (Ok(()), Some(turn)) => Poll::Ready(Ok(turn)),
            (Ok(()), None) => Poll::Pending,
        })
        .await
    }

    /// Passes some time before a thread that has waited for so long looks again.
    fn pause(&self, waited: Duration) {
        match sleep(waited, self.info().software) {
            None => std::thread::yield_now(),
            Some(time) => std::thread::sleep(time),
        }
    }
}

/// Lets the device's thread see to its other work once. Where submitting computes already (OpenGL), a call would never wait, and
/// one of many batches would keep that thread from all others and from their deadlines.
async fn others_first() {
    let mut seen = false;
    poll_fn(|_| if std::mem::replace(&mut seen, true) { Poll::Ready(()) } else { Poll::Pending }).await
}

impl Submission {
    /// Waits until the commands are done and the results can be read.
    ///
    /// # Errors
    /// What `control` says, also if it is past its deadline when the results arrive, and the loss of the device.
    /// [`Error::Usage`] in a browser.
    pub(crate) fn wait(&mut self, control: &Control) -> Result<()> {
        if BROWSER {
            return Err(Error::must_be_awaited("the calls that are awaited"));
        }
        let start = Instant::now();
        while !self.look(control)? {
            self.gpu.pause(start.elapsed());
        }
        Ok(())
    }

    /// The same without blocking.
    ///
    /// # Errors
    /// As for [`Submission::wait`]. In a browser the control is only looked at when the results arrive.
    pub(crate) async fn wait_async(&mut self, control: &Control) -> Result<()> {
        if !BROWSER {
            others_first().await;
        }
        poll_fn(|context| {
            // Before looking, so that no event comes in between unnoticed.
            *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
            match self.look(control) {
                Ok(false) => Poll::Pending,
                Ok(true) => Poll::Ready(Ok(())),
                Err(error) => Poll::Ready(Err(error)),
            }
        })
        .await?;
        match self.late.take() {
            Some(report) => self.gpu.judged(report).await,
            None => Ok(()),
        }
    }

    /// Whether the commands are done. Where that is nobody else's business, this also makes progress.
    fn look(&mut self, control: &Control) -> Result<bool> {
        // A thread that has the turn is polling too, or will be soon.
        if let Some(_turn) = self.gpu.turn_now().filter(|_| !BROWSER) {
            self.gpu.poll()?;
        }
        let done = self.is_done()?;
        control.check().map(|()| done)
    }

    /// Whether all events have arrived.
    fn is_done(&mut self) -> Result<bool> {
        while self.expected > 0 {
            match self.events.try_recv() {
                Ok(Ok(())) => self.expected -= 1,
                Err(TryRecvError::Empty) => return Ok(false),
                Ok(Err(_)) | Err(TryRecvError::Disconnected) => {
                    return Err(self.gpu.failure("its result cannot be read"));
                }
            }
        }
        Ok(true)
    }
}
