//! Settings of training in a pickle: command-line arguments, hyperparameters and configurations, as dicts or as
//! objects with attributes. They are read as what they are in the file, data; no class is needed for that.

use super::pickle::{Node, Pickle, Steps, Value};
use super::state_dict::is_state_dict;
use super::tensor::is_tensor;
use crate::convert::readers::evidence::{Evidence, SettingValue, plain};
use std::collections::HashSet;

/// How deep settings may lie.
const MAX_DEPTH: usize = 6;
/// Most dicts, lists and objects that are looked into.
const MAX_LOOKED: usize = 4096;
/// Most values of a setting that is a list.
const MAX_LIST: usize = 16;

/// Entries whose text may list settings, as letters and digits in lower case.
const TEXTS: [&str; 12] = [
    "args",
    "arguments",
    "cfg",
    "config",
    "configs",
    "configuration",
    "hparams",
    "hyperparameters",
    "namespace",
    "opt",
    "options",
    "settings",
];
/// Entries of a setting that is a dict which say what it is.
const PARTS: [&str; 3] = ["name", "type", "bits"];
/// Attribute with the value of an OmegaConf node.
const NODE_VALUE: &str = "_val";
/// Attributes that lead back to the whole, or are about types.
const ASIDE: [&str; 2] = ["_parent", "_metadata"];

/// Adds the settings in a checkpoint to `evidence`.
///
/// # Errors
/// Says so if the network is quantized in another way than an LQ-Net.
pub(super) fn gather(pickle: &Pickle, evidence: &mut Evidence) -> Result<(), String> {
    let mut search = Search { pickle, evidence, seen: HashSet::new(), steps: Steps::new() };
    search.look_into(pickle.root, "", 0)
}

struct Search<'p, 'a, 'e> {
    pickle: &'p Pickle<'a>,
    evidence: &'e mut Evidence,
    seen: HashSet<Node>,
    steps: Steps,
}

impl<'a> Search<'_, 'a, '_> {
    /// Whether this value has parts, which have not been looked into yet.
    fn is_new(&mut self, value: Value<'a>) -> bool {
        let (Value::Dict(node) | Value::List(node) | Value::Tuple(node) | Value::Call(node)) = value else {
            return false;
        };
        self.seen.len() < MAX_LOOKED && self.seen.insert(node) && self.steps.pay(self.pickle, value)
    }

