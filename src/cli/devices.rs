//! `lq-infer devices`

use super::{DevicesArgs, Outcome, output};
use crate::session::devices;

/// Runs the command.
pub fn run(args: &DevicesArgs) -> Outcome {
    let devices = devices();
    if args.json {
        return devices.iter().try_for_each(output::json);
    }
    let header = ["", "name", "api", "kind", "pci id", "driver"].map(str::to_owned).to_vec();
    let rows = devices.iter().map(|d| {
        let kind = match (&d.unusable, d.api.as_str(), d.software) {
            (Some(reason), _, _) => format!("unusable: {reason}"),
            (None, "cpu", _) => "processor".into(),
            (None, _, true) => "software".into(),
            (None, _, false) => "hardware".into(),
        };
        let pci = d.pci_id.clone().unwrap_or_default();
        vec![d.index.to_string(), d.name.clone(), d.api.clone(), kind, pci, d.driver.clone()]
    });
    let rows: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    output::table(&rows).iter().try_for_each(|line| output::line(line))
}
