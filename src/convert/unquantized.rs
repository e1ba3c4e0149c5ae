//! Checkpoints in which nothing is quantized. They are refused unless the caller says that this is meant: a network
//! that lost its quantizers would run, and compute something else than it was trained to.

use super::claims::{self, Differences};
use super::network::{NameRules, SOURCES, Scope};
use super::options::{ConvertOptions, Unquantized};
use super::report::{ConversionReport, LayerKind};
use crate::error::Result;
use crate::graph::{Graph, Op, Weights};
use crate::zoo::{self, Uniform};

/// Names of bases that a message lists.
const LISTED: usize = 8;

/// Refuses a network that is not quantized as its checkpoint says, or not at all, unless the caller allows it; then, and
/// about smaller differences, there are notes.
pub(super) fn check(
    scope: &Scope,
    graph: &Graph,
    report: &ConversionReport,
    id: &str,
    options: &ConvertOptions,
) -> Result<Vec<String>> {
    let claims = claims::differences(scope.checkpoint.evidence(), graph);
    let (nothing, lost) = (is(graph), !claims.lost.is_empty());
    match (nothing, lost) {
        _ if (nothing || lost) && options.unquantized != Unquantized::Refused => {
            Ok(allowed(nothing && options.unquantized == Unquantized::Noted, &claims))
        }
        (true, _) => Err(scope.bad(refusal(scope, id, report, &claims))),
        (false, true) => Err(scope.bad(refusal_of_lost(&claims))),
        (false, false) => Ok(claims.other),
    }
}

/// The notes where a refusal was overruled. `tell_all` asks for the one that nothing is quantized.
fn allowed(tell_all: bool, claims: &Differences) -> Vec<String> {
    let all =
        tell_all.then(|| "nothing in this network is quantized: all weights and activations are float".to_owned());
    let lost = claims.lost.iter().map(|lost| format!("{lost}, but no basis for them is in the file"));
    all.into_iter().chain(lost).chain(claims.other.iter().cloned()).collect()
}

/// Whether neither weights nor activations of a network are quantized.
fn is(graph: &Graph) -> bool {
    !graph.nodes().iter().any(|node| matches!(node.op, Op::Quantize { .. }) || has_planes(&node.op))
}

fn has_planes(op: &Op) -> bool {
    matches!(op, Op::Conv { weights: Weights::Planes { .. }, .. })
}

/// Why a checkpoint of network `id` is refused, what was looked for, and what to do.
fn refusal(scope: &Scope, id: &str, report: &ConversionReport, claims: &Differences) -> String {
    let mut parts = vec!["nothing in it is quantized: all weights and activations are float".to_owned()];
    if !claims.lost.is_empty() {
        parts.push(format!("yet {}: save the bases of the quantizers with the weights", claims.lost.join(", and ")));
    }
    if let Some(most) = few_values(report) {
        parts.push(format!(
            "its weights have at most {most} values in each channel, so they were saved after quantization: save the \
             weights before it, and the bases"
        ));
    }
    parts.push("`lq-infer quantize` makes a low-bit network of a float one".into());
    parts.push("--allow-float converts it as it is".into());
    let names =
        if zoo::find(id).is_ok() { format!(" (`lq-infer names {id}` lists their variables)") } else { String::new() };
    parts.push(format!(
        "if it was trained with an LQ-Net's quantizers, save their bases with it{names}{}",
        looked_for(scope, id)
    ));
    parts.join("; ")
}

/// Why a checkpoint is refused of which only one kind of quantizers was found.
fn refusal_of_lost(claims: &Differences) -> String {
    format!(
        "{}, but no basis for them is in it: save the bases of all quantizers with the weights; --allow-float leaves \
         them out",
        claims.lost.join(", and ")
    )
}

/// The bases that the network would have under the names of each source that fits.
fn looked_for(scope: &Scope, id: &str) -> String {
    let definition = zoo::find(id).and_then(|network| network.build(&Uniform::bits(2, 2)));
    let Ok(definition) = definition else { return "; its graph has none".into() };
    let layer = |is: fn(&Op) -> bool| definition.graph.nodes().iter().find(|node| is(&node.op)).map(|node| &*node.name);
    let (Some(conv), Some(quantizer)) = (layer(has_planes), layer(|op| matches!(op, Op::Quantize { .. }))) else {
        return String::new();
    };
    let mut names = Vec::new();
    let has = |name: &str| scope.has(name);
    let fits = |rules: &&&NameRules| has(&rules.weight(conv, &has));
    for rules in SOURCES.iter().filter(fits) {
        for name in [rules.name(rules.weight_basis, conv), rules.name(rules.activation_basis, quantizer)] {
            let name = format!("'{}{name}'", scope.prefix);
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names.truncate(LISTED);
    if names.is_empty() { String::new() } else { format!("; looked for bases such as {}", names.join(", ")) }
}

/// The most values in a channel, if at least half of the layers look as if they were saved after quantization.
fn few_values(report: &ConversionReport) -> Option<usize> {
    let convs = report.layers.iter().filter_map(|layer| match &layer.kind {
        LayerKind::Conv { few_values, .. } => Some(*few_values),
        _ => None,
    });
    let few: Vec<usize> = convs.clone().flatten().collect();
    few.iter().max().copied().filter(|_| 2 * few.len() >= convs.count())
}
