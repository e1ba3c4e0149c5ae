//! The thread that sees to the asynchronous work of a device: one for all of it, rather than one for each call.
//!
//! Somebody has to poll a native device, or its callbacks never come, and a call's deadline has to be looked at. So this thread
//! polls the futures of all calls in turn, and those that wait for the device poll that. It begins with the first call, and ends
//! when the device is no longer used. In a browser the page's own loop does all this.

use super::patience::sleep;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Waker};
use std::time::Instant;

/// A piece of asynchronous work. While it waits, it is polled again and again, whether or not it has woken anybody.
pub(crate) type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The thread, as those see it who have work for it. It holds no device, so that it does not keep one alive.
#[derive(Debug)]
pub(super) struct Worker(Sender<Job>);

impl Worker {
    fn start(software: bool) -> io::Result<Self> {
        let (sender, jobs) = channel();
        std::thread::Builder::new().name("lq-infer gpu".into()).spawn(move || work(&jobs, software))?;
        Ok(Worker(sender))
    }

    /// Hands `job` to the thread, which is started if there is none yet. `software` says whether its device is a rasteriser.
    ///
    /// # Errors
    /// Why there is no thread.
    pub(super) fn enqueue(worker: &mut Option<Worker>, software: bool, job: Job) -> io::Result<()> {
        let Worker(jobs) = match worker {
            Some(worker) => worker,
            none => none.insert(Worker::start(software)?),
        };
        jobs.send(job).map_err(|_| io::Error::other("the thread for asynchronous work has ended"))
    }
}

/// Does jobs until there are no more and nobody is left to send any.
fn work(jobs: &Receiver<Job>, software: bool) {
    let mut running: Vec<Job> = Vec::new();
    let (mut known, mut since) = (0, Instant::now());
    loop {
        running.extend(jobs.try_iter());
        if running.is_empty() {
            let Ok(job) = jobs.recv() else { return };
            running.push(job);
        }
        let before = running.len();
        running.retain_mut(waits);
        if before > known || running.len() < before {
            since = Instant::now();
        }
        known = running.len();
        match sleep(since.elapsed(), software) {
            _ if running.is_empty() => {}
            None => std::thread::yield_now(),
            Some(time) => running.extend(jobs.recv_timeout(time)),
        }
    }
}

/// Takes a job as far as it goes, and says whether it has to wait. One that panics ends, and the others go on.
fn waits(job: &mut Job) -> bool {
    catch_unwind(AssertUnwindSafe(|| job.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()))
        .unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, mpsc};
    use std::task::Poll;
    use std::time::Duration;

    #[test]
    fn jobs_wait_side_by_side_and_one_that_panics_stops_no_other() {
        let Worker(jobs) = Worker::start(true).unwrap();
        let (sender, done) = channel();
        let turns = Arc::new(AtomicUsize::new(0));
        // Each is done when both have been polled twice: neither could end before the other began.
        for name in ["a", "b"] {
            let (sender, turns) = (sender.clone(), turns.clone());
            let mut polled = 0;
            let wait = std::future::poll_fn(move |_| {
                polled += 1;
                if polled <= 2 {
                    turns.fetch_add(1, Ordering::SeqCst);
                }
                if turns.load(Ordering::SeqCst) == 4 { Poll::Ready(()) } else { Poll::Pending }
            });
            let job = async move {
                wait.await;
                sender.send(name).unwrap();
            };
            jobs.send(Box::pin(job)).unwrap();
            jobs.send(Box::pin(async { panic!("on purpose") })).unwrap();
        }
        let mut names = [(); 2].map(|()| done.recv_timeout(Duration::from_secs(10)).unwrap());
        names.sort_unstable();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn work_that_is_left_is_done_before_the_thread_ends() {
        let worker = Worker::start(true).unwrap();
        let (sender, done) = channel();
        let mut polled = 0;
        let wait = std::future::poll_fn(move |_| {
            polled += 1;
            if polled == 20 { Poll::Ready(()) } else { Poll::Pending }
        });
        worker
            .0
            .send(Box::pin(async move {
                wait.await;
                sender.send(()).unwrap();
            }))
            .unwrap();
        drop(worker);
        done.recv_timeout(Duration::from_secs(10)).unwrap();
        // The job was dropped with its sender, and nothing else holds one.
        assert_eq!(done.recv_timeout(Duration::from_secs(10)), Err(mpsc::RecvTimeoutError::Disconnected));
    }
}
