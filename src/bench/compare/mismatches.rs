//! Digests that differ: a device that computes wrongly, or machines that disagree.

use super::runs::{NamedReport, key};
use crate::bench::report::Cell;

/// Every device that disagrees with its machine's reference, and every machine whose reference disagrees with
/// another's.
pub(super) fn mismatches(runs: &[NamedReport]) -> Vec<String> {
    let mut seen: Vec<(&NamedReport, &Cell)> = Vec::new();
    let mut found = Vec::new();
    for (run, cell) in runs.iter().flat_map(|run| run.report.cells.iter().map(move |cell| (run, cell))) {
        let subject = format!("{}, batch {}", cell.model, cell.batch);
        if let Some(digest) = cell.digest.found.as_ref().filter(|_| cell.is_wrong()) {
            let name = run.device(cell).map_or("?", |device| &device.name);
            let expected = short(&cell.digest.expected);
            found.push(format!("{subject}: {name} of {} gives {}, its reference {expected}", run.name, short(digest)));
        }
        match seen.iter().find(|(_, other)| key(other) == key(cell) && other.source == cell.source) {
            None => seen.push((run, cell)),
            Some((other, before)) if before.digest.expected != cell.digest.expected => {
                let [first, second] = [before, &cell].map(|cell| short(&cell.digest.expected));
                let text =
                    format!("{subject}: the reference of {} gives {first}, that of {} {second}", other.name, run.name);
                // Once per machine, not once per device.
                if !found.contains(&text) {
                    found.push(text);
                }
            }
            Some(_) => {}
        }
    }
    found
}

fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}
