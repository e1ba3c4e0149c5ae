//! Which network a checkpoint holds, told from the names and shapes of its variables.

use super::ends::{BOTH, ends};
use super::mismatch::Mismatch;
use super::names::{NameRules, SOURCES};
use super::normalization;
use super::scope::Scope;
use super::unknown;
use super::widths::CheckpointWidths;
use crate::convert::claims::{Pictures, pictures};
use crate::convert::options::ConvertOptions;
use crate::convert::readers::{Checkpoint, Variable};
use crate::graph::Op;
use crate::zoo::{self, Definition, NETWORKS, Network};

/// Channels of the pictures that all networks of the zoo read.
const COLOURS: usize = 3;

/// A network whose variables are exactly those of a part of the checkpoint, under the names of one source.
pub(crate) struct Match<'a> {
    pub scope: Scope<'a>,
    pub network: &'static Network,
    pub definition: Definition,
    pub rules: &'static NameRules,
    /// Whether it is told how activations become codes, by the user or by the source.
    pub codes_are_told: bool,
}

impl Match<'_> {
    /// Whether it has the classes of the data set that the network is usually trained on.
    fn has_usual_classes(&self) -> bool {
        self.definition.graph.classes() == self.network.labels().count()
    }
}

/// The network that a checkpoint holds and the ids of others that it matches as well, or how it differs from the
/// closest one. Of several matches, the first for the pictures that the checkpoint says it was trained on is taken, or
/// for ImageNet's if it has their thousand classes, or the first with the classes of its usual data set, or just the first.
pub(crate) fn recognize<'a>(
    checkpoint: &'a Checkpoint,
    options: &ConvertOptions,
) -> Result<(Match<'a>, Vec<&'static str>), String> {
    let networks = candidates(options)?;
    let scopes = scopes(checkpoint, options)?;
    let mut found: Vec<Vec<Match>> = Vec::new();
    for scope in &scopes {
        let matches = matches(scope, &networks, options)?;
        if !matches.is_empty() {
            found.push(matches);
        }
        // A network that is the whole checkpoint is no part of another.
        if scope.prefix.is_empty() && !found.is_empty() {
            break;
        }
    }
    match found.len() {
        0 => Err(unknown::describe(&scopes, &networks, options)),
        1 => {
            let mut matches = found.remove(0);
            keep_said(checkpoint, &mut matches);
            keep_imagenet(&mut matches);
            let best = matches.iter().position(Match::has_usual_classes).unwrap_or(0);
            let taken = matches.remove(best);
            Ok((taken, matches.iter().map(|other| other.network.id).collect()))
        }
        _ => Err(several(&found)),
    }
}

/// Keeps the networks for the pictures that the checkpoint says it was trained on, if there are any among `matches`.
fn keep_said(checkpoint: &Checkpoint, matches: &mut Vec<Match>) {
    let said = pictures(checkpoint.evidence()).and_then(|(pictures, _)| pictures.usual_classes());
    let is_said = |m: &Match| Some(m.network.labels().count()) == said;
    if matches.iter().any(is_said) {
        matches.retain(is_said);
    }
}

/// Keeps the networks for ImageNet's pictures, if they have as many classes as those do. Ten classes say less: CIFAR-10 has
/// them, and many a network for larger pictures that was trained further.
fn keep_imagenet(matches: &mut Vec<Match>) {
    let is_imagenet =
        |m: &Match| m.has_usual_classes() && Some(m.definition.graph.classes()) == Pictures::ImageNet.usual_classes();
    if matches.iter().any(is_imagenet) {
        matches.retain(is_imagenet);
    }
}

/// The message about a checkpoint with several networks.
fn several(found: &[Vec<Match>]) -> String {
    let one = |matches: &Vec<Match>| {
        let first = matches.iter().find(|m| m.has_usual_classes()).or(matches.first());
        first.map(|m| format!("{} {} under '{}'", m.network.id, m.definition.graph.widths(), m.scope.prefix))
    };
    let list: Vec<String> = found.iter().filter_map(one).collect();
    let first = found.first().and_then(|m| m.first()).map_or("", |m| &m.scope.prefix);
    format!("it holds {} networks: {}; choose one with --prefix, as in --prefix {first}", list.len(), list.join(", "))
}

