//! What one report says, section by section.

use super::bars::{self, Bar, Group, WIDTHS};
use super::page::{details, facts, paragraph, section};
use super::units::prefixed;
use super::{figures, roofline, timeline};
use crate::bench::report::{Cell, Device, Report};

/// The device of a cell: name and API.
pub fn device_name(report: &Report, cell: &Cell) -> String {
    report.devices.get(cell.device).map_or("?".to_owned(), label)
}

fn label(device: &Device) -> String {
    match device.api.as_str() {
        "cpu" => device.short_name().to_owned(),
        api => format!("{} ({api})", device.short_name()),
    }
}

/// A model at a batch size ("vgg-small 1/2, batch 8"); the name of a random network has its widths already.
pub fn subject(cell: &Cell) -> String {
    match cell.model.ends_with(&cell.bits) {
        true => format!("{}, batch {}", cell.model, cell.batch),
        false => format!("{} {}, batch {}", cell.model, cell.bits, cell.batch),
    }
}

/// The machine and the program.
pub fn identity(report: &Report) -> String {
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

/// What a reader must know before the figures.
pub fn notices(report: &Report) -> String {
    let mut all = String::new();
    for cell in &report.cells {
        if cell.is_wrong() {
            let text = format!("{} computed wrong logits of {}.", device_name(report, cell), subject(cell));
            all.push_str(&paragraph("notice error", &text));
        }
    }
    if !report.complete {
        all.push_str(&paragraph("notice", "The run was interrupted: figures that it did not come to are missing."));
    }
    if report.quick {
        all.push_str(&paragraph("notice", "A short run: its figures are rougher than those of a long one."));
    }
    let doubted = report.cells.iter().filter(|c| c.warm.as_ref().is_some_and(|w| !w.noise.is_empty())).count();
    if doubted > 0 {
        let text = format!("{doubted} of {} figures should not be relied on; each says why.", report.cells.len());
        all.push_str(&paragraph("notice", &text));
    }
    all
}

/// `items` under the subjects of their cells, in the order of their appearance.
pub fn by_subject<'a, T>(items: impl Iterator<Item = (&'a Cell, T)>) -> Vec<(String, Vec<(&'a Cell, T)>)> {
    let mut groups: Vec<(String, Vec<(&Cell, T)>)> = Vec::new();
    for (cell, item) in items {
        let title = subject(cell);
        match groups.iter_mut().find(|group| group.0 == title) {
            Some(group) => group.1.push((cell, item)),
            None => groups.push((title, vec![(cell, item)])),
        }
    }
    groups
}

/// Cells as bars, each with its label and a note.
pub fn groups<'a>(cells: impl Iterator<Item = (&'a Cell, (String, String))>) -> Vec<Group> {
    let mut groups = Vec::new();
    for (title, cells) in by_subject(cells) {
        let bars = cells.into_iter().map(|(cell, (label, note))| Bar::new(label, cell, note));
        groups.push(Group { title, bars: bars.collect() });
    }
    groups
}

/// Bars in every width, and how to read them.
pub fn bars(groups: &[Group], id: &str) -> String {
    let drawings = WIDTHS.map(|(width, class)| {
        let (svg, height) = bars::draw(groups, width, None);
        let title = "Images per second of each device";
        svg.inline(&format!("{id}-{class}"), class, height, title, "The table below has the same figures.")
    });
    paragraph("lead", &format!("Images per second, {READ}.")) + &drawings.concat()
}

/// How to read bars.
pub const READ: &str = "longer is faster; whiskers show the spread, dashed bars are doubted (!)";

/// Bars of one report.
pub fn report_groups(report: &Report) -> Vec<Group> {
    groups(report.cells.iter().map(|cell| (cell, (device_name(report, cell), String::new()))))
}

/// All sections of a report; `id` keeps its ids apart from others of the page.
pub fn all(report: &Report, id: &str) -> String {
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

/// Timeline and roofline of every cell whose launches were timed.
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
                bytes if bytes > 0.0 => format!(" The slope is its memory's {}B/s.", prefixed(bytes)),
                _ => String::new(),
            };
            let text = format!(
                "Each launch below the device's measured peaks.{memory} The numbers are those of the table, of the launches that take \
                 longest. Launches that only move data have no place here."
            );
            body.push_str(&(paragraph("lead", &text) + &roofline));
        }
        let table = timeline::table(&warm.steps, &format!("Launches of {name}, per batch"));
        body.push_str(&details(&format!("All {} launches", warm.steps.len()), false, &table));
        all.push_str(&details(&name, all.is_empty(), &body));
    }
    if all.is_empty() { all } else { section("Launches", &all) }
}
