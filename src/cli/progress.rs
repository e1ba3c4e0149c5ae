//! Progress on standard error: a bar on a terminal, elsewhere a line now and then for what takes long.

use super::messages::{Level, note, says};
use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time between two lines.
const EVERY: Duration = Duration::from_secs(10);

/// How far a command is. Clones show the same.
#[derive(Clone)]
pub(super) struct Progress {
    bar: ProgressBar,
    /// Where lines are printed instead of a bar: what is counted, and when the last line was printed.
    lines: Option<Arc<(String, Mutex<Instant>)>>,
}

impl Progress {
    /// A bar that is drawn on a terminal only. A length of 0 is not known yet.
    pub(super) fn bar(length: usize, unit: &str) -> Self {
        let bar = if says(Level::Usual) { ProgressBar::new(length as u64) } else { ProgressBar::hidden() };
        let template = format!("{{wide_bar}} {{pos}}/{{len}} {unit} {{rate}}{{left}}{{msg}}");
        let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let style = style.with_key("rate", rate).with_key("left", left);
        Progress { bar: bar.with_style(style), lines: None }
    }

    /// A bar, or lines where there is no terminal.
    pub(super) fn bar_or_lines(length: usize, unit: &str) -> Self {
        let lines = !std::io::stderr().is_terminal() && says(Level::Usual);
        let start = || Arc::new((unit.to_owned(), Mutex::new(Instant::now())));
        Progress { lines: lines.then(start), ..Self::bar(length, unit) }
    }

    /// `count` more are done.
    pub(super) fn inc(&self, count: u64) {
        self.bar.inc(count);
        self.tell();
    }

    /// So many of so many are done.
    pub(super) fn set(&self, done: usize, total: usize) {
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
        self.tell();
    }

    /// Says what the numbers do not.
    pub(super) fn message(&self, message: String) {
        self.bar.set_message(message);
    }

    /// Takes the bar away while `print` writes to the terminal.
    pub(super) fn suspend(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    /// Removes the bar.
    pub(super) fn finish_and_clear(&self) {
        self.bar.finish_and_clear();
    }

    fn tell(&self) {
        let Some((unit, last)) = self.lines.as_deref() else { return };
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= EVERY {
            *last = Instant::now();
            let message = self.bar.message();
            let message = if message.is_empty() { message } else { format!(": {message}") };
            let (done, total) = (self.bar.position(), self.bar.length().unwrap_or(0));
            let left = remaining(self.bar.eta()).map_or(String::new(), |left| format!(", about {left}"));
            note(&format!("{done}/{total} {unit}{left}{message}"));
        }
    }
}

/// How much is done in a second, if more than one: in whole numbers, which do not move what is beside them.
fn rate(state: &ProgressState, to: &mut dyn std::fmt::Write) {
    let rate = state.per_sec();
    if rate >= 1.0 {
        let _ = write!(to, "{rate:.0}/s ");
    }
}

/// The time left, once it can be told.
fn left(state: &ProgressState, to: &mut dyn std::fmt::Write) {
    if let Some(left) = remaining(state.eta()).filter(|_| state.len().is_some_and(|length| state.pos() < length)) {
        let _ = write!(to, "{left} ");
    }
}

/// Words for the time that is left if the rest goes on as it does now; none if that is not known.
fn remaining(left: Duration) -> Option<String> {
    (!left.is_zero()).then(|| format!("{} left", HumanDuration(left)))
}
