//! Tables in Markdown, to paste into an issue.

use crate::bench::report::Report;

/// A table whose first row is the header; the columns in `right` are aligned there.
pub(super) fn table(rows: &[Vec<String>], right: &[usize]) -> Vec<String> {
    let Some((header, rest)) = rows.split_first() else { return Vec::new() };
    let rule = (0..header.len()).map(|column| if right.contains(&column) { "---:" } else { "---" }.to_owned());
    let line =
        |cells: &[String]| format!("| {} |", cells.iter().map(|cell| escaped(cell)).collect::<Vec<_>>().join(" | "));
    let rule = line(&rule.collect::<Vec<_>>());
    [line(header), rule].into_iter().chain(rest.iter().map(|row| line(row))).collect()
}

/// Which program measured on which machine, and when.
pub(super) fn origin(run: Option<&str>, report: &Report) -> String {
    let host = &report.host;
    let run = run.map_or(String::new(), |run| format!("{}: ", escaped(run)));
    let quick = if report.quick { ", a quick run" } else { "" };
    format!(
        "{run}lq-infer {} on {} ({} threads), {}, {}{quick}",
        escaped(&report.version),
        escaped(&host.cpu),
        host.threads,
        escaped(&host.os),
        escaped(&report.began)
    )
}

/// `text` as Markdown shows it unchanged: what has a meaning there is escaped.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '<' | '>' | '[' | ']' | '&' => escaped.extend(['\\', c]),
            '\r' | '\n' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stay_cells() {
        let rows =
            [vec!["device", "ms"], vec!["a|b <c>", "1.0"]].map(|row| row.into_iter().map(str::to_owned).collect());
        assert_eq!(table(&rows, &[1]), ["| device | ms |", "| --- | ---: |", "| a\\|b \\<c\\> | 1.0 |"]);
    }
}
