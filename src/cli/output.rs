//! What people and programs see.

use super::failure::Failure;
use crate::text::plain;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write;

/// Prints one line of results. Names come from files of others: what would steer a terminal is not passed on.
pub fn line(text: &str) -> Result<(), Failure> {
    exactly(&plain(text))
}

/// Prints a line as it is. A reader that went away (a closed pipe) ends the command quietly.
fn exactly(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Err(Failure { code: 0, message: None }),
        Err(e) => Err(Failure::new(1, format!("standard output: {e}"))),
    }
}

/// Prints a value as one line of JSON.
pub fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value);
    exactly(&text.map_err(|e| Failure::new(1, format!("cannot write JSON: {e}")))?)
}

/// Prints an error as one line.
pub fn error(message: &str) {
    let message = message.replace(char::is_control, " ");
    // Nothing sensible can be done if standard error is closed.
    let _ = writeln!(std::io::stderr().lock(), "lq-infer: error: {message}");
}

/// Prints a remark that is no result.
pub fn note(message: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", plain(message));
}

/// A progress bar on standard error, drawn only on a terminal.
pub fn progress(length: usize, unit: &str) -> ProgressBar {
    let bar = ProgressBar::new(length as u64);
    let template = format!("{{wide_bar}} {{pos}}/{{len}} {unit} {{per_sec}} {{eta}}");
    bar.with_style(ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Shows (done, total) on a bar.
pub fn track(bar: &ProgressBar) -> impl Fn(usize, usize) + Send + Sync + use<> {
    let bar = bar.clone();
    move |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    }
}

/// Left-aligned columns, two spaces apart.
pub fn table(rows: &[Vec<String>]) -> Vec<String> {
    table_of(rows, &[])
}

/// Columns, two spaces apart; those whose indices are in `right` are aligned there.
pub fn table_of(rows: &[Vec<String>], right: &[usize]) -> Vec<String> {
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

/// Bytes for people.
pub fn bytes(n: usize) -> String {
    match n {
        0..1_000 => format!("{n} B"),
        1_000..1_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        _ => format!("{:.2} MB", n as f64 / 1e6),
    }
}
