//! What Ctrl-C and requests to terminate do.

use super::output;
use crate::backend::CancelToken;
use crate::files::remove_temporaries;
use std::sync::{Mutex, PoisonError};

/// Exit code of a program that an interrupt ended, as shells give it.
const INTERRUPTED: i32 = 130;

/// What the next interrupt cancels instead of ending the program.
static CANCELS: Mutex<Option<CancelToken>> = Mutex::new(None);

/// From now on, no interrupt leaves temporary files behind.
pub(super) fn install() {
    // If the handler cannot be installed, an interrupt ends the program at once, as it would without it.
    let _ = ctrlc::set_handler(interrupted);
}

/// Makes the next interrupt cancel `token`, so that the command finishes cleanly; one more ends the program.
pub(super) fn cancels(token: &CancelToken) {
    *CANCELS.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
}

fn interrupted() {
    if let Some(token) = CANCELS.lock().unwrap_or_else(PoisonError::into_inner).take() {
        output::note("stopping; interrupt again to stop at once");
        token.cancel();
        return;
    }
    remove_temporaries();
    std::process::exit(INTERRUPTED);
}
