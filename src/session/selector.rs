//! Which device a caller means.

use super::device::DeviceInfo;
use crate::error::{Error, Result};
use crate::text::did_you_mean;
use std::str::FromStr;

/// Which device to use. Texts are compared without regard to case.
///
/// ```
/// use lq_infer::DeviceSelector;
///
/// assert_eq!(DeviceSelector::from("Vulkan"), DeviceSelector::Api("vulkan".into()));
/// assert_eq!(DeviceSelector::from("2"), DeviceSelector::Index(2));
/// assert_eq!("Radeon".parse(), Ok(DeviceSelector::Name("radeon".into())));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceSelector {
    /// A hardware GPU if there is a usable one, else the CPU. Never a software rasterizer.
    #[default]
    Auto,
    /// The CPU: all threads, its best instructions.
    Cpu,
    /// The CPU with one thread and plain loops, which define the right result.
    CpuReference,
    /// The best GPU: hardware first, then software rasterizers.
    Gpu,
    /// The best adapter of one API: "vulkan", "metal", "dx12" or "gl".
    Api(String),
    /// Index in [`crate::devices`]. A number beyond them is looked up as a name ("4090").
    Index(usize),
    /// A device's id, part of its name ("cpu-avx2") or driver, or its PCI id ("10de:2331").
    Name(String),
}

impl From<&str> for DeviceSelector {
    fn from(text: &str) -> Self {
        let lower = text.trim().to_lowercase();
        match lower.as_str() {
            "auto" => Self::Auto,
            "cpu" => Self::Cpu,
            "cpu-reference" => Self::CpuReference,
            "gpu" => Self::Gpu,
            "vulkan" | "metal" | "dx12" | "gl" => Self::Api(lower),
            _ => lower.parse().map_or(Self::Name(lower), Self::Index),
        }
    }
}

impl FromStr for DeviceSelector {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.into())
    }
}

impl std::fmt::Display for DeviceSelector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::CpuReference => f.write_str("cpu-reference"),
            Self::Gpu => f.write_str("gpu"),
            Self::Index(index) => write!(f, "{index}"),
            Self::Api(text) | Self::Name(text) => f.write_str(text),
        }
    }
}

impl DeviceSelector {
    /// The one of `devices`, which are [`crate::devices`], that would be opened. Those that cannot be used are left
    /// out.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] if none matches.
    pub fn choose<'a>(&self, devices: &'a [DeviceInfo]) -> Result<&'a DeviceInfo> {
        let usable = self.matching(devices.iter()).into_iter().find(|info| info.unusable.is_none());
        usable.ok_or_else(|| self.no_match(devices.iter()))
    }

    /// Whether it means CPUs only, so that GPUs need not be asked for.
    pub(super) fn is_cpu(&self) -> bool {
        matches!(self, DeviceSelector::Cpu | DeviceSelector::CpuReference)
    }

    /// The devices that match, in the order in which they are tried.
    pub(super) fn matching<'a>(&self, devices: impl ExactSizeIterator<Item = &'a DeviceInfo>) -> Vec<&'a DeviceInfo> {
        let by_name = match self {
            DeviceSelector::Index(n) if *n >= devices.len() => Some(DeviceSelector::Name(n.to_string())),
            _ => None,
        };
        let selector = by_name.as_ref().unwrap_or(self);
        let mut matching: Vec<_> = devices.filter(|info| selector.matches(info)).collect();
        if *self == DeviceSelector::Auto {
            // The CPU is listed first and taken last.
            matching.sort_by_key(|info| !info.is_gpu());
        }
        matching
    }

    fn matches(&self, info: &DeviceInfo) -> bool {
        let cpu_named = |name: &str| !info.is_gpu() && info.name == name;
        match self {
            DeviceSelector::Auto => (info.is_hardware_gpu() && info.failed_check.is_none()) || cpu_named("cpu"),
            DeviceSelector::Cpu => cpu_named("cpu"),
            DeviceSelector::CpuReference => cpu_named("cpu-reference"),
            DeviceSelector::Gpu => info.is_gpu(),
            DeviceSelector::Api(api) => info.is_gpu() && info.api.eq_ignore_ascii_case(api),
            DeviceSelector::Index(index) => info.index == *index,
            DeviceSelector::Name(text) => named(info, &text.to_lowercase()),
        }
    }

    pub(super) fn no_match<'a>(&self, devices: impl Iterator<Item = &'a DeviceInfo>) -> Error {
        let devices: Vec<&DeviceInfo> = devices.collect();
        let list = devices.iter().map(|info| format!("{} {}", info.index, info.label()));
        let available = list.collect::<Vec<_>>().join(", ");
        let words = ["auto", "cpu", "cpu-reference", "gpu", "vulkan", "metal", "dx12", "gl"];
        let names = words.into_iter().chain(devices.iter().map(|info| info.name.as_str()));
        let wanted = self.to_string();
        Error::NoAdapter { available: available + &did_you_mean(&wanted, names), wanted }
    }
}

