//! Output: results, notes, errors, progress.

pub(super) use super::messages::{detail, error, is_verbose, note};
pub(super) use crate::text::bytes;

use super::failure::Failure;
use super::progress::Progress;
use super::table;
use crate::text::{is_unprintable, plain};
use std::io::Write;

/// Prints one line of results, without control characters: names come from files of unknown origin.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    exactly(&plain(text))
}

/// Prints a line as it is. A closed pipe ends the command quietly.
fn exactly(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Err(Failure { code: 0, message: None }),
        Err(e) => Err(Failure::new(1, format!("standard output: {e}"))),
    }
}

/// Prints text of this program that has several lines.
pub(super) fn text(text: &str) -> Result<(), Failure> {
    exactly(text)
}

/// Prints a value as one line of JSON.
pub(super) fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value);
    exactly(&escaped(&text.map_err(|e| Failure::new(1, format!("cannot write JSON: {e}")))?))
}

/// JSON without the characters that control terminals or hide text. JSON needs no escapes for those beyond ASCII, and
/// they occur in strings only.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if is_unprintable(c) && u32::from(c) <= 0xffff {
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text
}

/// A progress bar on standard error, drawn only on a terminal.
pub(super) fn progress(length: usize, unit: &str) -> Progress {
    Progress::bar(length, unit)
}

/// A progress bar on standard error, or a line now and then where that is no terminal.
pub(super) fn long_progress(length: usize, unit: &str) -> Progress {
    Progress::bar_or_lines(length, unit)
}

/// Shows (done, total) on a bar.
pub(super) fn track(bar: &Progress) -> impl Fn(usize, usize) + Send + Sync + use<> {
    let bar = bar.clone();
    move |done, total| bar.set(done, total)
}

/// Left-aligned columns, two spaces apart, in lines that fit the terminal.
pub(super) fn table(rows: &[Vec<String>]) -> Vec<String> {
    table_of(rows, &[])
}

/// Columns, two spaces apart, in lines that fit the terminal; those whose indices are in `right` are aligned there.
pub(super) fn table_of(rows: &[Vec<String>], right: &[usize]) -> Vec<String> {
    table::fitted(rows, right, table::room()).concat()
}

/// A large number with a readable unit.
pub(super) fn count(n: u64) -> String {
    match n {
        0..1_000 => n.to_string(),
        1_000..1_000_000 => format!("{:.1} k", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} M", n as f64 / 1e6),
        _ => format!("{:.2} G", n as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_controls_no_terminal_and_says_the_same() {
        let label = "a\u{9b}5n\u{202e}b\u{1b}[2J\n\u{fffd}\u{1f600}";
        let text = escaped(&serde_json::to_string(label).unwrap());
        assert!(!text.contains(|c: char| is_unprintable(c) || c == '\n'), "{text:?}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), label);
    }
}
