//! Names of devices and models for tables and drawings: short, but never so short that two of them look alike.

use super::report::{Cell, Device, Report};
use std::collections::{HashMap, HashSet};

/// Words at the beginning of names that say who made a device and for whom, not which it is.
const MAKERS: [&str; 12] = [
    "nvidia", "geforce", "amd", "radeon", "(tm)", "intel", "intel(r)", "arc", "arc(tm)", "apple", "qualcomm", "adreno",
];

/// Characters of a file's hash that tell models of one name apart.
const HASH: usize = 8;

/// Which short names are those of one device, or model, only.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// The full names of devices behind each short one; `None` where there are several.
    behind: HashMap<String, Option<String>>,
    /// Names of several models of one report.
    shared: HashSet<String>,
}

impl Names {
    /// Names for what these reports are about.
    pub fn of<'a>(reports: impl IntoIterator<Item = &'a Report>) -> Self {
        let mut names = Names::default();
        for report in reports {
            names.add_devices(report);
            names.add_models(report);
        }
        names
    }

    fn add_models(&mut self, report: &Report) {
        let mut sources: HashMap<&str, &str> = HashMap::new();
        for cell in &report.cells {
            if *sources.entry(&cell.model).or_insert(&cell.source) != cell.source {
                self.shared.insert(cell.model.clone());
            }
        }
    }

    fn add_devices(&mut self, report: &Report) {
        for device in &report.devices {
            let mut forms = vec![device.short_name().to_owned(), without_maker(device.short_name()).to_owned()];
            forms.dedup();
            for form in forms {
                let full = self.behind.entry(form).or_insert_with(|| Some(device.name.clone()));
                if full.as_ref().is_some_and(|full| *full != device.name) {
                    *full = None;
                }
            }
        }
    }

    /// The name of a cell's model. Models of one report that share a name have the beginning of their files' hashes.
    pub fn model(&self, cell: &Cell) -> String {
        let hash = if cell.source.len() == 64 { HASH } else { usize::MAX };
        match self.shared.contains(&cell.model) {
            true => format!("{} [{}]", cell.model, cell.source.chars().take(hash).collect::<String>()),
            false => cell.model.clone(),
        }
    }

    /// The name of a device without what follows in parentheses, unless that tells it from another. Of several equal
    /// devices of one machine, those after the first have a number.
    pub fn device(&self, device: &Device) -> String {
        let short = device.short_name();
        format!("{}{}", if self.is_unique(short) { short } else { &device.name }, number(device))
    }

    /// The same without its maker.
    pub fn brief(&self, device: &Device) -> String {
        let brief = without_maker(device.short_name());
        if self.is_unique(brief) { format!("{brief}{}", number(device)) } else { self.device(device) }
    }

    fn is_unique(&self, form: &str) -> bool {
        self.behind.get(form).is_none_or(Option::is_some)
    }
}

/// The number of a device among equal ones, from its id.
fn number(device: &Device) -> String {
    match device.id.rsplit_once('#') {
        Some((_, number)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => format!(" #{number}"),
        _ => String::new(),
    }
}

/// A name without the words for its maker, if a model number is left.
fn without_maker(name: &str) -> &str {
    let mut rest = name;
    while let Some((word, after)) = rest.split_once(' ') {
        if !MAKERS.contains(&word.to_lowercase().as_str()) || !has_digit(after) {
            break;
        }
        rest = after;
    }
    rest
}

fn has_digit(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit())
}

/// Ever shorter forms of a device's name. The model number is in all of them: words before it go first, then those
/// after it.
pub fn shorter(name: &str) -> Vec<String> {
    let mut forms = vec![name.to_owned()];
    let mut add = |form: String| {
        if forms.last() != Some(&form) {
            forms.push(form);
        }
    };
    add(without_maker(name).to_owned());
    let words: Vec<&str> = name.split(' ').collect();
    let first = words.iter().position(|word| has_digit(word)).unwrap_or(words.len().saturating_sub(1));
    for from in 1..=first {
        add(format!("…{}", words[from..].join(" ")));
    }
    let last = words.iter().rposition(|word| has_digit(word)).unwrap_or(first);
    let front = if first > 0 { "…" } else { "" };
    for to in (last..words.len().saturating_sub(1)).rev() {
        add(format!("{front}{}…", words[first..=to].join(" ")));
    }
    let longest_first = |a: &String, b: &String| b.chars().count().cmp(&a.chars().count());
    forms[1..].sort_by(longest_first);
    forms
}

