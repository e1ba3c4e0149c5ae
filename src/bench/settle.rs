//! Measures a device's peaks again where launches exceed them.

use super::ceiling::Ceiling;
use super::device::Opened;
use super::layers::is_disturbed;
use super::report::{Cell, Device};

/// How often peaks are measured again at most.
const ATTEMPTS: usize = 4;

/// Compares the launches of `cells`, which were measured on `device`, with the device's peaks. Where launches are faster
/// than these allow, the probes were disturbed and are repeated; the best of each counts. Afterwards all cells are
/// bound by the same peaks. If they still exceed them, explanations and pages say so and conclude nothing.
pub fn settle(device: &mut Device, opened: &mut Opened, cells: &mut [Cell]) {
    let before = opened.ceiling;
    for probe in cells.iter().filter_map(|cell| cell.warm.as_ref()).flat_map(|warm| warm.probe) {
        // The same probe as that of the peak.
        opened.ceiling.peaks.words = opened.ceiling.peaks.words.max(probe);
    }
    bind(cells, &opened.ceiling);
    for _ in 0..ATTEMPTS {
        if !exceeded(cells, &opened.ceiling) {
            break;
        }
        // A device that fails now keeps the peaks that it has.
        let Ok(again) = Ceiling::of(&opened.engine) else { break };
        opened.ceiling = opened.ceiling.best(again);
        bind(cells, &opened.ceiling);
    }
    if opened.ceiling != before {
        device.peaks = Some(opened.ceiling.peaks);
        device.launch = Some(opened.ceiling.launch);
    }
}

fn exceeded(cells: &[Cell], ceiling: &Ceiling) -> bool {
    let mut steps = cells.iter().filter_map(|cell| cell.warm.as_ref()).map(|warm| &warm.steps);
    steps.any(|steps| is_disturbed(steps, ceiling.launch))
}

fn bind(cells: &mut [Cell], ceiling: &Ceiling) {
    let steps = cells.iter_mut().filter_map(|cell| cell.warm.as_mut()).flat_map(|warm| &mut warm.steps);
    steps.for_each(|step| step.bind(ceiling));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::{Bound, Peaks, sample};
    use crate::session::{DeviceSelector, Engine};

    #[test]
    fn disturbed_peaks_are_measured_again() {
        let engine = Engine::builder().device(DeviceSelector::Cpu).build().unwrap();
        // Nothing counts as slowly as that.
        let ceiling = Ceiling { peaks: Peaks { words: 1.0, byte_products: 1.0, bytes: 1.0 }, launch: 1e-9 };
        let (mut opened, report) = (Opened { engine, ceiling }, sample::full());
        let (mut device, mut cells) = (report.devices[0].clone(), vec![report.cells[0].clone()]);
        let warm = cells[0].warm.as_mut().unwrap();
        warm.probe = [1.0; 2];
        warm.steps.retain(|step| step.words > 0.0);
        for step in &mut warm.steps {
            // A thousandth of what any processor counts.
            (step.words, step.seconds, step.byte_products) = (1e3, 1e-3, 0.0);
        }
        bind(&mut cells, &opened.ceiling);
        assert!(exceeded(&cells, &opened.ceiling));
        settle(&mut device, &mut opened, &mut cells);
        assert!(!exceeded(&cells, &opened.ceiling));
        assert_eq!(device.peaks, Some(opened.ceiling.peaks));
        assert!(opened.ceiling.peaks.words > 1e6, "{:?}", opened.ceiling);
        let step = &cells[0].warm.as_ref().unwrap().steps[0];
        assert!(step.share <= 1.1 && (step.bound != Bound::Memory || step.share > 0.0), "{step:?}");
    }
}