/// The parts of the checkpoint in which a network may be: those with a first convolution.
fn scopes<'a>(checkpoint: &'a Checkpoint, options: &ConvertOptions) -> Result<Vec<Scope<'a>>, String> {
    if let Some(prefix) = &options.prefix {
        return Ok(vec![Scope::named(checkpoint, prefix)?]);
    }
    let reads_pictures = |name: &str, variable: &Variable| {
        let shape = &variable.shape;
        let inputs =
            SOURCES.iter().filter(|rules| rules.weight.iter().any(|p| name.ends_with(p.trim_start_matches("{}"))));
        shape.len() == 4 && inputs.into_iter().any(|rules| rules.layout.inputs(shape) == Some(COLOURS))
    };
    Ok(Scope::all(checkpoint, reads_pictures))
}

/// All networks that a part of a checkpoint matches, each once.
fn matches<'a>(
    scope: &Scope<'a>,
    networks: &[&'static Network],
    options: &ConvertOptions,
) -> Result<Vec<Match<'a>>, String> {
    let sources = SOURCES.map(|rules| CheckpointWidths::new(scope, rules, options));
    let normalization = normalization::all(scope.checkpoint);
    let mut matches: Vec<Match> = Vec::new();
    for &network in networks {
        for widths in sources.iter().filter(|widths| ends(network, widths) == BOTH) {
            // A definition that does not even build with this checkpoint's widths is not the right one.
            if let Ok(definition) = network.build(widths)
                && Mismatch::new(scope, &definition, widths.rules, &|name| {
                    normalization.iter().any(|n| scope.prefix.is_empty() && n.has(name))
                })?
                .count()
                    == 0
            {
                let codes_are_told = widths.tells_codes();
                matches.push(Match { scope: scope.clone(), network, definition, rules: widths.rules, codes_are_told });
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

/// The part of a checkpoint and the source under whose names it is a given network, or how it differs from that under
/// those that are closest.
pub(crate) fn source<'a>(
    checkpoint: &'a Checkpoint,
    definition: &Definition,
    options: &ConvertOptions,
) -> Result<(Scope<'a>, &'static NameRules), String> {
    let scopes = match &options.prefix {
        Some(prefix) => vec![Scope::named(checkpoint, prefix)?],
        None => {
            let first = ends_of(definition);
            Scope::all(checkpoint, |name, _| first.iter().any(|f| f == name))
        }
    };
    let spare = normalization::all(checkpoint);
    let mut closest: Option<(&Scope, &'static NameRules, Mismatch)> = None;
    let mut fits: Vec<(&Scope, &'static NameRules)> = Vec::new();
    for scope in &scopes {
        for rules in SOURCES {
            let is_spare = |name: &str| scope.prefix.is_empty() && spare.iter().any(|n| n.has(name));
            let mismatch = Mismatch::new(scope, definition, rules, &is_spare)?;
            if mismatch.count() == 0 {
                fits.push((scope, rules));
                break;
            }
            if closest.as_ref().is_none_or(|(.., m)| mismatch.likeness() > m.likeness()) {
                closest = Some((scope, rules, mismatch));
            }
        }
        if scope.prefix.is_empty() && !fits.is_empty() {
            break;
        }
    }
    match (fits.as_slice(), closest) {
        ([(scope, rules)], _) => Ok(((*scope).clone(), rules)),
        ([], Some((scope, rules, mismatch))) => {
            let under = if scope.prefix.is_empty() { String::new() } else { format!(" under '{}'", scope.prefix) };
            let (source, differences) = (rules.source, mismatch.describe());
            Err(format!("it does not match the graph{under}; with the names of {source}: {differences}"))
        }
        ([], None) => Err("no source of checkpoints is known".into()),
        (several, _) => {
            let prefixes: Vec<String> = several.iter().map(|(scope, _)| format!("'{}'", scope.prefix)).collect();
            Err(format!("it holds the network under {}; choose one with --prefix", prefixes.join(" and ")))
        }
    }
}

/// Names of the variable with the first weights of a network, whichever source they are from.
fn ends_of(definition: &Definition) -> Vec<String> {
    let first = definition.graph.nodes().iter().find(|node| matches!(node.op, Op::Conv { .. }));
    let names = |layer: &str| -> Vec<String> {
        SOURCES.iter().flat_map(|rules| rules.weight.iter().map(|pattern| rules.name(pattern, layer))).collect()
    };
    first.map_or_else(Vec::new, |node| names(&node.name))
}
