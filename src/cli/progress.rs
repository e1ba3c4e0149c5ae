//! Progress on standard error: a bar on a terminal, elsewhere a line now and then for what takes long.

use super::messages::{Level, note, says};
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
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
        let template = format!("{{wide_bar}} {{pos}}/{{len}} {unit} {{per_sec}} {{eta}} {{msg}}");
        let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
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
            note(&format!("{done}/{total} {unit}{}{message}", self.left()));
        }
    }

    /// The time that is left if the rest goes on as it does now, as far as that is known.
    fn left(&self) -> String {
        let left = self.bar.eta();
        if left.is_zero() { String::new() } else { format!(", about {} left", HumanDuration(left)) }
    }
}
