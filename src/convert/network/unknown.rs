//! The message about a checkpoint that holds no known network.

use super::ends::ends;
use super::mismatch::Mismatch;
use super::names::SOURCES;
use super::scope::Scope;
use super::widths::CheckpointWidths;
use crate::convert::options::ConvertOptions;
use crate::zoo::Network;

/// How much a network must be like the checkpoint (see [`Mismatch::likeness`]) to be named as the closest one.
const ALIKE: f64 = 0.5;
/// Parts of a checkpoint that are compared with all networks.
const SCOPES: usize = 4;
/// Variables that are named as examples.
const EXAMPLES: usize = 3;

/// The network that is most like a part of a checkpoint.
struct Closest<'a> {
    scope: &'a Scope<'a>,
    id: &'static str,
    mismatch: Mismatch,
}

/// How a checkpoint differs from the closest of `networks`, or what is in it if it is like none.
pub(crate) fn describe(scopes: &[Scope], networks: &[&'static Network], options: &ConvertOptions) -> String {
    let closest = match closest(scopes, networks, options) {
        Ok(Some(closest)) => closest,
        Ok(None) => return format!("{NONE}: {}", seen(scopes)),
        Err(problem) => return problem,
    };
    let under = match &closest.scope.prefix {
        prefix if prefix.is_empty() => String::new(),
        prefix => format!(" under '{prefix}'"),
    };
    let differences = closest.mismatch.describe();
    if options.arch.is_some() {
        return format!("it is not {}{under}: {differences}", closest.id);
    }
    if closest.mismatch.likeness() >= ALIKE {
        return format!("it holds no known network; the closest is {}{under}: {differences}", closest.id);
    }
    format!("{NONE}: {}", seen(scopes))
}

const NONE: &str = "it holds no known network, and none that is like one";

/// The closest network of all, unless none has anything in common with the checkpoint. A single wrong shape would be taken for the layer's width, and its neighbours would then be
/// reported as wrong; so the original channels are tried as well.
fn closest<'a>(
    scopes: &'a [Scope],
    networks: &[&'static Network],
    options: &ConvertOptions,
) -> Result<Option<Closest<'a>>, String> {
    let mut closest: Option<Closest> = None;
    let mut refusal = None;
    for scope in scopes.iter().take(SCOPES) {
        let found = SOURCES.map(|rules| CheckpointWidths::new(scope, rules, options));
        let original = found.each_ref().map(CheckpointWidths::with_original_channels);
        for &network in networks {
            // Most pairs of networks and sources have nothing in common with the checkpoint.
            let plausible = |widths: &&CheckpointWidths| options.arch.is_some() || ends(network, widths) > 0;
            for widths in original.iter().chain(&found).filter(plausible) {
                match network.build(widths) {
                    Err(problem) => refusal = Some(problem),
                    Ok(definition) => {
                        let mismatch = Mismatch::new(scope, &definition, widths.rules, &|_| false)?;
                        if closest.as_ref().is_none_or(|c| better(&mismatch, &c.mismatch)) {
                            closest = Some(Closest { scope, id: network.id, mismatch });
                        }
                    }
                }
            }
        }
    }
    match (closest, refusal) {
        (None, Some(refusal)) => Err(refusal),
        (closest, _) => Ok(closest),
    }
}

/// Whether `new` is closer: more like the checkpoint or, if equally like, with fewer differences.
fn better(new: &Mismatch, old: &Mismatch) -> bool {
    (new.likeness(), std::cmp::Reverse(new.count())) > (old.likeness(), std::cmp::Reverse(old.count()))
}

/// What is in the checkpoint, and how it can be converted.
fn seen(scopes: &[Scope]) -> String {
    const WAY: &str = "describe the network in a graph file and give it with --graph (models/README.md)";
    let Some(scope) = scopes.first() else { return WAY.into() };
    let example = |name: &str| format!("'{name}' {:?}", scope.shape(name).unwrap_or(&[]));
    let examples: Vec<String> = scope.variables().keys().take(EXAMPLES).map(|name| example(name)).collect();
    let mut text = format!("{} variables, such as {}; {WAY}", scope.variables().len(), examples.join(", "));
    // The first source whose names its bases have.
    let based = SOURCES.into_iter().find_map(|rules| Some((rules, scope.weight_bases(rules).next()?)));
    if let Some((rules, basis)) = based {
        let layer = basis.strip_suffix(rules.weight_basis.trim_start_matches("{}")).unwrap_or(basis);
        let has = |name: &str| scope.has(name);
        text += &format!(
            "; its bases are named as those of {} ({}), so a layer is called '{layer}' there and reads '{}'",
            rules.source,
            example(basis),
            rules.weight(layer, &has)
        );
        if let Some(quantizer) = scope.activation_layers(rules).next() {
            text += &format!(", and a quantizer '{quantizer}'");
        }
    }
    text
}
