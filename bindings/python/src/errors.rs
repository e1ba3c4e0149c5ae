//! Errors of the library as Python's exceptions, which `lq_infer/_errors.py` defines.

use lq_infer::{Error, ErrorKind};
use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError};
use pyo3::prelude::*;
use std::ops::RangeInclusive;

/// The exception for `error`.
fn exception(py: Python<'_>, error: &Error) -> PyErr {
    if let Error::Io { path, source } = error {
        // With a number, Python picks the class: FileNotFoundError, PermissionError, ...
        return match source.raw_os_error() {
            Some(number) => PyOSError::new_err((number, system_text(source), path.clone().into_os_string())),
            None => PyOSError::new_err(error.to_string()),
        };
    }
    let name = match error.kind() {
        ErrorKind::BadModel => "ModelError",
        ErrorKind::BadCheckpoint => "CheckpointError",
        ErrorKind::BadInput => "InputError",
        ErrorKind::Usage => "UsageError",
        ErrorKind::NoAdapter => "NoDeviceError",
        ErrorKind::DeviceLimit => "DeviceLimitError",
        ErrorKind::OutOfMemory => "DeviceMemoryError",
        ErrorKind::DeviceLost => "DeviceLostError",
        ErrorKind::Device => "DeviceError",
        // Only Ctrl-C cancels here.
        ErrorKind::Cancelled => return PyKeyboardInterrupt::new_err(()),
        ErrorKind::DeadlineExceeded => "DeadlineError",
        ErrorKind::VerificationFailed => "VerificationError",
        _ => "Error",
    };
    named(py, name, &error.to_string())
}

/// Passes a result on, or raises its error.
pub(crate) fn raised<T>(py: Python<'_>, result: Result<T, Error>) -> PyResult<T> {
    result.map_err(|error| exception(py, &error))
}

/// An exception for a call whose arguments do not fit.
pub(crate) fn usage(py: Python<'_>, message: impl Into<String>) -> PyErr {
    exception(py, &Error::Usage(message.into()))
}

/// The argument `name`, if it is in its range. It comes as `i64`, because converting a negative number to `usize` would raise
/// an OverflowError that does not name the argument.
pub(crate) fn within(py: Python<'_>, name: &str, number: i64, range: RangeInclusive<usize>) -> PyResult<usize> {
    if let Ok(number) = usize::try_from(number)
        && range.contains(&number)
    {
        return Ok(number);
    }
    let (least, most) = range.into_inner();
    let expected = if most == usize::MAX { format!("{least} or more") } else { format!("{least} to {most}") };
    Err(usage(py, format!("{name} is {number}, expected {expected}")))
}

fn named(py: Python<'_>, name: &str, message: &str) -> PyErr {
    let class = py.import("lq_infer._errors").and_then(|module| module.getattr(name));
    match class.and_then(|class| class.call1((message,))) {
        Ok(value) => PyErr::from_value(value),
        Err(error) => error,
    }
}

/// What the system says, without the number that Python adds itself.
fn system_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
