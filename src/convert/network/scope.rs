//! A part of a checkpoint: the variables under one prefix. Wrappers put prefixes before the names of the network that
//! they hold ("model.", "module.", "1."), and keep other variables beside it.

use super::names::NameRules;
use crate::convert::readers::Sink;
use crate::convert::readers::{Checkpoint, Variable};
use crate::error::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Most prefixes that are tried. Wrappers nest a few times, and hold a few networks.
const MOST: usize = 16;

/// The variables of a checkpoint whose names start with a prefix, by the rest of their names.
#[derive(Clone)]
pub(crate) struct Scope<'a> {
    pub checkpoint: &'a Checkpoint,
    /// Ends in "." or "/", or is empty.
    pub prefix: String,
    variables: BTreeMap<&'a str, &'a Variable>,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(checkpoint: &'a Checkpoint, prefix: &str) -> Self {
        let inside = checkpoint.variables().range(prefix.to_owned()..).take_while(|(name, _)| name.starts_with(prefix));
        let variables = inside.map(|(name, variable)| (&name[prefix.len()..], variable)).collect();
        Scope { checkpoint, prefix: prefix.to_owned(), variables }
    }

    /// The scope that the user names, with or without the "." at its end.
    pub(crate) fn named(checkpoint: &'a Checkpoint, prefix: &str) -> Result<Self, String> {
        let endings = [prefix.to_owned(), format!("{prefix}."), format!("{prefix}/")];
        let starts = |p: &&String| {
            p.is_empty() || p.ends_with(['.', '/']) && checkpoint.variables().keys().any(|n| n.starts_with(*p))
        };
        if let Some(prefix) = endings.iter().find(starts) {
            return Ok(Scope::new(checkpoint, prefix));
        }
        let first: BTreeSet<&str> =
            checkpoint.variables().keys().filter_map(|n| n.split_inclusive(['.', '/']).next()).collect();
        let first: Vec<String> =
            first.into_iter().filter(|p| p.ends_with(['.', '/'])).take(MOST).map(|p| format!("'{p}'")).collect();
        Err(format!("none of its variables starts with '{prefix}'; they start with {}", first.join(", ")))
    }

    /// The scopes in which a network may be: the whole checkpoint, and those that have a variable for which
    /// `is_anchor`, given the name within the scope, holds. Those with most variables come first.
    pub(crate) fn all(checkpoint: &'a Checkpoint, is_anchor: impl Fn(&str, &Variable) -> bool) -> Vec<Self> {
        let mut prefixes: BTreeSet<&str> = BTreeSet::new();
        for (name, variable) in checkpoint.variables() {
            for (at, _) in name.match_indices(['.', '/']).take(MOST) {
                if is_anchor(&name[at + 1..], variable) {
                    prefixes.insert(&name[..=at]);
                }
            }
            if prefixes.len() > 4 * MOST {
                break;
            }
        }
        let mut scopes: Vec<Self> = prefixes.into_iter().map(|prefix| Scope::new(checkpoint, prefix)).collect();
        scopes.sort_by_key(|scope| std::cmp::Reverse(scope.variables.len()));
        scopes.truncate(MOST);
        scopes.insert(0, Scope::new(checkpoint, ""));
        scopes
    }

    pub(crate) fn variables(&self) -> &BTreeMap<&'a str, &'a Variable> {
        &self.variables
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    pub(crate) fn shape(&self, name: &str) -> Option<&'a [usize]> {
        self.variables.get(name).map(|variable| variable.shape.as_slice())
    }

    /// As [`Checkpoint::read_f32`].
    pub(crate) fn read_f32(&self, name: &str) -> Result<Vec<f32>> {
        self.checkpoint.read_f32(&self.full(name))
    }

    /// As [`Checkpoint::stream_f32`].
    pub(crate) fn stream_f32(&self, name: &str, unit: usize, sink: &mut Sink) -> Result<()> {
        self.checkpoint.stream_f32(&self.full(name), unit, sink)
    }

    pub(crate) fn bad(&self, problem: impl Into<String>) -> Error {
        self.checkpoint.bad(problem)
    }

    /// The variables outside, by their whole names.
    pub(crate) fn left_out(&self) -> impl Iterator<Item = (&'a str, &'a Variable)> + use<'a, '_> {
        let all = self.checkpoint.variables().iter().map(|(name, variable)| (name.as_str(), variable));
        all.filter(|(name, _)| !name.starts_with(&self.prefix))
    }

    /// The variables that hold the bases of weights under the names of `rules`.
    pub(crate) fn weight_bases(&self, rules: &'static NameRules) -> impl Iterator<Item = &'a str> + use<'a, '_> {
        self.variables.keys().copied().filter(|name| self.is_weight_basis(rules, name))
    }

    /// The layers whose activations have bases under the names of `rules`, as the source calls them.
    pub(crate) fn activation_layers(&self, rules: &'static NameRules) -> impl Iterator<Item = &'a str> + use<'a, '_> {
        let end = rules.activation_basis.trim_start_matches("{}");
        let bases = self.variables.keys().copied().filter(|name| !self.is_weight_basis(rules, name));
        bases.filter_map(move |name| name.strip_suffix(end))
    }

    /// Some sources use one pattern for both kinds of bases; a weight basis is one that has weights beside it.
    fn is_weight_basis(&self, rules: &NameRules, name: &str) -> bool {
        let layer = name.strip_suffix(rules.weight_basis.trim_start_matches("{}"));
        layer.is_some_and(|layer| self.has(&rules.weight(layer, &|name| self.has(name))))
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}
