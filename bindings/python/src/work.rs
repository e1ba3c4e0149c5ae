//! Work with Python's lock released, which Ctrl-C cancels.
//!
//! Python runs signal handlers on its main thread only, and only while that thread holds the lock. So a call of the main
//! thread hands its work to a worker thread and looks for signals until it is done. Workers are kept for the next call,
//! because starting a thread takes longer than a small network. Calls of other threads need none of this.

use crate::errors::{raised, usage};
use lq_infer::{CancelToken, Control, Error};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the main thread looks for signals.
const LOOK: Duration = Duration::from_millis(50);
/// For how long a cancelled call waits for its work to notice. Work that does not look is left to end alone.
const PATIENCE: Duration = Duration::from_secs(2);

type Job = Box<dyn FnOnce() + Send>;

/// Workers without work, and the process that they are in: threads do not survive a fork.
struct Idle {
    process: u32,
    workers: Vec<Sender<Job>>,
}

static IDLE: Mutex<Idle> = Mutex::new(Idle { process: 0, workers: Vec::new() });
static MAIN_THREAD: PyOnceLock<u64> = PyOnceLock::new();

/// Runs `work` with Python's lock released.
pub(crate) fn run<T: Send + 'static>(
    py: Python<'_>,
    deadline: Option<Instant>,
    work: impl FnOnce(&Control) -> Result<T, Error> + Send + 'static,
) -> PyResult<T> {
    let cancel = CancelToken::new();
    let control = Control { cancel: Some(cancel.clone()), deadline };
    let result = match on_main_thread(py)? {
        true => watched(py, &cancel, move || work(&control))?,
        false => py.detach(|| work(&control)),
    };
    raised(py, result)
}

/// The deadline of a call that has a timeout in seconds. Calls ask for it first, so that copying arrays and decoding
/// pictures count, too.
pub(crate) fn deadline(py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Instant>> {
    let Some(seconds) = timeout else { return Ok(None) };
    if seconds.is_nan() || seconds < 0.0 {
        return Err(usage(py, format!("timeout is {seconds}, expected a number of seconds from 0, or None")));
    }
    // A deadline beyond what the clock can hold is none.
    Ok(Duration::try_from_secs_f64(seconds).ok().and_then(|time| Instant::now().checked_add(time)))
}

fn on_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import("threading")?;
    let main =
        MAIN_THREAD.get_or_try_init(py, || threading.call_method0("main_thread")?.getattr("ident")?.extract())?;
    Ok(threading.call_method0("get_ident")?.extract::<u64>()? == *main)
}

/// The result of `work`, which a worker does while this thread looks for signals.
fn watched<T: Send + 'static>(
    py: Python<'_>,
    cancel: &CancelToken,
    work: impl FnOnce() -> T + Send + 'static,
) -> PyResult<T> {
    let (sender, mut result) = channel();
    let worker = Worker::idle_or_new(Box::new(move || drop(sender.send(work()))))?;
    loop {
        let received;
        (received, result) = wait(py, result, LOOK);
        match received {
            Ok(result) => {
                worker.keep();
                return Ok(result);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(pyo3::exceptions::PyRuntimeError::new_err("a worker thread panicked; please report this"));
            }
        }
        if let Err(interrupt) = py.check_signals() {
            cancel.cancel();
            if wait(py, result, PATIENCE).0.is_ok() {
                worker.keep();
            }
            return Err(interrupt);
        }
    }
}

/// Waits for a result with Python's lock released. The receiver comes back, because it cannot be lent to other threads.
fn wait<T: Send>(py: Python<'_>, result: Receiver<T>, time: Duration) -> (Result<T, RecvTimeoutError>, Receiver<T>) {
    py.detach(move || (result.recv_timeout(time), result))
}

/// A thread that does one job after the other.
struct Worker(Sender<Job>);

impl Worker {
    /// A worker that does `job`.
    fn idle_or_new(job: Job) -> PyResult<Self> {
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.process != std::process::id() {
            // The threads stayed in the parent. Nothing can be sent to them, not even that they may end.
            std::mem::forget(std::mem::take(&mut idle.workers));
            idle.process = std::process::id();
        }
        let known = idle.workers.pop();
        drop(idle);
        let sender = known.map_or_else(start, Ok)?;
        // A worker ends only when its sender is dropped.
        let _ = sender.send(job);
        Ok(Worker(sender))
    }

    /// Keeps it for the next job.
    fn keep(self) {
        IDLE.lock().unwrap_or_else(PoisonError::into_inner).workers.push(self.0);
    }
}

fn start() -> std::io::Result<Sender<Job>> {
    let (sender, jobs): (_, Receiver<Job>) = channel();
    std::thread::Builder::new().name("lq-infer call".into()).spawn(move || jobs.into_iter().for_each(|job| job()))?;
    Ok(sender)
}
