//! Finds the state dict in a checkpoint: the dict that maps names to tensors.

use super::pickle::{Node, Pickle, Steps, Value};
use super::tensor::{is_tensor, numbers};
use crate::convert::readers::evidence::{Evidence, StateDict, cut};
use crate::files::quoted;
use std::collections::HashSet;

/// Key of the state dict that is preferred among several.
const PREFERRED: &str = "state_dict";

/// Entries of a dict that an error lists.
const LISTED: usize = 8;

/// How deep a state dict may lie. The checkpoint itself has depth 0.
const MAX_DEPTH: usize = 4;

/// Most dicts that are looked into.
const MAX_LOOKED: usize = 4096;

/// Longest key of a dict that is looked into.
const MAX_KEY: usize = 200;

/// A dict with fewer tensors than one in so many of the largest state dict holds something else, such as the states of
/// random generators.
const SMALLEST: usize = 4;

/// The name by which the checkpoint itself is chosen, if it is a state dict.
const ROOT: &str = ".";

/// A state dict and where it lies.
#[derive(Clone, Debug)]
struct Candidate<'a> {
    key: String,
    depth: usize,
    dict: Value<'a>,
}

/// The tensors of the state dict by name: of the one with the key `wanted`, or else of the preferred dict in the
/// checkpoint, of the checkpoint itself, or of the one dict in it that is a state dict. Values other than tensors are
/// left out. `evidence` is told of the others.
pub(super) fn find<'a>(
    pickle: &Pickle<'a>,
    wanted: Option<&str>,
    evidence: &mut Evidence,
) -> Result<Vec<(&'a str, Value<'a>)>, String> {
    let candidates = candidates(pickle);
    let taken = match wanted {
        Some(wanted) => {
            candidates.iter().find(|c| c.key == wanted).ok_or_else(|| no_such(pickle, wanted, &candidates))?
        }
        None => choose(pickle, &candidates)?,
    };
    let mut others: Vec<_> = candidates.iter().filter(|c| c.key != taken.key).map(|c| describe(pickle, c)).collect();
    let described = describe(pickle, taken);
    others.retain(|other| SMALLEST * other.tensors >= described.tensors);
    if !others.is_empty() {
        others.truncate(LISTED);
        (evidence.taken, evidence.others, evidence.chosen) = (Some(described), others, wanted.is_some());
    }
    refuse_packed(pickle, taken.dict)?;
    Ok(named(pickle, taken.dict).filter(|(_, value)| is_tensor(pickle, *value)).collect())
}

/// Modules that `torch.quantization` has converted keep their weights in objects.
fn refuse_packed(pickle: &Pickle, dict: Value) -> Result<(), String> {
    match named(pickle, dict).find(|(name, _)| name.ends_with("._packed_params")) {
        None => Ok(()),
        Some((name, _)) => Err(format!(
            "its {} is of PyTorch's own quantization, whose levels are evenly spaced; expected the floats and bases of an \
             LQ-Net: save the state_dict before torch.quantization converts the model",
            quoted(name.as_bytes())
        )),
    }
}

fn describe(pickle: &Pickle, candidate: &Candidate) -> StateDict {
    let tensors = named(pickle, candidate.dict).map(|(_, value)| value).filter(|value| is_tensor(pickle, *value));
    let numbers = tensors.clone().map(|tensor| numbers(pickle, tensor)).fold(0, usize::saturating_add);
    StateDict { key: cut(&candidate.key), tensors: tensors.count(), numbers }
}

fn no_such(pickle: &Pickle, wanted: &str, candidates: &[Candidate]) -> String {
    format!("it holds no state dict '{}'; {}", cut(wanted), listed(pickle, candidates))
}

/// The state dicts there are.
fn listed(pickle: &Pickle, candidates: &[Candidate]) -> String {
    let described = candidates.iter().take(LISTED).map(|c| describe(pickle, c).to_string());
    let all = described.collect::<Vec<_>>().join(", ");
    if all.is_empty() { "it holds none at all".into() } else { format!("it holds {all}") }
}

