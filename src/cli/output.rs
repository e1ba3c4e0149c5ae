//! Output: results, notes, errors, progress.

use super::failure::Failure;
use crate::text::{is_unprintable, plain};
use indicatif::{ProgressBar, ProgressStyle};
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

/// Prints an error as one line.
pub(super) fn error(message: &str) {
    let message = message.replace(char::is_control, " ");
    // If standard error is closed, there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "lq-infer: error: {message}");
}

/// Prints a note on standard error.
pub(super) fn note(message: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", plain(message));
}

/// A progress bar on standard error, drawn only on a terminal.
pub(super) fn progress(length: usize, unit: &str) -> ProgressBar {
    let bar = ProgressBar::new(length as u64);
    let template = format!("{{wide_bar}} {{pos}}/{{len}} {unit} {{per_sec}} {{eta}}");
    bar.with_style(ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Shows (done, total) on a bar.
pub(super) fn track(bar: &ProgressBar) -> impl Fn(usize, usize) + Send + Sync + use<> {
    let bar = bar.clone();
    move |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    }
}

/// Left-aligned columns, two spaces apart.
pub(super) fn table(rows: &[Vec<String>]) -> Vec<String> {
    table_of(rows, &[])
}

/// Columns, two spaces apart; those whose indices are in `right` are aligned there.
pub(super) fn table_of(rows: &[Vec<String>], right: &[usize]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|s| s.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let render = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(c, (cell, &width))| match right.contains(&c) {
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(render).collect()
}

/// A number of bytes with a readable unit.
pub(super) fn bytes(n: usize) -> String {
    match n {
        0..1_000 => format!("{n} B"),
        1_000..1_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        _ => format!("{:.2} MB", n as f64 / 1e6),
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
