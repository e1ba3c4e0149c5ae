//! What the program says on standard error beside its results.

use crate::text::plain;
use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering};

/// How much is said on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Errors only.
    Quiet,
    /// Errors, notes and progress.
    Usual,
    /// Also what is used and how.
    Verbose,
}

/// The level of this process, set once before anything is printed.
static LEVEL: AtomicU8 = AtomicU8::new(Level::Usual as u8);

/// Sets how much is said.
pub(super) fn set_level(level: Level) {
    LEVEL.store(level as u8, Ordering::Relaxed);
}

/// Whether it is said at this level.
pub(super) fn says(level: Level) -> bool {
    LEVEL.load(Ordering::Relaxed) >= level as u8
}

/// Whether everything should be said.
pub(super) fn is_verbose() -> bool {
    says(Level::Verbose)
}

/// Prints an error as one line.
pub(super) fn error(message: &str) {
    let message = message.replace(char::is_control, " ");
    // If standard error is closed, there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "lq-infer: error: {message}");
}

/// Prints a note on standard error, unless that should be quiet.
pub(super) fn note(message: &str) {
    if says(Level::Usual) {
        let _ = writeln!(std::io::stderr().lock(), "{}", plain(message));
    }
}

/// Prints what only those want to know who ask for it.
pub(super) fn detail(message: impl FnOnce() -> String) {
    if says(Level::Verbose) {
        note(&message());
    }
}
