//! Which network a checkpoint holds, told from the names and shapes of its variables.

use super::bind::{Requirement, requirements};
use super::checkpoint::Checkpoint;
use super::names::{NameRules, TENSORPACK};
use crate::quant::MAX_BITS;
use crate::tensor::MAX_EXTENT;
use crate::zoo::{Definition, NETWORKS, Network, Widths};
use std::collections::HashSet;

/// Problems listed by name before the rest is only counted.
const LISTED: usize = 4;
/// Width assumed where the checkpoint has no basis; the missing basis is then reported.
const FALLBACK_BITS: usize = 2;

/// The network whose variables are exactly those of the checkpoint, or what keeps the closest one from fitting.
pub fn recognize(checkpoint: &Checkpoint, arch: Option<&str>) -> Result<(&'static Network, Definition), String> {
    let candidates: Vec<&Network> = NETWORKS.iter().filter(|n| arch.is_none_or(|a| a == n.id)).collect();
    if candidates.is_empty() {
        let known: Vec<&str> = NETWORKS.iter().map(|n| n.id).collect();
        return Err(format!("network '{}' is unknown; known are {}", arch.unwrap_or_default(), known.join(", ")));
    }
    let mut closest: Option<(&Network, Mismatch)> = None;
    for network in candidates {
        let definition = network.build(&Found { checkpoint, classifier: network.classifier })?;
        let mismatch = compare(checkpoint, &requirements(&definition.graph, &TENSORPACK)?);
        if mismatch.count() == 0 {
            return Ok((network, definition));
        }
        if closest.as_ref().is_none_or(|(_, m)| mismatch.count() < m.count()) {
            closest = Some((network, mismatch));
        }
    }
    let (network, mismatch) = closest.ok_or("no network is known")?;
    let verb = if arch.is_some() { "it is not" } else { "it holds no known network; the closest is" };
    Err(format!("{verb} {}: {}", network.id, mismatch.describe()))
}

/// Bit widths and classes as the checkpoint's shapes show them.
struct Found<'a> {
    checkpoint: &'a Checkpoint,
    classifier: &'a str,
}

impl Found<'_> {
    fn shape(&self, pattern: &str, layer: &str) -> Option<&[usize]> {
        self.checkpoint.variables().get(&NameRules::name(pattern, layer)).map(|v| v.shape.as_slice())
    }

    fn bits(&self, pattern: &str, layer: &str) -> usize {
        let bits = self.shape(pattern, layer).and_then(|s| s.first()).copied();
        bits.filter(|b| (1..=MAX_BITS).contains(b)).unwrap_or(FALLBACK_BITS)
    }
}

impl Widths for Found<'_> {
    fn classes(&self) -> usize {
        let last = self.shape(TENSORPACK.weight, self.classifier).and_then(|s| s.last()).copied();
        last.filter(|n| (1..=MAX_EXTENT).contains(n)).unwrap_or(1)
    }

    fn weight_bits(&self, layer: &str) -> usize {
        self.bits(TENSORPACK.weight_basis, layer)
    }

    fn activation_bits(&self, layer: &str) -> usize {
        self.bits(TENSORPACK.activation_basis, layer)
    }
}

/// How a checkpoint differs from what a network needs.
#[derive(Default)]
struct Mismatch {
    missing: Vec<String>,
    wrong: Vec<String>,
    unused: Vec<String>,
}

fn compare(checkpoint: &Checkpoint, needed: &[Requirement]) -> Mismatch {
    let mut mismatch = Mismatch::default();
    let variables = checkpoint.variables();
    for requirement in needed {
        match variables.get(&requirement.variable) {
            None => mismatch.missing.push(format!("'{}' {:?}", requirement.variable, requirement.shapes[0])),
            Some(v) if !requirement.shapes.contains(&v.shape) => {
                let (name, expected) = (&requirement.variable, &requirement.shapes[0]);
                mismatch.wrong.push(format!("'{name}' is {:?}, expected {expected:?}", v.shape));
            }
            Some(_) => {}
        }
    }
    let known: HashSet<&str> = needed.iter().map(|r| r.variable.as_str()).collect();
    let unused = variables.keys().filter(|n| !known.contains(n.as_str()) && !TENSORPACK.is_training(n));
    mismatch.unused = unused.map(|n| format!("'{n}'")).collect();
    mismatch
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
