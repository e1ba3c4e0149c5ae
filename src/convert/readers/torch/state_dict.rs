//! Finds the state dict in a checkpoint: the dict that maps names to tensors.

use crate::files::quoted;
use std::collections::HashSet;

use super::pickle::{Pickle, Value};
use super::tensor::is_tensor;
use crate::convert::readers::views::wrapper_prefix;

/// Key of the state dict that is preferred among several.
const PREFERRED: &str = "state_dict";

/// Entries of a dict that an error lists.
const LISTED: usize = 8;

/// The tensors of the state dict by name: of the preferred dict in the checkpoint, of the checkpoint itself, or of the
/// one dict in it that is a state dict. Prefixes of wrappers are taken off. Values other than tensors are left out.
pub(super) fn find<'a>(pickle: &Pickle<'a>) -> Result<Vec<(&'a str, Value<'a>)>, String> {
    refuse_scales(pickle)?;
    let dict = choose(pickle)?;
    let tensors = named(pickle, dict).filter(|(_, value)| is_tensor(pickle, *value));
    let prefix = wrapper_prefix(tensors.clone().map(|(name, _)| name));
    Ok(tensors.map(|(name, value)| (name.get(prefix..).unwrap_or_default(), value)).collect())
}

/// A PyTorch repository named after LQ-Nets trains another scheme: each layer has one scale and one bias, kept beside
/// the state dict, and its levels are odd multiples of the scale. Its weights alone would pass for those of a float
/// network.
fn refuse_scales(pickle: &Pickle) -> Result<(), String> {
    let info = named(pickle, pickle.root).find(|(name, _)| *name == "quant_info").map(|(_, value)| value);
    let first = info.and_then(|layers| pickle.items(layers)?.first());
    let has = |key| first.is_some_and(|layer| named(pickle, *layer).any(|(name, _)| name == key));
    if !(has("scale") && has("bias")) {
        return Ok(());
    }
    Err("its 'quant_info' has a scale and a bias for each layer, whose levels are odd multiples of the scale; expected an \
         LQ-Net, which has a basis for each channel"
        .into())
}

fn choose<'a>(pickle: &Pickle<'a>) -> Result<Value<'a>, String> {
    let candidates = candidates(pickle);
    if let Some((_, preferred)) = candidates.iter().find(|(name, _)| *name == PREFERRED) {
        return Ok(*preferred);
    }
    // A state dict may contain a dict of tensors, and a checkpoint a tensor beside its state dict.
    let most = candidates.iter().map(|(_, dict)| tensors(pickle, *dict)).max().unwrap_or(0);
    if is_state_dict(pickle, pickle.root) && tensors(pickle, pickle.root) > most {
        return Ok(pickle.root);
    }
    match candidates.as_slice() {
        [(_, only)] => Ok(*only),
        [] => Err(no_state_dict(pickle)),
        several => {
            let names: Vec<String> = several.iter().take(LISTED).map(|(name, _)| quoted(name.as_bytes())).collect();
            Err(format!("it holds several state dicts ({}); save the one to convert alone", names.join(", ")))
        }
    }
}

/// The state dicts among the entries of the checkpoint. Each dict is looked into once, however often it occurs.
fn candidates<'a>(pickle: &Pickle<'a>) -> Vec<(&'a str, Value<'a>)> {
    let mut seen = HashSet::new();
    let mut is_new = |value| matches!(value, Value::Dict(node) if seen.insert(node));
    named(pickle, pickle.root).filter(|&(_, value)| is_new(value) && is_state_dict(pickle, value)).collect()
}

/// The entries of a dict whose keys are strings.
fn named<'p, 'a>(
    pickle: &'p Pickle<'a>,
    dict: Value<'a>,
) -> impl Iterator<Item = (&'a str, Value<'a>)> + Clone + use<'p, 'a> {
    let name = |[key, value]: &[Value<'a>; 2]| if let Value::Str(name) = *key { Some((name, *value)) } else { None };
    pickle.pairs(dict).iter().filter_map(name)
}

/// Number of tensors in a dict.
fn tensors<'a>(pickle: &Pickle<'a>, dict: Value<'a>) -> usize {
    named(pickle, dict).filter(|(_, value)| is_tensor(pickle, *value)).count()
}

/// Whether a value maps names to tensors. A few other values may be among them (`_extra_state`), and a checkpoint with
/// a tensor or two of its own (an accuracy, a random state) is no state dict.
fn is_state_dict<'a>(pickle: &Pickle<'a>, value: Value<'a>) -> bool {
    let tensors = tensors(pickle, value);
    tensors > 0 && 2 * tensors >= pickle.pairs(value).len()
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
    let state = pickle.state(value).unwrap_or(Value::None);
    named(pickle, state).any(|(name, _)| name == "_modules")
}
