//! Which network a checkpoint holds, told from the names and shapes of its variables.

use super::ConvertOptions;
use super::bind::requirements;
use super::checkpoint::Checkpoint;
use super::names::{NameRules, TENSORPACK};
use crate::graph::Weights;
use crate::quant::MAX_BITS;
use crate::tensor::MAX_EXTENT;
use crate::zoo::{Definition, NETWORKS, Network, Widths};
use std::collections::HashSet;

/// Problems listed by name before the rest is only counted.
const LISTED: usize = 4;
/// Width assumed where the checkpoint has no basis; the missing basis is then reported.
const FALLBACK_BITS: usize = 2;

/// The network whose variables are exactly those of the checkpoint, or what keeps the closest one from fitting.
pub fn recognize(checkpoint: &Checkpoint, options: &ConvertOptions) -> Result<(&'static Network, Definition), String> {
    let arch = options.arch.as_deref();
    let candidates: Vec<&Network> = NETWORKS.iter().filter(|n| arch.is_none_or(|a| a == n.id)).collect();
    if candidates.is_empty() {
        let known: Vec<&str> = NETWORKS.iter().map(|n| n.id).collect();
        return Err(format!("network '{}' is unknown; known are {}", arch.unwrap_or_default(), known.join(", ")));
    }
    let found = Found::new(checkpoint, options.input_size);
    for network in &candidates {
        // A definition that does not even build with this checkpoint's widths is not the right one.
        if let Ok(definition) = network.build(&found)
            && compare(checkpoint, &definition)?.count() == 0
        {
            return Ok((network, definition));
        }
    }
    let (network, mismatch) = closest(checkpoint, &candidates, found)?;
    let verb = if arch.is_some() { "it is not" } else { "it holds no known network; the closest is" };
    Err(format!("{verb} {}: {}", network.id, mismatch.describe()))
}

/// The network that lacks least. A single wrong shape would look like a layer of that width and blame its neighbours, so the
/// original channels are tried as well.
fn closest<'a>(
    checkpoint: &Checkpoint,
    candidates: &[&'a Network],
    found: Found,
) -> Result<(&'a Network, Mismatch), String> {
    let original = Found { original_channels: true, ..found };
    let mut closest: Option<(&Network, Mismatch)> = None;
    let mut refusal = None;
    for (network, widths) in candidates.iter().flat_map(|n| [(n, &original), (n, &found)]) {
        match network.build(widths) {
            Err(problem) => refusal = Some(problem),
            Ok(definition) => {
                let mismatch = compare(checkpoint, &definition)?;
                if closest.as_ref().is_none_or(|(_, m)| mismatch.count() < m.count()) {
                    closest = Some((network, mismatch));
                }
            }
        }
    }
    closest.ok_or_else(|| refusal.unwrap_or_else(|| "no network is known".to_owned()))
}

/// Widths as the checkpoint's shapes show them.
#[derive(Clone, Copy)]
struct Found<'a> {
    checkpoint: &'a Checkpoint,
    input_size: Option<usize>,
    /// Whether any layer has a basis of the kind. If none has, that kind is float; if one has, all must.
    weight_bases: bool,
    activation_bases: bool,
    /// Whether to take the channels of the original networks instead of the checkpoint's.
    original_channels: bool,
}

impl<'a> Found<'a> {
    fn new(checkpoint: &'a Checkpoint, input_size: Option<usize>) -> Self {
        let any = |pattern: &str| {
            let suffix = NameRules::name(pattern, "");
            checkpoint.variables().keys().any(|name| name.ends_with(&suffix))
        };
        Found {
            checkpoint,
            input_size,
            weight_bases: any(TENSORPACK.weight_basis),
            activation_bases: any(TENSORPACK.activation_basis),
            original_channels: false,
        }
    }

    fn shape(&self, pattern: &str, layer: &str) -> Option<&[usize]> {
        self.checkpoint.variables().get(&NameRules::name(pattern, layer)).map(|v| v.shape.as_slice())
    }

    fn bits(&self, pattern: &str, layer: &str) -> usize {
        let bits = self.shape(pattern, layer).and_then(|s| s.first()).copied();
        bits.filter(|b| (1..=MAX_BITS).contains(b)).unwrap_or(FALLBACK_BITS)
    }

    /// The last dimension of the weights of `layer`, if it is possible at all.
    fn channels(&self, layer: &str) -> Option<usize> {
        let last = self.shape(TENSORPACK.weight, layer).and_then(|s| s.last()).copied();
        last.filter(|n| (1..=MAX_EXTENT).contains(n))
    }
}

impl Widths for Found<'_> {
    fn weights(&self, layer: &str) -> Weights {
        match self.weight_bases {
            true => Weights::Planes { bits: self.bits(TENSORPACK.weight_basis, layer) },
            false => Weights::Float,
        }
    }

    fn activation_bits(&self, layer: &str) -> Option<usize> {
        self.activation_bases.then(|| self.bits(TENSORPACK.activation_basis, layer))
    }

    fn outputs(&self, layer: &str, usual: usize) -> usize {
        if self.original_channels { usual } else { self.channels(layer).unwrap_or(usual) }
    }

    fn classes(&self, layer: &str, usual: usize) -> usize {
        self.channels(layer).unwrap_or(usual)
    }

    fn input_size(&self, usual: usize) -> usize {
        self.input_size.unwrap_or(usual)
    }
}

/// How a checkpoint differs from what a network needs.
#[derive(Default)]
struct Mismatch {
    missing: Vec<String>,
    wrong: Vec<String>,
    unused: Vec<String>,
}

fn compare(checkpoint: &Checkpoint, definition: &Definition) -> Result<Mismatch, String> {
    let needed = requirements(&definition.graph, &TENSORPACK)?;
    let mut mismatch = Mismatch::default();
    let variables = checkpoint.variables();
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
    let unused = variables.keys().filter(|n| !known.contains(n.as_str()) && !TENSORPACK.is_training(n));
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
