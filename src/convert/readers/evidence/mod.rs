//! What a checkpoint says about itself beside its variables: the settings that it was trained with, as far as they
//! matter to a conversion, and which of several state dicts was taken. It is data from a file of unknown origin:
//! nothing here is run or believed without a look at the variables.

mod topic;

use std::collections::BTreeMap;
use topic::topic;

pub use topic::Topic;
pub(in crate::convert) use topic::plain;

/// Most settings that are kept.
const MAX_SETTINGS: usize = 64;
/// Most parts of a text that lists settings.
const MAX_PARTS: usize = 4096;
/// Most characters of a name or value that are kept.
const MAX_TEXT: usize = 100;

/// What a checkpoint says about itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Settings of training that matter to a conversion, in the order of the file.
    pub settings: Vec<Setting>,
    /// The state dict that was taken, if the file holds several.
    pub taken: Option<StateDict>,
    /// Whether the caller chose it.
    pub chosen: bool,
    /// The others.
    pub others: Vec<StateDict>,
    /// Variables that count steps or operations and belong to no layer, which were left out: how many of each name.
    pub bookkeeping: BTreeMap<String, usize>,
}

/// A setting of training.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Where it stands, such as "args.w_bit".
    pub name: String,
    /// What it is about.
    pub topic: Topic,
    /// Its value.
    pub value: SettingValue,
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingValue {
    /// A number.
    Number(f64),
    /// Text, cut short.
    Text(String),
}

/// A state dict among several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDict {
    /// Its key; keys of dicts in dicts are joined by dots.
    pub key: String,
    /// How many tensors it has.
    pub tensors: usize,
    /// How many numbers they have.
    pub numbers: usize,
}

impl std::fmt::Display for StateDict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let StateDict { key, tensors, numbers } = self;
        write!(f, "'{key}' ({tensors} tensors, {numbers} numbers)")
    }
}

/// At most as much of a text as is kept.
pub(super) fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}

impl Evidence {
    /// Whether a setting with this name would be kept.
    pub(super) fn wants(&self, name: &str) -> bool {
        self.settings.len() < MAX_SETTINGS && topic(name).is_some()
    }

    /// Keeps the setting `name`, found within `path`, if it matters to a conversion. Digits are a number: some code
    /// keeps settings as text.
    pub(super) fn add(&mut self, path: &str, name: &str, value: SettingValue) {
        self.add_part(path, name, "", value);
    }

    /// The same for an entry of a setting that is a dict: with `name` "dataset" and `part` ".name", the name of the
    /// data set.
    pub(super) fn add_part(&mut self, path: &str, name: &str, part: &str, value: SettingValue) {
        let Some(topic) = topic(name).filter(|_| self.settings.len() < MAX_SETTINGS) else { return };
        let value = match value {
            SettingValue::Text(text) => {
                text.trim().parse().map_or(SettingValue::Text(cut(&text)), SettingValue::Number)
            }
            number => number,
        };
        self.settings.push(Setting { name: cut(&format!("{path}{name}{part}")), topic, value });
    }

    /// Keeps the settings in a text that lists them, as `Namespace(w_bit=2, ...)`, JSON or YAML do.
    pub(super) fn add_text(&mut self, path: &str, text: &str) {
        let plain = |text: &str| text.trim().trim_matches(['"', '\'', ' ']).to_owned();
        for part in text.split([',', '\n', ';', '{', '}', '(', ')']).take(MAX_PARTS) {
            let Some((name, value)) = part.split_once(['=', ':']) else { continue };
            // Longer values are no settings; nor is there one without a value.
            if self.wants(&plain(name)) && value.len() < 4 * MAX_TEXT && !plain(value).is_empty() {
                self.add(path, &plain(name), SettingValue::Text(plain(value)));
            }
        }
    }

    /// Notes that the parameters of quantizers lie beside the state dict.
    pub(super) fn add_quantizers(&mut self, name: &str, what: String) {
        let value = SettingValue::Text(what);
        self.settings.push(Setting { name: cut(name), topic: Topic::Quantizers, value });
    }

    /// Adds what another part of the checkpoint says.
    pub(super) fn merge(&mut self, part: Evidence) {
        self.settings.extend(part.settings);
        self.settings.truncate(MAX_SETTINGS);
        for (name, count) in part.bookkeeping {
            *self.bookkeeping.entry(name).or_insert(0) += count;
        }
    }

    /// The settings about a topic.
    pub(in crate::convert) fn about(&self, topic: Topic) -> impl Iterator<Item = &Setting> {
        self.settings.iter().filter(move |setting| setting.topic == topic)
    }
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.value {
            SettingValue::Number(number) => write!(f, "{} = {number}", self.name),
            SettingValue::Text(text) => write!(f, "{} = '{text}'", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_matter_are_kept_under_the_names_that_people_use() {
        let mut evidence = Evidence::default();
        let text = |text: &str| SettingValue::Text(text.into());
        for (name, value) in [("w_bit", text("2")), ("lr", text("0.1")), ("aBits", SettingValue::Number(3.0))] {
            evidence.add("args.", name, value);
        }
        evidence.add("", "dataset", text("cifar10\n"));
        let kept: Vec<String> = evidence.settings.iter().map(Setting::to_string).collect();
        assert_eq!(kept, ["args.w_bit = 2", "args.aBits = 3", "dataset = 'cifar10'"]);
        for (name, expected) in [
            ("weight-bits", Some(Topic::WeightBits)),
            ("fm_bit", Some(Topic::ActivationBits)),
            ("qw", Some(Topic::WeightBits)),
            ("nbits", Some(Topic::Bits)),
            ("data_dir", Some(Topic::DatasetFolder)),
            ("model_name", Some(Topic::Network)),
            ("weight_decay", None),
            (&"w_bit".repeat(1000), None),
        ] {
            assert_eq!(topic(name), expected, "{name}");
        }
    }

    #[test]
    fn settings_in_a_text_are_found_in_the_forms_of_python_json_and_yaml() {
        for text in [
            "Namespace(lr=0.1, w_bit=2, dataset='cifar10')",
            "{\"lr\": 0.1, \"quant\": {\"w_bit\": 2}, \"dataset\": \"cifar10\"}",
            "lr: 0.1\nquant:\n  w_bit: 2\ndataset: cifar10\nmodel:\n",
        ] {
            let mut evidence = Evidence::default();
            evidence.add_text("args.", text);
            let kept: Vec<String> = evidence.settings.iter().map(Setting::to_string).collect();
            assert_eq!(kept, ["args.w_bit = 2", "args.dataset = 'cifar10'"], "{text}");
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut evidence = Evidence::default();
        (0..1000).for_each(|_| evidence.add(&"a".repeat(5000), "w_bit", SettingValue::Text("b".repeat(5000))));
        assert_eq!(evidence.settings.len(), MAX_SETTINGS);
        assert!(evidence.settings.iter().all(|s| s.to_string().len() < 3 * MAX_TEXT && !evidence.wants(&s.name)));
    }
}
