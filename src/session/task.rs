//! A future for work on a thread of its own, awaitable from any executor.

use crate::error::{Error, Result};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

struct State<T> {
    result: Option<Result<T>>,
    waker: Option<Waker>,
}

/// The result of work that runs on another thread. Dropping it does not stop the work.
pub struct Task<T> {
    state: Arc<Mutex<State<T>>>,
}

impl<T: Send + 'static> Task<T> {
    /// Starts `work`.
    pub fn spawn(work: impl FnOnce() -> Result<T> + Send + 'static) -> Self {
        let state = Arc::new(Mutex::new(State { result: None, waker: None }));
        let task = Task { state: state.clone() };
        let finish = Finish(state);
        let run = move || finish.with(work());
        if let Err(error) = std::thread::Builder::new().name("lq-infer".into()).spawn(run) {
            // The closure is gone with its `Finish`, which has left a result; this one says why.
            task.lock().result =
                Some(Err(Error::Device { device: "cpu".into(), problem: format!("no thread: {error}") }));
        }
        task
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves a result even if the work unwinds, so that no one waits for ever.
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

    #[test]
    fn results_and_panics_both_arrive() {
        assert_eq!(pollster::block_on(Task::spawn(|| Ok(7))).unwrap(), 7);
        let failed = pollster::block_on(Task::<()>::spawn(|| panic!("on purpose")));
        assert!(failed.is_err());
    }
}
