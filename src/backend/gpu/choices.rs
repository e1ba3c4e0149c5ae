//! The variants that the tuner chose, by what a layer looks like.

use super::cache::Store;
use super::record::Variant;
use std::collections::BTreeMap;

/// Name of the file, and of the form of its contents.
const FILE: [&str; 2] = ["choices", "1"];

/// Names of variants by signature of the layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices(BTreeMap<String, String>);

impl Choices {
    /// What is kept for a device; nothing if nothing can be read.
    pub fn read(store: &Store) -> Self {
        let data = store.read(FILE[0], FILE[1]);
        Choices(data.and_then(|data| serde_json::from_slice(&data).ok()).unwrap_or_default())
    }

    /// Keeps them.
    pub fn write(&self, store: &Store) {
        if let Ok(data) = serde_json::to_vec(&self.0) {
            store.write(FILE[0], FILE[1], &data);
        }
    }

    /// Chooses for layers with this signature.
    pub fn set(&mut self, signature: &str, variant: &str) {
        self.0.insert(signature.to_owned(), variant.to_owned());
    }

    /// Which of `variants` was chosen; the first if none was, or it is not there any more.
    pub fn of(&self, signature: &str, variants: &[Variant]) -> usize {
        let chosen = self.0.get(signature);
        chosen.and_then(|name| variants.iter().position(|v| v.to_string() == *name)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::gpu::record::Strip;

    #[test]
    fn choices_are_found_by_name_and_unknown_ones_ignored() {
        let strip = |pixels| Variant::Strip(Strip { pixels, workgroup_size: 8, broadcast: true });
        let variants = [strip(4), strip(2), Variant::General];
        let mut choices = Choices::default();
        choices.set("layer", &strip(2).to_string());
        choices.set("gone", &strip(1).to_string());
        assert_eq!(["layer", "gone", "other"].map(|s| choices.of(s, &variants)), [1, 0, 0]);
    }
}