    fn look_into(&mut self, value: Value<'a>, path: &str, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH || !self.is_new(value) || (depth > 0 && is_state_dict(self.pickle, value)) {
            return Ok(());
        }
        for &item in self.pickle.items(value).unwrap_or_default().iter().take(MAX_LIST) {
            self.look_into(item, path, depth + 1)?;
        }
        for &[key, part] in self.pickle.entries(value) {
            let Value::Str(key) = key else { continue };
            if ASIDE.contains(&key) {
                continue;
            }
            if is_tensor(self.pickle, part) {
                continue;
            }
            if is_quant_info(key) {
                self.quant_info(key, part, path)?;
            } else if self.evidence.wants(key) {
                self.keep(path, key, part);
            } else if let Value::Str(text) = part
                && TEXTS.contains(&plain(short(key)).as_str())
            {
                self.evidence.add_text(&format!("{path}{}.", short(key)), text);
            }
            if !matches!(part, Value::Dict(_) | Value::List(_) | Value::Tuple(_) | Value::Call(_)) {
                continue;
            }
            // Attributes of the classes that wrap settings are no names of their own.
            let within = if key.starts_with('_') { path.to_owned() } else { format!("{path}{}.", short(key)) };
            self.look_into(part, &within, depth + 1)?;
        }
        Ok(())
    }

    /// Keeps a setting, or each value of one that is a list, or the name in one that is a dict.
    fn keep(&mut self, path: &str, key: &str, value: Value<'a>) {
        for part in PARTS {
            let inner = self.pickle.entries(value).find(|[key, _]| matches!(key, Value::Str(key) if *key == part));
            if let Some(inner) = inner.and_then(|[_, inner]| self.scalar(*inner)) {
                self.evidence.add_part(path, key, &format!(".{part}"), inner);
                return;
            }
        }
        let items = self.pickle.items(value).unwrap_or(std::slice::from_ref(&value));
        for &item in items.iter().take(MAX_LIST) {
            if let Some(value) = self.scalar(item) {
                self.evidence.add(path, key, value);
            }
        }
    }

    /// A number or text, or an object that stands for one: a member of an enumeration, a path, a node of a
    /// configuration.
    fn scalar(&self, value: Value<'a>) -> Option<SettingValue> {
        match value {
            Value::Int(number) => Some(SettingValue::Number(number as f64)),
            Value::Float(number) => Some(SettingValue::Number(number)),
            Value::Str(text) => Some(SettingValue::Text(text.to_owned())),
            Value::Call(_) => {
                let inner = self.pickle.entries(value).find(|[key, _]| matches!(key, Value::Str(NODE_VALUE)));
                match inner {
                    Some(&[_, Value::Call(_)]) => None,
                    Some(&[_, inner]) => self.scalar(inner),
                    None => self.parts_of_text(value),
                }
            }
            _ => None,
        }
    }

    /// The arguments of a call, if all of them are text.
    fn parts_of_text(&self, value: Value<'a>) -> Option<SettingValue> {
        let (_, arguments) = self.pickle.call(value)?;
        let text = |part: &Value<'a>| if let Value::Str(text) = part { Some(*text) } else { None };
        let parts: Option<Vec<&str>> = arguments.iter().take(MAX_LIST).map(text).collect();
        parts.filter(|parts| !parts.is_empty()).map(|parts| SettingValue::Text(parts.join("/")))
    }

    /// A PyTorch repository named after LQ-Nets trains another scheme: each layer has one scale and one bias, kept
    /// beside the state dict, and its levels are odd multiples of the scale. Its weights alone would pass for those of
    /// a float network.
    fn quant_info(&mut self, key: &str, info: Value<'a>, path: &str) -> Result<(), String> {
        if matches!(info, Value::None) || self.is_empty(info) {
            return Ok(());
        }
        if self.has_scales(info, 0, &mut HashSet::new(), &mut Steps::new()) {
            return Err(format!(
                "its '{}' has a scale and a bias for each layer, whose levels are odd multiples of the scale; expected \
                 an LQ-Net, which has a basis for each channel",
                short(key)
            ));
        }
        self.evidence.add_quantizers(&format!("{path}{key}"), self.pickle.describe(info));
        Ok(())
    }

    fn is_empty(&self, value: Value<'a>) -> bool {
        let items = self.pickle.items(value).unwrap_or_default();
        matches!(value, Value::Dict(_) | Value::List(_) | Value::Tuple(_))
            && items.is_empty()
            && self.pickle.entries(value).next().is_none()
    }

    /// Whether some dict or object in `value` has both a scale and a bias.
    fn has_scales(&self, value: Value<'a>, depth: usize, seen: &mut HashSet<Node>, steps: &mut Steps) -> bool {
        let (Value::Dict(node) | Value::List(node) | Value::Tuple(node) | Value::Call(node)) = value else {
            return false;
        };
        if depth > MAX_DEPTH || seen.len() >= MAX_LOOKED || !seen.insert(node) || !steps.pay(self.pickle, value) {
            return false;
        }
        let has = |end: &str| {
            self.pickle
                .entries(value)
                .any(|[key, _]| matches!(key, Value::Str(key) if plain(short(key)).ends_with(end)))
        };
        if has("scale") && has("bias") {
            return true;
        }
        let mut items = self.pickle.items(value).unwrap_or_default().iter();
        let mut entries = self.pickle.entries(value);
        items.any(|&item| self.has_scales(item, depth + 1, seen, steps))
            || entries.any(|&[_, part]| self.has_scales(part, depth + 1, seen, steps))
    }
}

/// Whether an entry's name says that it has the parameters of quantizers.
fn is_quant_info(key: &str) -> bool {
    ["quantinfo", "quantinfos", "quantparams", "quantizerinfo"].contains(&plain(short(key)).as_str())
}

/// As much of a key as matters.
fn short(key: &str) -> &str {
    let end = key.char_indices().nth(40).map_or(key.len(), |(at, _)| at);
    key.get(..end).unwrap_or_default()
}
