//! What Ctrl-C and requests to terminate do.

use super::output;
use crate::backend::CancelToken;
use crate::files::remove_temporaries;
use std::sync::{Mutex, PoisonError};

/// Exit code of a program that an interrupt ended, as shells give it.
const INTERRUPTED: i32 = 130;

/// What the next interrupt cancels instead of ending the program.
static CANCELS: Mutex<Option<CancelToken>> = Mutex::new(None);

/// What an interrupt says that ends the program.
static LAST_WORDS: Mutex<Option<String>> = Mutex::new(None);

/// From now on, no interrupt leaves temporary files behind.
pub(super) fn install() {
    // If the handler cannot be installed, an interrupt ends the program at once, as it would without it.
    let _ = ctrlc::set_handler(interrupted);
}

/// Makes the next interrupt cancel `token`, so that the command finishes cleanly; one more ends the program.
pub(super) fn cancels(token: &CancelToken) {
    *CANCELS.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
}

/// Makes an interrupt that ends the program say this first, or nothing.
pub(super) fn says(words: Option<String>) {
    *LAST_WORDS.lock().unwrap_or_else(PoisonError::into_inner) = words;
}

fn interrupted() {
    if let Some(token) = CANCELS.lock().unwrap_or_else(PoisonError::into_inner).take() {
        output::note("stopping; interrupt again to stop at once");
        token.cancel();
        return;
    }
    if let Some(words) = LAST_WORDS.lock().unwrap_or_else(PoisonError::into_inner).take() {
        output::error(&words);
    }
    remove_temporaries();
    std::process::exit(INTERRUPTED);
}
