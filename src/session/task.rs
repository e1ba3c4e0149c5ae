//! A future for work on a thread of its own, awaitable from any executor.

use crate::backend::{CancelToken, Control};
use crate::error::{Error, Result};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

struct State<T> {
    result: Option<Result<T>>,
    waker: Option<Waker>,
}

/// The result of work that runs on another thread. Dropping it asks the work to stop, through the control that the
/// work was given.
pub(super) struct Task<T> {
    state: Arc<Mutex<State<T>>>,
    cancel: CancelToken,
}

impl<T: Send + 'static> Task<T> {
    /// Starts `work` with a control that also ends with this task.
    pub(super) fn spawn(control: Control, work: impl FnOnce(Control) -> Result<T> + Send + 'static) -> Self {
        let state = Arc::new(Mutex::new(State { result: None, waker: None }));
        let cancel = CancelToken::child(control.cancel);
        let task = Task { state: state.clone(), cancel: cancel.clone() };
        let control = Control { cancel: Some(cancel), deadline: control.deadline };
        let finish = Finish(state);
        let run = move || finish.with(work(control));
        if let Err(error) = std::thread::Builder::new().name("lq-infer".into()).spawn(run) {
            // The closure is dropped, and with it its `Finish`, which left a result. This one says why.
            task.lock().result =
                Some(Err(Error::Device { device: "cpu".into(), problem: format!("no thread: {error}") }));
        }
        task
    }
}

impl<T> Task<T> {
    fn lock(&self) -> std::sync::MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Task<T> {
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

impl<T: Send + 'static> Future for Task<T> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    /// Work that goes on until its control ends it.
    fn endless(control: Control) -> Result<()> {
        loop {
            control.check()?;
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn results_and_panics_both_arrive() {
        assert_eq!(pollster::block_on(Task::spawn(Control::default(), |_| Ok(7))).unwrap(), 7);
        let failed = pollster::block_on(Task::<()>::spawn(Control::default(), |_| panic!("on purpose")));
        assert!(failed.is_err());
    }

    #[test]
    fn dropping_a_task_cancels_its_work_and_nothing_else() {
        let callers = CancelToken::new();
        let (sender, ended) = mpsc::channel();
        let control = Control { cancel: Some(callers.clone()), deadline: None };
        let task = Task::spawn(control, move |control| {
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
        let task = Task::spawn(Control { cancel: Some(callers.clone()), deadline: None }, endless);
        callers.cancel();
        assert_eq!(pollster::block_on(task).unwrap_err().kind(), ErrorKind::Cancelled);
        let deadline = Some(Instant::now() + Duration::from_millis(5));
        let task = Task::spawn(Control { cancel: None, deadline }, endless);
        assert_eq!(pollster::block_on(task).unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    }
}
