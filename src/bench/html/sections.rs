//! The sections of a report's page.

use super::bars::{self, Bar, Group, WIDTHS};
use super::page::{details, facts, paragraph, section};
use super::subjects::{by_subject, device_name, subject};
use super::units::prefixed;
use super::{figures, roofline, timeline};
use crate::bench::report::{Cell, Report};

/// The machine and the program.
pub(super) fn identity(report: &Report) -> String {
    let host = &report.host;
    let memory = host.memory.map_or("unknown".to_owned(), |bytes| format!("{}B", prefixed(bytes as f64)));
    facts(&[
        ("Processor", format!("{}, {} threads", host.cpu, host.threads)),
        ("System", format!("{}, {}", host.os, host.architecture)),
        ("Memory", memory),
        ("Began (UTC)", report.began.clone()),
        ("Version", format!("lq-infer {}", report.version)),
        ("Shaders (SHA-256)", report.shaders.clone()),
    ])
}

/// What a reader must know before reading the figures.
pub(super) fn notices(report: &Report) -> String {
    let mut all = String::new();
    for cell in &report.cells {
        if cell.is_wrong() {
            let text = format!("{} computed wrong logits of {}.", device_name(report, cell), subject(cell));
            all.push_str(&paragraph("notice error", &text));
        }
    }
    if !report.complete {
        all.push_str(&paragraph("notice", "The run was interrupted: some figures are missing."));
    }
    if report.quick {
        all.push_str(&paragraph("notice", "A short run: its figures are less precise than those of a long one."));
    }
    let doubted = report.cells.iter().filter(|c| c.warm.as_ref().is_some_and(|w| !w.noise.is_empty())).count();
    if doubted > 0 {
        let text = format!("{doubted} of {} figures should not be relied on; each says why.", report.cells.len());
        all.push_str(&paragraph("notice", &text));
    }
    all
}

/// A group of bars for each model and batch size, from cells with the label and note of each bar.
pub(super) fn groups<'a>(cells: impl Iterator<Item = (&'a Cell, (String, String))>) -> Vec<Group> {
    let mut groups = Vec::new();
    for (title, cells) in by_subject(cells) {
        let bars = cells.into_iter().map(|(cell, (label, note))| Bar::new(label, cell, note));
        groups.push(Group { title, bars: bars.collect() });
    }
    groups
}

/// The bars, drawn once for each width of the page, below a line on how to read them.
pub(super) fn bars(groups: &[Group], id: &str) -> String {
    let drawings = WIDTHS.map(|(width, class)| {
        let (svg, height) = bars::draw(groups, width, None);
        let title = "Images per second of each device";
        svg.inline(&format!("{id}-{class}"), class, height, title, "The table below has the same figures.")
    });
    paragraph("lead", &format!("Images per second, {READ}.")) + &drawings.concat()
}

/// How to read bars.
pub(super) const READ: &str = "longer is faster; whiskers show the spread; figures with dashed bars and ! are doubtful";

/// The bars of one report.
pub(super) fn report_groups(report: &Report) -> Vec<Group> {
    groups(report.cells.iter().map(|cell| (cell, (device_name(report, cell), String::new()))))
}

/// All sections of a report. `id` makes its element ids unique on the page.
pub(super) fn all(report: &Report, id: &str) -> String {
    let results =
        bars(&report_groups(report), &format!("{id}bars")) + &figures::results(report) + &figures::parts(report);
    [
        section("Results", &results),
        section("First inference", &figures::cold(report, id)),
        launches(report, id),
        section("Devices", &figures::devices(report)),
    ]
    .concat()
}

/// The timeline and roofline of every cell whose launches were timed.
fn launches(report: &Report, id: &str) -> String {
    let mut all = String::new();
    for (at, cell) in report.cells.iter().enumerate() {
        let Some(warm) = cell.warm.as_ref().filter(|warm| !warm.steps.is_empty()) else { continue };
        let name = format!("{} on {}", subject(cell), device_name(report, cell));
        let mut body = paragraph("lead", timeline::clock(warm.clock));
        body.push_str(&timeline::timeline(&warm.steps, &format!("{id}line{at}"), &name));
        let peaks = report.devices.get(cell.device).and_then(|device| device.peaks).unwrap_or_default();
        if let Some(roofline) = roofline::roofline(&warm.steps, &peaks, &format!("{id}roof{at}"), &name) {
            let memory = match peaks.bytes {
                bytes if bytes > 0.0 => {
                    format!(" The slanted line is the speed of its memory, {}B/s.", prefixed(bytes))
                }
                _ => String::new(),
            };
            let text = format!(
                "Each launch and the device's measured peaks.{memory} The launches that take longest are numbered as \
                 in the table. Launches that only move data are not shown."
            );
            body.push_str(&(paragraph("lead", &text) + &roofline));
        }
        let table = timeline::table(&warm.steps, &format!("Launches of {name}, per batch"));
        body.push_str(&details(&format!("All {} launches", warm.steps.len()), false, &table));
        all.push_str(&details(&name, all.is_empty(), &body));
    }
    if all.is_empty() { all } else { section("Launches", &all) }
}
