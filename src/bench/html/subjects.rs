//! What figures are about: names of devices and networks, and cells grouped by model and batch size.

use super::label::Label;
use crate::bench::names::Names;
use crate::bench::report::{Cell, Report};

/// The name and API of a cell's device.
pub(super) fn device_name(names: &Names, report: &Report, cell: &Cell) -> String {
    label(names, report, cell, None).whole()
}

/// The same as a label, with the name of the run if there are several.
pub(super) fn label(names: &Names, report: &Report, cell: &Cell, run: Option<&str>) -> Label {
    let device = report.devices.get(cell.device);
    Label {
        run: run.map(str::to_owned),
        device: device.map_or("?".to_owned(), |device| names.device(device)),
        api: device.map(|device| device.api.clone()).filter(|api| api != "cpu"),
    }
}

/// A model at a batch size ("vgg-small 1/2, batch 8"). Names of random networks already include their widths.
pub(super) fn subject(names: &Names, cell: &Cell) -> String {
    let model = names.model(cell);
    match cell.model.ends_with(&cell.bits) {
        true => format!("{model}, batch {}", cell.batch),
        false => format!("{model} {}, batch {}", cell.bits, cell.batch),
    }
}

/// Groups `items` by the subjects of their cells, in order of first appearance.
pub(super) fn by_subject<'a, T>(
    names: &Names,
    items: impl Iterator<Item = (&'a Cell, T)>,
) -> Vec<(String, Vec<(&'a Cell, T)>)> {
    let mut groups: Vec<(String, Vec<(&Cell, T)>)> = Vec::new();
    for (cell, item) in items {
        let title = subject(names, cell);
        match groups.iter_mut().find(|group| group.0 == title) {
            Some(group) => group.1.push((cell, item)),
            None => groups.push((title, vec![(cell, item)])),
        }
    }
    groups
}
