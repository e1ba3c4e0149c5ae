//! Variables of a checkpoint, and limits that keep a small hostile file from costing much memory. All are far above
//! any real network.

use crate::files::quoted;
use crate::graph::MAX_NODES;
use std::collections::BTreeMap;

/// Longest variable name that is read.
const MAX_NAME: usize = 1024;

/// Most bytes of all names together.
pub(super) const MAX_NAME_BYTES: usize = 4 * 1024 * 1024;

/// Most variables of a checkpoint: no layer has more than four.
pub(super) const MAX_VARIABLES: usize = 4 * MAX_NODES;

/// Most dimensions of a variable.
pub(super) const MAX_DIMS: usize = 16;

/// How far a variable that is packed or repeated may exceed the file in size, in bytes. Together with the list of
/// variables, it keeps all memory that a hostile file can claim below its own size plus 64 MiB.
pub(super) const MARGIN: usize = 40 * 1024 * 1024;

/// What a checkpoint says about one variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Length of each dimension; empty for a scalar.
    pub shape: Vec<usize>,
    /// Name of the element type, such as "float32" or "int64".
    pub dtype: String,
}

/// The variables that a file lists, each with a format's note of where its data lie.
#[derive(Debug)]
pub(super) struct VariableList<P> {
    variables: BTreeMap<String, Variable>,
    places: BTreeMap<String, P>,
    name_bytes: usize,
}

impl<P> VariableList<P> {
    pub(super) fn new() -> Self {
        VariableList { variables: BTreeMap::new(), places: BTreeMap::new(), name_bytes: 0 }
    }

    pub(super) fn variables(&self) -> &BTreeMap<String, Variable> {
        &self.variables
    }

    pub(super) fn places(&self) -> &BTreeMap<String, P> {
        &self.places
    }

    /// Adds a variable of another name than those before.
    pub(super) fn insert(&mut self, name: &str, variable: Variable, place: P) -> Result<(), String> {
        self.name_bytes = self.name_bytes.saturating_add(name.len());
        check_count(self.variables.len() + 1, self.name_bytes)?;
        if self.variables.insert(name.to_owned(), variable).is_some() {
            return Err(format!("variable '{name}' comes twice"));
        }
        self.places.insert(name.to_owned(), place);
        Ok(())
    }

    /// Where the data of a variable lie.
    pub(super) fn place(&self, name: &str) -> Result<&P, String> {
        self.places.get(name).ok_or_else(|| format!("no variable '{name}'"))
    }

    /// The same for a variable that must be float32: narrower or wider types would make results depend on a conversion
    /// nobody asked for.
    pub(super) fn place_of_f32(&self, name: &str) -> Result<&P, String> {
        match self.variables.get(name) {
            Some(Variable { dtype, .. }) if dtype != "float32" => {
                Err(format!("variable '{name}' is of type {dtype}, expected float32"))
            }
            _ => self.place(name),
        }
    }
}

/// Takes the name of a variable from its key, without TensorFlow's trailing ":0" (output 0 of an op).
pub(super) fn variable_name(key: &[u8]) -> Result<&str, String> {
    plain_name("variable", key.strip_suffix(b":0").unwrap_or(key))
}

/// A name of `what`: printable text of bounded length. Names are never used as paths; still, those that would lead out
/// of a directory are refused, since no writer makes them.
pub(super) fn plain_name<'a>(what: &str, name: &'a [u8]) -> Result<&'a str, String> {
    let text = str::from_utf8(name).ok();
    let text = text.filter(|n| !n.is_empty() && n.len() <= MAX_NAME && !n.contains(char::is_control));
    let leads_out = |n: &str| n.starts_with('/') || n.contains('\\') || n.split('/').any(|part| part == "..");
    text.filter(|n| !leads_out(n)).ok_or_else(|| format!("bad {what} name {}", quoted(name)))
}

/// Checks the number of variables and the bytes of their names.
fn check_count(variables: usize, name_bytes: usize) -> Result<(), String> {
    if variables > MAX_VARIABLES || name_bytes > MAX_NAME_BYTES {
        return Err(format!("more than {MAX_VARIABLES} variables or {MAX_NAME_BYTES} bytes of names"));
    }
    Ok(())
}

/// Whether a checkpoint with variables of these names could be read.
pub(in crate::convert) fn check_names<'a>(mut names: impl Iterator<Item = &'a String> + Clone) -> Result<(), String> {
    check_count(names.clone().count(), names.clone().map(String::len).sum())?;
    names.try_for_each(|name| plain_name("tensor", name.as_bytes()).map(drop))
}
