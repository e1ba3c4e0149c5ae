//! Futures for work that others do, awaitable from any executor.

use crate::backend::gpu::{Gpu, Job};
use crate::backend::{CancelToken, Control};
use crate::error::{Error, Result};
use crate::platform::BROWSER;
use crate::threads;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Who does the work of a task.
pub(super) enum Place<'a> {
    /// A thread of its own: work that computes.
    Thread,
    /// The thread of a GPU: work that mostly waits for it.
    Device(&'a Gpu),
    /// Whoever polls the task: in a browser, where there are no threads.
    Caller,
}

impl<'a> Place<'a> {
    /// For work that takes long.
    pub(super) fn for_long_work() -> Self {
        if BROWSER { Place::Caller } else { Place::Thread }
    }

    /// For work on a GPU, or on a CPU if there is none.
    pub(super) fn for_device(gpu: Option<&'a Gpu>) -> Self {
        gpu.filter(|_| !BROWSER).map_or_else(Self::for_long_work, Place::Device)
    }
}

/// The result of work. Dropping it ends the work.
pub(super) enum Task<T> {
    /// Work that is done elsewhere.
    Elsewhere(Remote<T>),
    /// Work that is done by polling.
    Here(Pin<Box<dyn Future<Output = Result<T>> + Send>>),
}

impl<T: Send + 'static> Task<T> {
    /// Starts `work`, with a control that also ends with this task.
    pub(super) fn start<W: Future<Output = Result<T>> + Send + 'static>(
        place: Place,
        control: Control,
        work: impl FnOnce(Control) -> W + Send + 'static,
    ) -> Self {
        match place {
            Place::Caller => Task::Here(Box::pin(async move { work(control).await })),
            Place::Thread => Task::Elsewhere(Remote::start(control, work, |job| {
                let run = move || pollster::block_on(job);
                std::thread::Builder::new().name("lq-infer".into()).spawn(run).map(drop).map_err(no_thread)
            })),
            Place::Device(gpu) => Task::Elsewhere(Remote::start(control, work, |job| {
                // In a process that was forked, the device's thread is missing.
                threads::enter()?;
                gpu.enqueue(job).map_err(no_thread)
            })),
        }
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Task::Elsewhere(remote) => remote.poll(context),
            Task::Here(work) => work.as_mut().poll(context),
        }
    }
}

fn no_thread(error: io::Error) -> Error {
    Error::Device { device: "cpu".into(), problem: format!("no thread: {error}") }
}

struct State<T> {
    result: Option<Result<T>>,
    waker: Option<Waker>,
}

/// The result of work that is done elsewhere. Dropping it asks the work to stop, through the control that the work was given.
pub(super) struct Remote<T> {
    state: Arc<Mutex<State<T>>>,
    cancel: CancelToken,
}

impl<T: Send + 'static> Remote<T> {
    /// Has `work` done by whom `hand_over` gives it to.
    fn start<W: Future<Output = Result<T>> + Send + 'static>(
        control: Control,
        work: impl FnOnce(Control) -> W + Send + 'static,
        hand_over: impl FnOnce(Job) -> Result<()>,
    ) -> Self {
        let state = Arc::new(Mutex::new(State { result: None, waker: None }));
        let cancel = CancelToken::child(control.cancel);
        let remote = Remote { state: state.clone(), cancel: cancel.clone() };
        let control = Control { cancel: Some(cancel), deadline: control.deadline };
        let finish = Finish(state);
        if let Err(error) = hand_over(Box::pin(async move { finish.with(work(control).await) })) {
            // The job was dropped, and with it its `Finish`, which left a result. This one says why.
            remote.lock().result = Some(Err(error));
        }
        remote
    }
}

impl<T> Remote<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Result<T>> {
        let mut state = self.lock();
        match state.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Remote<T> {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// Leaves a result even if the work panics, so that nobody waits forever.
struct Finish<T>(Arc<Mutex<State<T>>>);

impl<T> Finish<T> {
    fn with(self, result: Result<T>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).result = Some(result);
    }
}

impl<T> Drop for Finish<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unfinished = || Err(Error::Device { device: "cpu".into(), problem: "the work ended early".into() });
        state.result.get_or_insert_with(unfinished);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    /// Work on a thread of its own.
    fn spawn<T: Send + 'static>(control: Control, work: impl FnOnce(Control) -> Result<T> + Send + 'static) -> Task<T> {
        Task::start(Place::Thread, control, |control| async { work(control) })
    }

    /// Work that goes on until its control ends it.
    fn endless(control: Control) -> Result<()> {
        loop {
            control.check()?;
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn results_and_panics_both_arrive() {
        assert_eq!(pollster::block_on(spawn(Control::default(), |_| Ok(7))).unwrap(), 7);
        let failed = pollster::block_on(spawn::<()>(Control::default(), |_| panic!("on purpose")));
        assert!(failed.is_err());
    }

    #[test]
    fn dropping_a_task_cancels_its_work_and_nothing_else() {
        let callers = CancelToken::new();
        let (sender, ended) = mpsc::channel();
        let control = Control { cancel: Some(callers.clone()), deadline: None };
        let task = spawn(control, move |control| {
            let outcome = endless(control);
            sender.send(outcome.as_ref().unwrap_err().kind()).unwrap();
            outcome
        });
        drop(task);
        assert_eq!(ended.recv_timeout(Duration::from_secs(10)).unwrap(), ErrorKind::Cancelled);
        assert!(!callers.is_cancelled());
    }

    #[test]
    fn the_callers_token_and_deadline_end_the_work() {
        let callers = CancelToken::new();
        let task = spawn(Control { cancel: Some(callers.clone()), deadline: None }, endless);
        callers.cancel();
        assert_eq!(pollster::block_on(task).unwrap_err().kind(), ErrorKind::Cancelled);
        let deadline = Some(Instant::now() + Duration::from_millis(5));
        let task = spawn(Control { cancel: None, deadline }, endless);
        assert_eq!(pollster::block_on(task).unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    }

    #[test]
    fn a_caller_does_its_work_by_polling() {
        let control = Control { cancel: Some(CancelToken::new()), deadline: None };
        let cancel = control.cancel.clone().unwrap();
        let task = Task::start(Place::Caller, control, |control| async move { control.check().map(|()| 7) });
        assert_eq!(pollster::block_on(task).unwrap(), 7);
        assert!(!cancel.is_cancelled());
    }
}
