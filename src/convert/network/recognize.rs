//! Which network a checkpoint holds, told from the names and shapes of its variables.

use super::names::{NameRules, SOURCES};
use super::parameters::requirements;
use super::widths::CheckpointWidths;
use crate::convert::claims::pictures;
use crate::convert::options::ConvertOptions;
use crate::convert::readers::Checkpoint;
use crate::zoo::{self, Definition, NETWORKS, Network};
use std::collections::HashSet;

/// Problems listed by name before the rest is only counted.
const LISTED: usize = 4;

/// A network whose variables are exactly those of the checkpoint, under the names of one source.
pub(crate) struct Match {
    pub network: &'static Network,
    pub definition: Definition,
    pub rules: &'static NameRules,
}

impl Match {
    /// Whether it has the classes of the data set that the network is usually trained on.
    fn has_usual_classes(&self) -> bool {
        self.definition.graph.classes() == self.network.labels().count()
    }
}

/// The network that a checkpoint holds and the ids of others that it matches as well, or how it differs from the
/// closest one. Of several matches, the first for the pictures that the checkpoint says it was trained on is taken, or
/// the first with the classes of its usual data set, or just the first.
pub(crate) fn recognize(
    checkpoint: &Checkpoint,
    options: &ConvertOptions,
) -> Result<(Match, Vec<&'static str>), String> {
    let mut matches = matches(checkpoint, options)?;
    let said = pictures(checkpoint.evidence()).and_then(|(pictures, _)| pictures.usual_classes());
    if let Some(classes) = said
        && matches.iter().any(|m| m.network.labels().count() == classes)
    {
        matches.retain(|m| m.network.labels().count() == classes);
    }
    let best = matches.iter().position(Match::has_usual_classes).unwrap_or(0);
    if best < matches.len() {
        let taken = matches.remove(best);
        return Ok((taken, matches.iter().map(|other| other.network.id).collect()));
    }
    let closest = closest(checkpoint, options)?;
    let verb = if options.arch.is_some() { "it is not" } else { "it holds no known network; the closest is" };
    Err(format!("{verb} {}: {}", closest.0.id, closest.1.describe()))
}

/// All networks that a checkpoint matches, each once.
fn matches(checkpoint: &Checkpoint, options: &ConvertOptions) -> Result<Vec<Match>, String> {
    let sources = SOURCES.map(|rules| CheckpointWidths::new(checkpoint, rules, options.input_size));
    let mut matches: Vec<Match> = Vec::new();
    for network in candidates(options)? {
        for widths in &sources {
            // A definition that does not even build with this checkpoint's widths is not the right one.
            if let Ok(definition) = network.build(widths)
                && compare(checkpoint, &definition, widths.rules)?.count() == 0
            {
                matches.push(Match { network, definition, rules: widths.rules });
                break;
            }
        }
    }
    Ok(matches)
}

fn candidates(options: &ConvertOptions) -> Result<Vec<&'static Network>, String> {
    match &options.arch {
        Some(id) => Ok(vec![zoo::find(id)?]),
        None => Ok(NETWORKS.iter().collect()),
    }
}

/// The network with the smallest mismatch. A single wrong shape would be taken for the layer's width, and its
/// neighbours would then be reported as wrong; so the original channels are tried as well.
fn closest(checkpoint: &Checkpoint, options: &ConvertOptions) -> Result<(&'static Network, Mismatch), String> {
    let found = SOURCES.map(|rules| CheckpointWidths::new(checkpoint, rules, options.input_size));
    let original = found.each_ref().map(CheckpointWidths::with_original_channels);
    let mut closest: Option<(&Network, Mismatch)> = None;
    let mut refusal = None;
    for network in candidates(options)? {
        for widths in original.iter().chain(&found) {
            match network.build(widths) {
                Err(problem) => refusal = Some(problem),
                Ok(definition) => {
                    let mismatch = compare(checkpoint, &definition, widths.rules)?;
                    if closest.as_ref().is_none_or(|(_, m)| mismatch.count() < m.count()) {
                        closest = Some((network, mismatch));
                    }
                }
            }
        }
    }
    closest.ok_or_else(|| refusal.unwrap_or_else(|| "no network is known".to_owned()))
}

/// The source whose names make the checkpoint match a given network, or how it differs under those of the closest one.
pub(crate) fn source(checkpoint: &Checkpoint, definition: &Definition) -> Result<&'static NameRules, String> {
    let mut closest: Option<(&NameRules, Mismatch)> = None;
    for rules in SOURCES {
        let mismatch = compare(checkpoint, definition, rules)?;
        if closest.as_ref().is_none_or(|(_, m)| mismatch.count() < m.count()) {
            closest = Some((rules, mismatch));
        }
    }
    match closest {
        Some((rules, mismatch)) if mismatch.count() == 0 => Ok(rules),
        Some((rules, mismatch)) => {
            Err(format!("it does not match the graph; with the names of {}: {}", rules.source, mismatch.describe()))
        }
        None => Err("no source of checkpoints is known".into()),
    }
}

/// How a checkpoint differs from what a network needs.
#[derive(Default)]
struct Mismatch {
    missing: Vec<String>,
    wrong: Vec<String>,
    unused: Vec<String>,
}

fn compare(checkpoint: &Checkpoint, definition: &Definition, rules: &NameRules) -> Result<Mismatch, String> {
    let variables = checkpoint.variables();
    let needed = requirements(definition, rules, &|name| variables.contains_key(name))?;
    let mut mismatch = Mismatch::default();
    for requirement in &needed {
        match variables.get(&requirement.variable) {
            None => mismatch.missing.push(format!("'{}' {}", requirement.variable, requirement.expected())),
            Some(v) if !requirement.shapes.contains(&v.shape) => {
                let (name, expected) = (&requirement.variable, requirement.expected());
                mismatch.wrong.push(format!("'{name}' is {:?}, expected {expected}", v.shape));
            }
            Some(_) => {}
        }
    }
    let known: HashSet<&str> = needed.iter().map(|r| r.variable.as_str()).collect();
    let unused = variables.keys().filter(|n| !known.contains(n.as_str()) && !rules.is_ignored(n));
    mismatch.unused = unused.map(|n| format!("'{n}'")).collect();
    Ok(mismatch)
}

impl Mismatch {
    fn count(&self) -> usize {
        self.missing.len() + self.wrong.len() + self.unused.len()
    }

    fn describe(&self) -> String {
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
