//! Why a command stops, and its exit code.

use crate::error::{Error, ErrorKind};

/// Why a command stops: an exit code, and a line to print unless it was printed already.
#[derive(Debug)]
pub(super) struct Failure {
    pub code: u8,
    pub message: Option<String>,
}

/// What a command returns.
pub(super) type Outcome = Result<(), Failure>;

impl Failure {
    /// A failure with a line to print.
    pub(super) fn new(code: u8, message: impl Into<String>) -> Self {
        Failure { code, message: Some(message.into()) }
    }

    /// A failure to write a file of results: the work was done, but the disk refused it.
    pub(super) fn of_writing(error: Error) -> Self {
        Failure::new(if matches!(error, Error::Io { .. }) { 1 } else { 3 }, error.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::new(exit_code(&error), error.to_string())
    }
}

/// The exit code of an error.
pub(super) fn exit_code(error: &Error) -> u8 {
    match error.kind() {
        ErrorKind::Usage => 2,
        ErrorKind::BadModel | ErrorKind::BadCheckpoint | ErrorKind::BadInput | ErrorKind::Io => 3,
        ErrorKind::NoAdapter => 4,
        ErrorKind::VerificationFailed => 5,
        _ => 1,
    }
}
