//! How a checkpoint differs from what a network needs.

use super::names::NameRules;
use super::parameters::requirements;
use super::scope::Scope;
use crate::zoo::Definition;
use std::collections::HashSet;

/// Problems listed by name before the rest is only counted.
const LISTED: usize = 4;

/// What is missing, wrong and left over. A checkpoint without any of it is the network.
#[derive(Default)]
pub(crate) struct Mismatch {
    missing: Vec<String>,
    wrong: Vec<String>,
    unused: Vec<String>,
    /// Variables that the network needs and the checkpoint has.
    found: usize,
}

impl Mismatch {
    /// Compares the variables of `scope` with those of `definition`. `spare` tells which are no part of the network.
    pub(crate) fn new(
        scope: &Scope,
        definition: &Definition,
        rules: &NameRules,
        spare: &dyn Fn(&str) -> bool,
    ) -> Result<Self, String> {
        let needed = requirements(definition, rules, &|name| scope.has(name))?;
        let mut mismatch = Mismatch::default();
        for requirement in &needed {
            match scope.shape(&requirement.variable) {
                None => mismatch.missing.push(format!("'{}' {}", requirement.variable, requirement.expected())),
                Some(shape) if !requirement.shapes.iter().any(|s| s == shape) => {
                    let (name, expected) = (&requirement.variable, requirement.expected());
                    mismatch.wrong.push(format!("'{name}' is {shape:?}, expected {expected}"));
                }
                Some(_) => mismatch.found += 1,
            }
        }
        let known: HashSet<&str> = needed.iter().map(|r| r.variable.as_str()).collect();
        let unused = scope.variables().keys().filter(|n| !known.contains(*n) && !rules.is_ignored(n) && !spare(n));
        mismatch.unused = unused.map(|n| format!("'{n}'")).collect();
        Ok(mismatch)
    }

    pub(crate) fn count(&self) -> usize {
        self.missing.len() + self.wrong.len() + self.unused.len()
    }

    /// The share of all variables, of the network's and the checkpoint's, that are the same: 1 if all are. (A mere count of
    /// differences would favour networks with few variables.)
    pub(crate) fn likeness(&self) -> f64 {
        // One with a wrong shape has at least the right name, and counts half.
        let same = 2 * self.found + self.wrong.len();
        let all = 2 * (self.found + self.wrong.len()) + self.missing.len() + self.unused.len();
        same as f64 / all.max(1) as f64
    }

    pub(crate) fn describe(&self) -> String {
        let part = |title: &str, list: &[String]| {
            let shown = list.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
            let more = list.len().saturating_sub(LISTED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            (!list.is_empty()).then(|| format!("{title} {shown}{more}"))
        };
        let parts = [
            part("missing variables", &self.missing),
            part("wrong shapes:", &self.wrong),
            part("unused variables", &self.unused),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}