fn choose<'c, 'a>(pickle: &Pickle<'a>, candidates: &'c [Candidate<'a>]) -> Result<&'c Candidate<'a>, String> {
    if let Some(preferred) = candidates.iter().find(|c| c.depth == 1 && c.key == PREFERRED) {
        return Ok(preferred);
    }
    // A state dict may contain a dict of tensors, and a checkpoint a tensor beside its state dict.
    let tensors = |candidate: &Candidate<'a>| tensors(pickle, candidate.dict);
    let (roots, inner): (Vec<_>, Vec<_>) = candidates.iter().partition(|c| c.depth == 0);
    let most = inner.iter().map(|c| tensors(c)).max().unwrap_or(0);
    if let Some(root) = roots.first().filter(|root| tensors(root) > most) {
        return Ok(root);
    }
    // Those that lie deepest are parts of something else, such as of an optimizer.
    let depth = inner.iter().map(|c| c.depth).min();
    let mut nearest: Vec<_> = inner.into_iter().filter(|c| Some(c.depth) == depth).collect();
    let most = nearest.iter().map(|c| tensors(c)).max().unwrap_or(0);
    nearest.retain(|c| SMALLEST * tensors(c) >= most);
    match nearest.as_slice() {
        [only] => Ok(only),
        [] => Err(no_state_dict(pickle)),
        several => {
            let names = several.iter().take(LISTED).map(|c| describe(pickle, c).to_string()).collect::<Vec<_>>();
            Err(format!("it holds several state dicts: {}; choose one with --key", names.join(", ")))
        }
    }
}

/// All state dicts in the checkpoint, from the outside in. Each dict is looked into once, however often it occurs.
fn candidates<'a>(pickle: &Pickle<'a>) -> Vec<Candidate<'a>> {
    let (mut seen, mut steps) = (HashSet::<Node>::new(), Steps::new());
    let mut found = Vec::new();
    let mut level = vec![(ROOT.to_owned(), pickle.root)];
    for depth in 0..=MAX_DEPTH {
        let mut next = Vec::new();
        for (key, dict) in level {
            // The tensors in a whole model are spread over its modules.
            let (Value::Dict(node) | Value::Call(node)) = dict else { continue };
            if !seen.insert(node) || is_tensor(pickle, dict) || !steps.pay(pickle, dict) || is_module(pickle, dict) {
                continue;
            }
            let prefix = if depth == 0 { String::new() } else { format!("{key}.") };
            let parts = named(pickle, dict).filter(|(_, value)| matches!(value, Value::Dict(_) | Value::Call(_)));
            let parts = parts.filter(|(name, value)| !is_tensor(pickle, *value) && name.len() <= MAX_KEY);
            let room = MAX_LOOKED.saturating_sub(seen.len() + next.len());
            next.extend(parts.take(room).map(|(name, value)| (format!("{prefix}{name}"), value)));
            if is_state_dict(pickle, dict) {
                found.push(Candidate { key, depth, dict });
            }
        }
        level = next;
    }
    found
}

/// The entries of a dict whose keys are strings.
fn named<'p, 'a>(
    pickle: &'p Pickle<'a>,
    dict: Value<'a>,
) -> impl Iterator<Item = (&'a str, Value<'a>)> + Clone + use<'p, 'a> {
    let name = |[key, value]: &[Value<'a>; 2]| if let Value::Str(name) = *key { Some((name, *value)) } else { None };
    pickle.entries(dict).filter_map(name)
}

/// Number of tensors in a dict.
fn tensors<'a>(pickle: &Pickle<'a>, dict: Value<'a>) -> usize {
    named(pickle, dict).filter(|(_, value)| is_tensor(pickle, *value)).count()
}

/// Whether a value maps names to tensors. A few other values may be among them (`_extra_state`), and a checkpoint with
/// a tensor or two of its own (an accuracy, a random state) is no state dict.
pub(super) fn is_state_dict<'a>(pickle: &Pickle<'a>, value: Value<'a>) -> bool {
    let tensors = tensors(pickle, value);
    tensors > 0 && 2 * tensors >= pickle.entries(value).count()
}

/// The message about a checkpoint without a state dict: what it is instead.
fn no_state_dict(pickle: &Pickle) -> String {
    const ADVICE: &str = "save model.state_dict() with torch.save instead";
    if is_module(pickle, pickle.root) {
        return format!(
            "it is a whole model, {}, which needs that class's code; {ADVICE}",
            pickle.describe(pickle.root)
        );
    }
    let described = |(name, value): (&str, Value)| {
        let whole = if is_module(pickle, value) { "a whole model, " } else { "" };
        format!("{} is {whole}{}", quoted(name.as_bytes()), pickle.describe(value))
    };
    let entries: Vec<String> = named(pickle, pickle.root).take(LISTED).map(described).collect();
    let entries = if entries.is_empty() { String::new() } else { format!(" ({})", entries.join(", ")) };
    format!("it is {}{entries} without a state dict; {ADVICE}", pickle.describe(pickle.root))
}

/// Whether an object is a `torch.nn.Module`: legacy files keep the class's source, and the state is that of any
/// module.
fn is_module<'a>(pickle: &Pickle<'a>, value: Value<'a>) -> bool {
    matches!(value, Value::Call(_)) && named(pickle, value).any(|(name, _)| name == "_modules")
}
