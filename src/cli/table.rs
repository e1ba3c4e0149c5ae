//! Tables that fit the terminal.

use crate::text::wrapped;
use std::ops::Range;

/// Spaces between columns.
const GAP: usize = 2;
/// Spaces before the lines of a row after its first.
const INDENT: usize = 4;
/// A terminal is taken to be at least this wide.
const LEAST: usize = 24;

/// The longest line that fits: the width of the terminal. Where the output goes elsewhere, `COLUMNS` if that is set;
/// else there is no limit, since whoever reads it wants a row on one line.
pub(super) fn room() -> usize {
    let terminal = console::Term::stdout();
    let columns = || std::env::var("COLUMNS").ok()?.trim().parse().ok();
    let width = match terminal.is_term() {
        true => terminal.size_checked().map(|(_, columns)| usize::from(columns)),
        false => columns(),
    };
    width.filter(|&width| width > 0).map_or(usize::MAX, |width| width.max(LEAST))
}

/// `most`, or the width of the terminal if that is less.
pub(super) fn line(most: usize) -> usize {
    most.min(room())
}

/// How wide the rows are on one line each.
pub(super) fn width(rows: &[Vec<String>]) -> usize {
    let widths = widths(rows);
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

/// The lines of each row. Columns are aligned, on the right those whose indices are in `right`. A row that is wider than
/// `room` is divided between columns, in the same way for all rows, and continues on indented lines.
pub(super) fn fitted(rows: &[Vec<String>], right: &[usize], room: usize) -> Vec<Vec<String>> {
    let widths = widths(rows);
    let bands = bands(&widths, room);
    let cell = |row: &[String], column: usize| {
        let (text, width) = (row.get(column).map_or("", String::as_str), widths[column]);
        if right.contains(&column) { format!("{text:>width$}") } else { format!("{text:<width$}") }
    };
    let line = |row: &[String], band: &Range<usize>| {
        let indent = " ".repeat(if band.start == 0 { 0 } else { INDENT });
        let cells: Vec<String> = band.clone().map(|column| cell(row, column)).collect();
        let text = format!("{indent}{}", cells.join(&" ".repeat(GAP)));
        match text.trim_end() {
            "" if band.start > 0 => Vec::new(),
            text if text.chars().count() > room => wrapped(text, &indent, room),
            text => vec![text.to_owned()],
        }
    };
    rows.iter().map(|row| bands.iter().flat_map(|band| line(row, band)).collect()).collect()
}

/// The width of each column.
fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|s| s.chars().count()).max().unwrap_or(0);
    (0..columns).map(width).collect()
}

/// The columns of each line of a row.
fn bands(widths: &[usize], room: usize) -> Vec<Range<usize>> {
    let (mut bands, mut start, mut used) = (Vec::new(), 0, 0);
    for (column, width) in widths.iter().enumerate() {
        let with = if column == start { used + width } else { used + GAP + width };
        used = match column > start && with > room {
            true => {
                bands.push(start..column);
                start = column;
                INDENT + width
            }
            false => with,
        };
    }
    bands.push(start..widths.len());
    bands
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect()
    }

    #[test]
    fn a_table_that_fits_has_one_line_for_each_row() {
        let table = rows(&[&["name", "n"], &["a long name", "12"], &["b", ""]]);
        let lines = fitted(&table, &[1], width(&table)).concat();
        assert_eq!(lines, ["name          n", "a long name  12", "b"]);
        assert_eq!(fitted(&table, &[1], usize::MAX).concat(), lines);
    }

    #[test]
    fn wide_rows_continue_between_columns() {
        let table = rows(&[&["device", "api", "ms"], &["RTX 3060", "vulkan", "1.25"], &["RTX 3090", "", ""]]);
        let expected = [vec!["device    api", "      ms"], vec!["RTX 3060  vulkan", "    1.25"], vec!["RTX 3090"]];
        assert_eq!(fitted(&table, &[2], 17), expected);
        for room in 24..60 {
            let lines = fitted(&table, &[], room).concat();
            assert!(lines.iter().all(|line| line.len() <= room), "{lines:?}");
        }
    }

    #[test]
    fn a_cell_that_is_longer_than_a_line_is_wrapped_at_spaces() {
        let table = rows(&[&["cpu", "unusable: its driver is too old for this"]]);
        assert_eq!(
            fitted(&table, &[], 24).concat(),
            ["cpu", "    unusable: its driver", "      is too old for", "      this"]
        );
    }
}
