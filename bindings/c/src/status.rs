//! Errors as codes. The message of the last one waits in the thread that it happened on.

use lq_infer::{Error, ErrorKind};
use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What became of a call.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// Arguments contradict each other or the model, or are NULL where that is not allowed.
    Usage = 1,
    /// A file cannot be opened, read or written.
    Io = 2,
    /// A packed model cannot be used.
    BadModel = 3,
    /// A picture or an array cannot be classified.
    BadInput = 4,
    /// No device matches the selector.
    NoDevice = 5,
    /// The network needs more than the device offers.
    DeviceLimit = 6,
    /// The device ran out of memory.
    OutOfMemory = 7,
    /// The device was lost: make a new engine and prepare the model again.
    DeviceLost = 8,
    /// The device or its driver reported a failure.
    Device = 9,
    /// lq_cancel_now was called.
    Cancelled = 10,
    /// The timeout passed.
    DeadlineExceeded = 11,
    /// Recorded and computed results differ.
    VerificationFailed = 12,
    /// A defect of the library; please report it.
    Panic = 13,
    /// An error that this version of the interface has no code for.
    Other = 14,
}

impl From<ErrorKind> for Status {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Usage => Status::Usage,
            ErrorKind::Io => Status::Io,
            ErrorKind::BadModel => Status::BadModel,
            ErrorKind::BadInput => Status::BadInput,
            ErrorKind::NoAdapter => Status::NoDevice,
            ErrorKind::DeviceLimit => Status::DeviceLimit,
            ErrorKind::OutOfMemory => Status::OutOfMemory,
            ErrorKind::DeviceLost => Status::DeviceLost,
            ErrorKind::Device => Status::Device,
            ErrorKind::Cancelled => Status::Cancelled,
            ErrorKind::DeadlineExceeded => Status::DeadlineExceeded,
            ErrorKind::VerificationFailed => Status::VerificationFailed,
            _ => Status::Other,
        }
    }
}

thread_local! {
    static LAST_ERROR: RefCell<CString> = RefCell::default();
}

/// The message of the last call on this thread that failed, or "" if none has. It stays, and the pointer is valid,
/// until the next call on this thread that fails: calls that succeed do not clear it, so ask for it only after a
/// failure.
#[unsafe(no_mangle)]
pub extern "C" fn lq_last_error() -> *const c_char {
    LAST_ERROR.with_borrow(|message| message.as_ptr())
}

/// Runs what a function does, and keeps the message if it fails.
pub(crate) fn outcome(work: impl FnOnce() -> Result<(), Error>) -> Status {
    let (status, message) = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => return Status::Ok,
        Ok(Err(error)) => (error.kind().into(), error.to_string()),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            (Status::Panic, format!("the library panicked: {}", text.unwrap_or("no message")))
        }
    };
    LAST_ERROR.set(CString::new(message.replace('\0', " ")).unwrap_or_default());
    status
}

/// An error in the arguments.
pub(crate) fn usage(message: impl Into<String>) -> Error {
    Error::Usage(message.into())
}