/// `text`, or its beginning and its end if it is longer than `length` characters: both tell runs apart.
pub fn without_middle(text: &str, length: usize) -> String {
    let count = text.chars().count();
    if count <= length {
        return text.to_owned();
    }
    let kept = length.saturating_sub(1);
    let (front, back) = (kept.div_ceil(2), kept / 2);
    text.chars().take(front).chain(['…']).chain(text.chars().skip(count - back)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::sample;

    fn names(all: &[&str]) -> Vec<[String; 2]> {
        let mut report = sample::full();
        let device =
            |name: &&str| Device { id: format!("vulkan:{name}"), name: (*name).into(), ..report.devices[0].clone() };
        report.devices = all.iter().map(device).collect();
        let names = Names::of([&report]);
        report.devices.iter().map(|device| [names.device(device), names.brief(device)]).collect()
    }

    #[test]
    fn names_are_short_while_they_differ() {
        let found = names(&["NVIDIA GeForce RTX 3060", "AMD Radeon RX 7900 XTX (RADV NAVI31)", "cpu", "Apple M3 Max"]);
        assert_eq!(found[0], ["NVIDIA GeForce RTX 3060", "RTX 3060"]);
        assert_eq!(found[1], ["AMD Radeon RX 7900 XTX", "RX 7900 XTX"]);
        assert_eq!((&found[2], &found[3][1]), (&["cpu"; 2].map(String::from), &"M3 Max".to_owned()));
        let found = names(&["AMD Radeon Graphics (RADV RENOIR)", "AMD Radeon Graphics (RADV REMBRANDT)"]);
        assert_eq!(found[0], ["AMD Radeon Graphics (RADV RENOIR)"; 2]);
        assert_eq!(found[1][0], "AMD Radeon Graphics (RADV REMBRANDT)");
    }

    #[test]
    fn equal_devices_are_numbered() {
        let device =
            |id: &str| Device { id: id.into(), name: "NVIDIA H100".into(), ..sample::full().devices[0].clone() };
        let report = Report { devices: vec![device("a"), device("a#2")], ..sample::full() };
        let names = Names::of([&report]);
        let found: Vec<String> = report.devices.iter().map(|device| names.brief(device)).collect();
        assert_eq!(found, ["H100", "H100 #2"]);
    }

    #[test]
    fn models_of_one_name_show_their_files() {
        let mut report = sample::full();
        report.cells.truncate(2);
        for (cell, source) in report.cells.iter_mut().zip(["ab".repeat(32), "cd".repeat(32)]) {
            (cell.model, cell.source) = ("net 2/2".into(), source);
        }
        let names = |report: &Report| -> Vec<String> {
            let names = Names::of([report]);
            report.cells.iter().map(|cell| names.model(cell)).collect()
        };
        assert_eq!(names(&report), ["net 2/2 [abababab]", "net 2/2 [cdcdcdcd]"]);
        report.cells[1].source = report.cells[0].source.clone();
        assert_eq!(names(&report), ["net 2/2"; 2]);
    }

    #[test]
    fn the_model_number_is_never_cut() {
        let laptop = shorter("NVIDIA GeForce RTX 4090 Laptop GPU");
        let expected = ["NVIDIA GeForce RTX 4090 Laptop GPU", "…GeForce RTX 4090 Laptop GPU", "…RTX 4090 Laptop GPU"];
        assert_eq!(laptop[..3], expected);
        assert!(
            laptop.contains(&"RTX 4090 Laptop GPU".to_owned()) && laptop.contains(&"…4090…".to_owned()),
            "{laptop:?}"
        );
        for name in ["NVIDIA GeForce RTX 3060", "AMD Radeon RX 7900 XTX", "Intel(R) UHD Graphics 770", "Apple M3 Max"] {
            let number = name.split(' ').find(|word| has_digit(word)).unwrap();
            let forms = shorter(name);
            assert!(forms.iter().all(|form| form.contains(number)), "{forms:?}");
            assert!(forms.is_sorted_by(|a, b| a.chars().count() >= b.chars().count()), "{forms:?}");
        }
        assert_eq!(shorter("cpu"), ["cpu"]);
    }

    #[test]
    fn runs_keep_both_ends() {
        assert_eq!(without_middle("2026-11-25-zen4-after", 12), "2026-1…after");
        assert_eq!(without_middle("short", 5), "short");
    }
}
