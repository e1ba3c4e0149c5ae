//! A caller's function that is told of progress. What it raises ends the work, and the call raises it.

use lq_infer::{CancelToken, Control, Error};
use pyo3::prelude::*;
use std::sync::{Mutex, PoisonError};

pub(crate) struct Progress {
    callback: Py<PyAny>,
    /// Of the work, which is cancelled when the function raises.
    control: Control,
    raised: Mutex<Option<PyErr>>,
}

impl Progress {
    pub(crate) fn new(callback: Py<PyAny>, control: &Control) -> Self {
        Progress { callback, control: control.clone(), raised: Mutex::default() }
    }

    /// Calls the function. The library calls this on the thread that does the work, which has Python's lock released.
    pub(crate) fn tell(&self, done: usize, total: usize) {
        if let Err(error) = Python::attach(|py| self.callback.call1(py, (done, total))) {
            *self.raised.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            self.control.cancel.iter().for_each(CancelToken::cancel);
        }
    }

    /// The result of the work, or what the function raised. That comes first even if the work was done by then.
    pub(crate) fn outcome<T>(&self, result: Result<T, Error>) -> Result<PyResult<T>, Error> {
        match self.raised.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Ok(Err(error)),
            None => result.map(Ok),
        }
    }
}
