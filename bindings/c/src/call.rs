//! How a call can be ended early.

use crate::pointers::{free, give};
use crate::status::{Status, outcome, usage};
use lq_infer::{CancelToken, Control, Error};
use std::time::{Duration, Instant};

/// A flag that ends calls.
pub struct Cancel(CancelToken);

/// How one call can be ended early. Functions take NULL for a call that runs to its end. Calls look at this after every
/// kernel or batch, so they end soon rather than at once.
#[repr(C)]
pub struct Call {
    /// Ends the call when lq_cancel_now is called, or NULL.
    pub cancel: *const Cancel,
    /// Ends the call so many seconds after it began. 0 is no limit, as are negative numbers and infinity.
    pub timeout_seconds: f64,
}

/// Makes a flag.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_cancel_new(out: *mut *mut Cancel) -> Status {
    // SAFETY: the caller gives a valid place.
    outcome(|| unsafe { give(out, || Ok(Cancel(CancelToken::new()))) })
}

/// Ends all calls that have this flag, now and later, from any thread. They return LQ_STATUS_CANCELLED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_cancel_now(cancel: *const Cancel) {
    // SAFETY: the caller gives NULL or a flag that was not freed.
    if let Some(cancel) = unsafe { cancel.as_ref() } {
        cancel.0.cancel();
    }
}

/// Frees a flag. Calls that have it go on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_cancel_free(cancel: *mut Cancel) {
    // SAFETY: the caller gives NULL or a flag that was not freed.
    unsafe { free(cancel) }
}

/// What the library needs of a call.
///
/// # Safety
/// The pointer, and the flag in it, are NULL or valid for reads.
pub(crate) unsafe fn control(call: *const Call) -> Result<Control, Error> {
    // SAFETY: by the promise above.
    let Some(call) = (unsafe { call.as_ref() }) else { return Ok(Control::default()) };
    // SAFETY: likewise.
    let cancel = unsafe { call.cancel.as_ref() }.map(|cancel| cancel.0.clone());
    let seconds = call.timeout_seconds;
    if seconds.is_nan() {
        return Err(usage("timeout_seconds is not a number, expected seconds, or 0 for no limit"));
    }
    // A deadline beyond what the clock can hold is none.
    let time = Duration::try_from_secs_f64(seconds).ok().filter(|_| seconds > 0.0);
    Ok(Control { cancel, deadline: time.and_then(|time| Instant::now().checked_add(time)) })
}
