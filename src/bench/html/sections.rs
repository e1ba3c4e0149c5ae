//! The sections of a report's page.

use super::bars::{self, Bar, Group, WIDTHS};
use super::label::Label;
use super::page::{details, facts, paragraph, section};
use super::subjects::{by_subject, device_name, label, subject};
use super::units::prefixed;
use super::{figures, roofline, timeline};
use crate::bench::layers::is_disturbed;
use crate::bench::names::Names;
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
        ("Shaders", report.shaders.chars().take(12).collect()),
    ])
}

/// What a reader must know before reading the figures.
pub(super) fn notices(names: &Names, report: &Report) -> String {
    let mut all = String::new();
    for cell in &report.cells {
        if cell.is_wrong() {
            let text =
                format!("{} computed wrong logits of {}.", device_name(names, report, cell), subject(names, cell));
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
pub(super) fn groups<'a>(names: &Names, cells: impl Iterator<Item = (&'a Cell, (Label, String))>) -> Vec<Group> {
    let mut groups = Vec::new();
    for (title, cells) in by_subject(names, cells) {
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
pub(super) fn report_groups(names: &Names, report: &Report) -> Vec<Group> {
    groups(names, report.cells.iter().map(|cell| (cell, (label(names, report, cell, None), String::new()))))
}

/// All sections of a report. `ratios` compare its devices with each other; `id` makes its element ids unique on the
/// page.
pub(super) fn all(names: &Names, report: &Report, ratios: Option<&[Option<f64>]>, id: &str) -> String {
    let bars = bars(&report_groups(names, report), &format!("{id}bars"));
    let results = bars + &figures::results(names, report, ratios) + &figures::parts(names, report);
    [
        section("Results", &results),
        section("First inference", &figures::cold(names, report, id)),
        launches(names, report, id),
        section("Devices", &figures::devices(report)),
    ]
    .concat()
}

/// What is said instead of a comparison with peaks that launches exceed.
const DISTURBED: &str = "Each launch. These are faster than the peaks that the device's probes found, so something \
                         disturbed the probes: no peaks are drawn, and no shares of them given.";

/// The timeline and roofline of every cell whose launches were timed.
fn launches(names: &Names, report: &Report, id: &str) -> String {
    let mut all = String::new();
    for (at, cell) in report.cells.iter().enumerate() {
        let Some(warm) = cell.warm.as_ref().filter(|warm| !warm.steps.is_empty()) else { continue };
        let name = format!("{} on {}", subject(names, cell), device_name(names, report, cell));
        let mut body = paragraph("lead", timeline::clock(warm.clock));
        body.push_str(&timeline::timeline(&warm.steps, &format!("{id}line{at}"), &name));
        let device = report.devices.get(cell.device);
        let launch = device.and_then(|device| device.launch).unwrap_or_default();
        let disturbed = is_disturbed(&warm.steps, launch);
        // Peaks that launches exceed are not worth drawing.
        let peaks = device.and_then(|device| device.peaks).filter(|_| !disturbed).unwrap_or_default();
        if let Some(roofline) = roofline::roofline(&warm.steps, &peaks, &format!("{id}roof{at}"), &name) {
            let memory = match peaks.bytes {
                bytes if bytes > 0.0 => {
                    format!(" The slanted line is the speed of its memory, {}B/s.", prefixed(bytes))
                }
                _ => String::new(),
            };
            let what = if disturbed { DISTURBED } else { "Each launch and the device's measured peaks." };
            let text = format!(
                "{what}{memory} The launches that take longest are numbered as in the table. Launches that only move \
                 data are not shown."
            );
            body.push_str(&(paragraph("lead", &text) + &roofline));
        }
        let table = timeline::table(&warm.steps, !disturbed, &format!("Launches of {name}, per batch"));
        body.push_str(&details(&format!("All {} launches", warm.steps.len()), false, &table));
        all.push_str(&details(&name, all.is_empty(), &body));
    }
    if all.is_empty() { all } else { section("Launches", &all) }
}
