//! Typed errors. Every message names the file, and where it applies the layer, what was found and what was expected.

use std::path::{Path, PathBuf};

/// Result of every fallible call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, with the file or device it went wrong on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A packed model file that cannot be used.
    #[error("{}: not a usable model: {problem}", path.display())]
    BadModel { path: PathBuf, problem: String },
    /// A training checkpoint that cannot be converted.
    #[error("{}: cannot convert this checkpoint: {problem}", path.display())]
    BadCheckpoint { path: PathBuf, problem: String },
    /// A picture or array that cannot be classified.
    #[error("{}: cannot use this input: {problem}", path.display())]
    BadInput { path: PathBuf, problem: String },
    /// A file that cannot be opened, read or written.
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    /// A call whose arguments contradict each other or the model.
    #[error("{0}")]
    Usage(String),
    /// No device matches the selector.
    #[error("no device matches '{wanted}'; available: {available}")]
    NoAdapter { wanted: String, available: String },
    /// The network needs more than the device offers.
    #[error("{device}: {problem}")]
    DeviceLimit { device: String, problem: String },
    /// The device ran out of memory.
    #[error("{device}: out of memory: {problem}")]
    OutOfMemory { device: String, problem: String },
    /// The device was lost (driver reset, unplugged); make a new engine.
    #[error("{device}: device lost: {problem}")]
    DeviceLost { device: String, problem: String },
    /// The device or its driver reported a failure.
    #[error("{device}: {problem}")]
    Device { device: String, problem: String },
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
    BadModel,
    BadCheckpoint,
    BadInput,
    Io,
    Usage,
    NoAdapter,
    DeviceLimit,
    OutOfMemory,
    DeviceLost,
    Device,
    Cancelled,
    DeadlineExceeded,
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

    /// A [`Error::BadModel`] for `path`.
    pub fn bad_model(path: &Path, problem: impl Into<String>) -> Self {
        Error::BadModel { path: path.to_owned(), problem: problem.into() }
    }

    /// A [`Error::BadCheckpoint`] for `path`.
    pub fn bad_checkpoint(path: &Path, problem: impl Into<String>) -> Self {
        Error::BadCheckpoint { path: path.to_owned(), problem: problem.into() }
    }

    /// A [`Error::BadInput`] for `path`.
    pub fn bad_input(path: &Path, problem: impl Into<String>) -> Self {
        Error::BadInput { path: path.to_owned(), problem: problem.into() }
    }

    /// An [`Error::Io`] for `path`.
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        Error::Io { path: path.to_owned(), source }
    }
}
