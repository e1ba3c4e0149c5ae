//! Labels of bars: a run, a device and its API, in as much room as there is.

use super::svg::{Size, width};
use crate::bench::names::{shorter, without_middle};

/// Lengths to which the name of a run is shortened, one after the other.
const RUN_LENGTHS: [usize; 4] = [usize::MAX, 24, 16, 10];

/// What a bar is about.
#[derive(Clone, Debug)]
pub(super) struct Label {
    /// The run, where there are several.
    pub run: Option<String>,
    /// The device's name.
    pub device: String,
    /// The API, unless the device is a CPU.
    pub api: Option<String>,
}

impl Label {
    /// All of it.
    pub(super) fn whole(&self) -> String {
        self.with(usize::MAX, &self.device)
    }

    /// As much as fits `room` pixels. The device's model number, the API and both ends of the run's name stay.
    pub(super) fn fitted(&self, room: f64, size: Size) -> String {
        let names = shorter(&self.device);
        let names = &names;
        let forms = RUN_LENGTHS.iter().flat_map(move |&length| names.iter().map(move |name| self.with(length, name)));
        let mut fitting = forms.clone().filter(|form| width(form, size) <= room);
        // If nothing fits, the drawing cuts the shortest.
        fitting.next().or_else(|| forms.last()).unwrap_or_default()
    }

    fn with(&self, run: usize, device: &str) -> String {
        let run = self.run.as_deref().map_or(String::new(), |name| format!("{}: ", without_middle(name, run)));
        let api = self.api.as_deref().map_or(String::new(), |api| format!(" ({api})"));
        format!("{run}{device}{api}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_numbers_and_runs_are_told_apart_in_little_room() {
        let label = |run: &str, device: &str| Label {
            run: Some(run.into()),
            device: device.into(),
            api: Some("vulkan".into()),
        };
        for room in [150.0, 200.0, 268.0, 330.0] {
            let forms = ["NVIDIA GeForce RTX 3060", "NVIDIA GeForce RTX 3090"]
                .map(|device| label("workstation-before-2026-11-25", device).fitted(room, Size::Label));
            assert_ne!(forms[0], forms[1], "{room}");
            assert!(forms[0].contains("3060") && forms[1].ends_with(" (vulkan)"), "{forms:?}");
        }
        let short = label("a", "NVIDIA GeForce RTX 3060").fitted(268.0, Size::Label);
        assert_eq!(short, "a: NVIDIA GeForce RTX 3060 (vulkan)");
        assert_eq!(label("a", "cpu").whole(), "a: cpu (vulkan)");
    }
}
