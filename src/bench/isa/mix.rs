//! How many instructions of each sort there are.

use super::class::{Class, words_of_load};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Counts of instructions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mix {
    /// Words that all vector loads together bring to a lane.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub words: f64,
    /// Instructions by class.
    #[serde(flatten)]
    counts: BTreeMap<Class, f64>,
}

fn is_zero(words: &f64) -> bool {
    *words == 0.0
}

impl Mix {
    /// Counts a machine instruction. One that issues two operations at once (RDNA 3) counts as the first of them.
    pub(super) fn add(&mut self, instruction: &str) {
        let name = instruction.split_whitespace().next().unwrap_or_default().replace("v_dual_", "v_");
        let class = Class::of(&name);
        *self.counts.entry(class).or_default() += 1.0;
        if class == Class::VectorLoad {
            self.words += words_of_load(&name) as f64;
        }
    }

    /// Instructions of a class.
    pub fn of(&self, class: Class) -> f64 {
        self.counts.get(&class).copied().unwrap_or(0.0)
    }

    /// All instructions with their classes.
    pub fn iter(&self) -> impl Iterator<Item = (Class, f64)> {
        self.counts.iter().map(|(class, count)| (*class, *count))
    }

    /// Adds `times` times what `other` counts.
    pub fn add_times(&mut self, other: &Mix, times: f64) {
        for (class, count) in other.iter() {
            *self.counts.entry(class).or_default() += count * times;
        }
        self.words += other.words * times;
    }
}
