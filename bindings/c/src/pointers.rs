//! Pointers from C. What can be checked is checked: NULL, text that is not UTF-8, sizes whose product overflows. The rest is
//! the caller's promise, as the header states it.

use crate::status::usage;
use lq_infer::Error;
use std::ffi::{CStr, c_char};

/// What a pointer points at.
///
/// # Safety
/// It is NULL or valid for reads as long as the result is used.
pub(crate) unsafe fn required<'a, T>(pointer: *const T, name: &str) -> Result<&'a T, Error> {
    // SAFETY: by the promise above.
    unsafe { pointer.as_ref() }.ok_or_else(|| usage(format!("{name} is NULL")))
}

/// An array of `count` elements, which may be NULL if it has none.
///
/// # Safety
/// It is NULL or valid for reads of so many elements as long as the result is used.
pub(crate) unsafe fn array<'a, T>(pointer: *const T, count: usize, name: &str) -> Result<&'a [T], Error> {
    bounded::<T>(count, name)?;
    match (pointer.is_null(), count) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(usage(format!("{name} is NULL"))),
        // SAFETY: by the promise above; its size was checked.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(pointer, count) }),
    }
}

/// The same for an array to write to.
///
/// # Safety
/// It is NULL or valid for writes of so many elements as long as the result is used, and nothing else accesses it.
pub(crate) unsafe fn array_mut<'a, T>(pointer: *mut T, count: usize, name: &str) -> Result<&'a mut [T], Error> {
    bounded::<T>(count, name)?;
    match (pointer.is_null(), count) {
        (_, 0) => Ok(&mut []),
        (true, _) => Err(usage(format!("{name} is NULL"))),
        // SAFETY: by the promise above; its size was checked.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts_mut(pointer, count) }),
    }
}

/// The first `needed` elements of an array to write to, which messages call `what`.
pub(crate) fn room_for<'a, T>(out: &'a mut [T], needed: usize, what: &str) -> Result<&'a mut [T], Error> {
    let found = out.len();
    let problem = || usage(format!("there is room for {found} {what}, expected at least {needed}"));
    out.get_mut(..needed).ok_or_else(problem)
}

fn bounded<T>(count: usize, name: &str) -> Result<(), Error> {
    match count.checked_mul(size_of::<T>()).is_some_and(|bytes| isize::try_from(bytes).is_ok()) {
        true => Ok(()),
        false => Err(usage(format!("{name} cannot have {count} elements"))),
    }
}

/// A text, if there is one.
///
/// # Safety
/// It is NULL or ends with a zero byte, and is valid for reads as long as the result is used.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<Option<&'a str>, Error> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: by the promise above.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map(Some).map_err(|_| usage(format!("{name} is not UTF-8")))
}

/// Gives an object to the caller. `out` is NULL only by mistake, and then nothing is made.
///
/// # Safety
/// It is NULL or valid for writes.
pub(crate) unsafe fn give<T>(out: *mut *mut T, make: impl FnOnce() -> Result<T, Error>) -> Result<(), Error> {
    if out.is_null() {
        return Err(usage("the place for the result is NULL"));
    }
    let made = make().map(Box::new).map(Box::into_raw);
    // SAFETY: by the promise above. After an error the caller finds NULL, which may be freed.
    unsafe { out.write(*made.as_ref().unwrap_or(&std::ptr::null_mut())) };
    made.map(drop)
}

/// Frees what [`give`] gave.
///
/// # Safety
/// It is NULL or comes from [`give`], and is not used any more.
pub(crate) unsafe fn free<T>(pointer: *mut T) {
    if !pointer.is_null() {
        // SAFETY: by the promise above.
        drop(unsafe { Box::from_raw(pointer) });
    }
}
