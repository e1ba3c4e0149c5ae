//! Typed errors. A message names the file or device and, where there is one, the layer; it says what was found and what
//! was expected. Messages are one line of limited length without control characters, whatever a file's name or contents.

use crate::text::plain;
use std::path::{Path, PathBuf};

/// Result of every fallible call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Most characters of what a message says about a file, and of the file's path.
const MAX_CHARS: usize = 1500;

/// What went wrong, with the file or device it went wrong on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A packed model file that cannot be used.
    #[error("{}: not a usable model: {}", shown(path), brief(problem))]
    BadModel {
        /// The file, or the name that stands for it.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A training checkpoint that cannot be used.
    #[error("{}: not a usable checkpoint: {}", shown(path), brief(problem))]
    BadCheckpoint {
        /// The file, or the name that stands for it.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A picture or array that cannot be classified.
    #[error("{}: cannot use this input: {}", shown(path), brief(problem))]
    BadInput {
        /// The file, or the name that stands for it.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file that cannot be opened, read or written.
    #[error("{}: {source}", shown(path))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A call whose arguments contradict each other or the model.
    #[error("{}", brief(_0))]
    Usage(String),
    /// No device matches the selector.
    #[error("no device matches '{wanted}'; available: {available}")]
    NoAdapter {
        /// The selector.
        wanted: String,
        /// The devices there are.
        available: String,
    },
    /// The network needs more than the device offers.
    #[error("{device}: {problem}")]
    DeviceLimit {
        /// Name of the device.
        device: String,
        /// What went wrong.
        problem: String,
    },
    /// The device ran out of memory.
    #[error("{device}: out of memory: {problem}")]
    OutOfMemory {
        /// Name of the device.
        device: String,
        /// What went wrong.
        problem: String,
    },
    /// The device was lost (driver reset, unplugged); make a new engine.
    #[error("{device}: device lost: {problem}")]
    DeviceLost {
        /// Name of the device.
        device: String,
        /// What went wrong.
        problem: String,
    },
    /// The device or its driver reported a failure.
    #[error("{device}: {problem}")]
    Device {
        /// Name of the device.
        device: String,
        /// What went wrong.
        problem: String,
    },
    /// The caller cancelled the work.
    #[error("cancelled")]
    Cancelled,
    /// The deadline passed before the work was done.
    #[error("deadline exceeded")]
    DeadlineExceeded,
    /// Recorded and computed results differ.
    #[error("{0}")]
    VerificationFailed(String),
}

/// Coarse class of an [`Error`], for callers that branch on it: its variant without the details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// [`Error::BadModel`]
    BadModel,
    /// [`Error::BadCheckpoint`]
    BadCheckpoint,
    /// [`Error::BadInput`]
    BadInput,
    /// [`Error::Io`]
    Io,
    /// [`Error::Usage`]
    Usage,
    /// [`Error::NoAdapter`]
    NoAdapter,
    /// [`Error::DeviceLimit`]
    DeviceLimit,
    /// [`Error::OutOfMemory`]
    OutOfMemory,
    /// [`Error::DeviceLost`]
    DeviceLost,
    /// [`Error::Device`]
    Device,
    /// [`Error::Cancelled`]
    Cancelled,
    /// [`Error::DeadlineExceeded`]
    DeadlineExceeded,
    /// [`Error::VerificationFailed`]
    VerificationFailed,
}

impl Error {
    /// The class of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::BadModel { .. } => ErrorKind::BadModel,
            Error::BadCheckpoint { .. } => ErrorKind::BadCheckpoint,
            Error::BadInput { .. } => ErrorKind::BadInput,
            Error::Io { .. } => ErrorKind::Io,
            Error::Usage(_) => ErrorKind::Usage,
            Error::NoAdapter { .. } => ErrorKind::NoAdapter,
            Error::DeviceLimit { .. } => ErrorKind::DeviceLimit,
            Error::OutOfMemory { .. } => ErrorKind::OutOfMemory,
            Error::DeviceLost { .. } => ErrorKind::DeviceLost,
            Error::Device { .. } => ErrorKind::Device,
            Error::Cancelled => ErrorKind::Cancelled,
            Error::DeadlineExceeded => ErrorKind::DeadlineExceeded,
            Error::VerificationFailed(_) => ErrorKind::VerificationFailed,
        }
    }

    /// An [`Error::BadModel`] for `path`.
    pub fn bad_model(path: &Path, problem: impl Into<String>) -> Self {
        Error::BadModel { path: path.to_owned(), problem: problem.into() }
    }

    /// An [`Error::BadCheckpoint`] for `path`.
    pub fn bad_checkpoint(path: &Path, problem: impl Into<String>) -> Self {
        Error::BadCheckpoint { path: path.to_owned(), problem: problem.into() }
    }

    /// A call in a browser that would have to wait for the GPU; `instead` names what does not.
    pub(crate) fn must_be_awaited(instead: &str) -> Self {
        Error::Usage(format!("a browser's GPU cannot be waited for; use {instead}"))
    }

    /// An [`Error::BadInput`] for `path`.
    pub fn bad_input(path: &Path, problem: impl Into<String>) -> Self {
        Error::BadInput { path: path.to_owned(), problem: problem.into() }
    }

    /// An [`Error::Io`] for `path`.
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        Error::Io { path: path.to_owned(), source }
    }
}

/// A path in a message.
fn shown(path: &Path) -> String {
    brief(&path.display().to_string())
}

/// Text in a message: on one line, and with its middle left out if it is very long.
fn brief(text: &str) -> String {
    let text = plain(text);
    let count = text.chars().count();
    if count <= MAX_CHARS {
        return text;
    }
    let half = |skip| text.chars().skip(skip).take(MAX_CHARS / 2).collect::<String>();
    half(0) + " [...] " + &half(count - MAX_CHARS / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_short_line_without_control_characters() {
        let error =
            Error::bad_model(Path::new("a\u{1b}[2J\n.json"), "has \u{9b}5n".to_owned() + &"x".repeat(100_000) + " end");
        let message = error.to_string();
        assert!(!message.contains(char::is_control), "{message:?}");
        assert!(message.len() < 4096 && message.ends_with(" end"), "{}", message.len());
    }
}
