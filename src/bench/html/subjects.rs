//! What figures are about: names of devices and networks, and cells grouped by model and batch size.

use crate::bench::report::{Cell, Device, Report};

/// The name and API of a cell's device.
pub(super) fn device_name(report: &Report, cell: &Cell) -> String {
    report.devices.get(cell.device).map_or("?".to_owned(), label)
}

fn label(device: &Device) -> String {
    match device.api.as_str() {
        "cpu" => device.short_name().to_owned(),
        api => format!("{} ({api})", device.short_name()),
    }
}

/// A model at a batch size ("vgg-small 1/2, batch 8"). Names of random networks already include their widths.
pub(super) fn subject(cell: &Cell) -> String {
    match cell.model.ends_with(&cell.bits) {
        true => format!("{}, batch {}", cell.model, cell.batch),
        false => format!("{} {}, batch {}", cell.model, cell.bits, cell.batch),
    }
}

/// Groups `items` by the subjects of their cells, in order of first appearance.
pub(super) fn by_subject<'a, T>(items: impl Iterator<Item = (&'a Cell, T)>) -> Vec<(String, Vec<(&'a Cell, T)>)> {
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
