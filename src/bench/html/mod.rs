//! Reports as web pages. Each is a single file that fetches nothing and runs no code.

mod bars;
mod comparison;
mod curve;
mod escape;
mod figures;
mod label;
mod page;
mod roofline;
mod scale;
mod sections;
mod stack;
mod subjects;
mod svg;
mod table;
mod timeline;
mod units;

pub use comparison::comparison;
pub use curve::learning_curve;

use super::compare::Comparison;
use super::names::Names;
use super::report::Report;
use bars::{Group, WIDTHS};
use escape::{element, escape};

/// A page that shows a report, with the devices of its only run compared with each other.
pub fn report(compared: &Comparison) -> String {
    let Some(report) = compared.runs.first().map(|run| &run.report) else { return String::new() };
    let (names, title) = (compared.names(), format!("lq-infer on {}", report.host.cpu));
    let mut body = element("h1", &[], &escape(&title)) + &page::paragraph("lead", &scope(&names, report));
    let ratios = figures::ratios(compared);
    body.push_str(&sections::identity(report));
    body.push_str(&sections::notices(&names, report));
    body.push_str(&sections::all(&names, report, ratios.as_deref(), ""));
    body.push_str(&page::section("Data", &page::csv("benchmark.csv", &report.csv())));
    page::page(&title, &body, &serde_json::to_string(report).unwrap_or_default())
}

/// What was measured, in one sentence.
fn scope(names: &Names, report: &Report) -> String {
    let models = distinct(report.cells.iter().map(|cell| names.model(cell)));
    let batches = distinct(report.cells.iter().map(|cell| cell.batch.to_string()));
    let devices = distinct(report.devices.iter().map(|device| names.device(device)));
    format!("{models}; batch size {batches}; on {devices}.")
}

/// Joins the texts, each of them once.
fn distinct(texts: impl Iterator<Item = String>) -> String {
    let mut found: Vec<String> = Vec::new();
    texts.for_each(|text| {
        if !found.contains(&text) {
            found.push(text);
        }
    });
    found.join(", ")
}

/// The bars of a report as an SVG file, with colours for light and dark mode.
pub fn report_svg(report: &Report) -> String {
    let remark = format!("images/s, {}; {}, lq-infer {}", sections::READ, report.host.cpu, report.version);
    drawing(&sections::report_groups(&Names::of([report]), report), &remark)
}

/// The bars of several runs as an SVG file.
pub fn comparison_svg(comparison: &Comparison) -> String {
    drawing(&comparison::comparison_groups(comparison), &format!("images/s, {}", sections::READ))
}

fn drawing(groups: &[Group], remark: &str) -> String {
    let title = "lq-infer: images per second";
    let (svg, height) = bars::draw(groups, WIDTHS[0].0, Some((title, remark)));
    svg.file(height, title, remark, page::CHART)
}

#[cfg(test)]
mod tests;