/// Whether `text`, in lower case, is the id, or part of the name, the driver or the PCI id.
fn named(info: &DeviceInfo, text: &str) -> bool {
    let fields = [Some(&info.name), Some(&info.driver), info.pci_id.as_ref()];
    let contains = |field: &String| field.to_lowercase().contains(text);
    // Before, ids of CPUs had an API too.
    let id = info.id.to_lowercase();
    let text = if info.is_gpu() { text } else { text.strip_prefix("cpu:").unwrap_or(text) };
    !text.is_empty() && (id == text || fields.into_iter().flatten().any(contains))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::device::set_ids;

    fn device(name: &str, api: &str) -> DeviceInfo {
        DeviceInfo {
            index: 0,
            id: String::new(),
            name: name.into(),
            api: api.into(),
            driver: "Driver".into(),
            pci_id: (api != "cpu").then(|| "10de:2331".into()),
            software: name == "raster",
            unusable: None,
            failed_check: None,
            processor: None,
            gpu: None,
        }
    }

    fn devices(names: &[(&str, &str)]) -> Vec<DeviceInfo> {
        let mut all: Vec<_> = names.iter().map(|(name, api)| device(name, api)).collect();
        set_ids(all.iter_mut());
        all
    }

    fn chosen(selector: &DeviceSelector, all: &[DeviceInfo]) -> String {
        selector.choose(all).unwrap().name.clone()
    }

    #[test]
    fn automatic_choice_passes_over_devices_that_failed_their_check() {
        let mut all = devices(&[("cpu", "cpu"), ("Fast GPU", "vulkan"), ("Slow GPU", "vulkan"), ("raster", "gl")]);
        let chosen = |all: &[DeviceInfo], text: &str| chosen(&text.parse().unwrap(), all);
        assert_eq!(chosen(&all, "auto"), "Fast GPU");
        all[1].failed_check = Some("bitconv differs".into());
        assert_eq!(chosen(&all, "auto"), "Slow GPU");
        assert!(all[1].passed_over() && !all[2].passed_over());
        // It can still be asked for.
        assert_eq!([chosen(&all, "fast"), chosen(&all, "gpu"), chosen(&all, "1")], ["Fast GPU"; 3]);
        all[2].failed_check = Some("it cannot be compiled".into());
        assert_eq!(chosen(&all, "auto"), "cpu");
        all[3].failed_check = Some("it differs".into());
        assert!(!all[3].passed_over(), "it would not have been taken anyway");
        all[1].unusable = Some("it has no compute shaders".into());
        assert_eq!(chosen(&all, "gpu"), "Slow GPU");
        assert!("fast".parse::<DeviceSelector>().unwrap().choose(&all).is_err());
    }

    #[test]
    fn case_does_not_matter() {
        let all = devices(&[("cpu", "cpu"), ("NVIDIA H100", "vulkan"), ("NVIDIA H100", "gl")]);
        for text in ["NVIDIA", "nvidia h", "10DE:2331", "vulkan:10de:2331:NVIDIA H100"] {
            assert_eq!(DeviceSelector::Name(text.into()).choose(&all).unwrap().index, 1, "{text}");
        }
        assert_eq!(DeviceSelector::Name("DRIVER".into()).choose(&all).unwrap().index, 0);
        assert_eq!(DeviceSelector::Api("Vulkan".into()).choose(&all).unwrap().index, 1);
        assert_eq!(DeviceSelector::Api("GL".into()).choose(&all).unwrap().index, 2);
        assert!(DeviceSelector::Api("cpu".into()).choose(&all).is_err());
        assert!(DeviceSelector::Name(String::new()).choose(&all).is_err());
        // No device has the index 100, but one has it in its name.
        assert_eq!(DeviceSelector::Index(100).choose(&all).unwrap().index, 1);
    }

    #[test]
    fn ids_select_devices() {
        let all = devices(&[("cpu", "cpu"), ("GPU", "vulkan"), ("GPU", "vulkan")]);
        let ids: Vec<_> = all.iter().map(|info| info.id.as_str()).collect();
        assert_eq!(ids, ["cpu", "vulkan:10de:2331:GPU", "vulkan:10de:2331:GPU#2"]);
        for info in &all {
            assert_eq!(DeviceSelector::Name(info.id.clone()).choose(&all).unwrap().index, info.index);
            assert_eq!(info.id.parse::<DeviceSelector>().unwrap().choose(&all).unwrap().index, info.index);
        }
        assert_eq!("cpu:cpu".parse::<DeviceSelector>().unwrap().choose(&all).unwrap().index, 0);
        assert!("vulkan:10de:2331:GPU#3".parse::<DeviceSelector>().unwrap().choose(&all).is_err());
    }
}
