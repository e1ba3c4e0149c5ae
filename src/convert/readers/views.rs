//! Named tensors as windows into the bytes of a file.

use super::pieces::Sink;
use super::strided::StridedView;
use super::variable::{Variable, VariableList, plain_name};
use crate::files::ReadExactAt;
use std::collections::BTreeMap;

/// The tensors of a file by name.
#[derive(Debug)]
pub(super) struct Views(VariableList<StridedView>);

impl Views {
    pub(super) fn new() -> Self {
        Views(VariableList::new())
    }

    pub(super) fn variables(&self) -> &BTreeMap<String, Variable> {
        self.0.variables()
    }

    /// Adds a tensor of a file of `file_len` bytes.
    pub(super) fn insert(&mut self, name: &str, view: StridedView, file_len: usize) -> Result<(), String> {
        let name = plain_name("variable", name.as_bytes())?;
        view.check(file_len).map_err(|problem| format!("variable '{name}': {problem}"))?;
        let variable = Variable { shape: view.shape.clone(), dtype: view.element.name().into() };
        self.0.insert(name, variable, view)
    }

    /// The view of a tensor of floats.
    pub(super) fn float(&self, name: &str) -> Result<&StridedView, String> {
        let view = self.0.place(name)?;
        if !view.element.is_float() {
            let dtype = view.element.name();
            return Err(format!(
                "variable '{name}' is of type {dtype}, expected float32, float16, bfloat16 or float64"
            ));
        }
        Ok(view)
    }

    /// Passes a tensor of floats on, as [`super::reader::Reader::stream`] does.
    pub(super) fn stream(
        &self,
        file: &dyn ReadExactAt,
        name: &str,
        unit: usize,
        sink: &mut Sink,
    ) -> Result<(), String> {
        self.float(name)?.stream(file, unit, sink).map_err(|problem| format!("variable '{name}': {problem}"))
    }
}

/// Which of a file's variables are meant, and by what names.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Selection<'a> {
    /// Key of the state dict, if it is not the usual one.
    pub(super) key: Option<&'a str>,
    /// Whether names stay as they are in the file, with the prefixes of wrappers.
    pub(super) whole_names: bool,
}

impl Selection<'_> {
    /// Length of the prefix that is taken off `names`.
    pub(super) fn prefix<'n>(self, names: impl Iterator<Item = &'n str> + Clone) -> usize {
        if self.whole_names { 0 } else { wrapper_prefix(names) }
    }
}

/// Prefixes that PyTorch's wrappers of models put before every name: `DataParallel` and the like, and `torch.compile`.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// Most nested wrappers.
const MAX_WRAPPERS: usize = 4;

/// Length of the wrappers' prefixes that all `names` share.
pub(super) fn wrapper_prefix<'a>(names: impl Iterator<Item = &'a str> + Clone) -> usize {
    let mut len = 0;
    for _ in 0..MAX_WRAPPERS {
        let all_start =
            |wrapper: &&str| names.clone().all(|name| name.get(len..).is_some_and(|rest| rest.starts_with(wrapper)));
        let Some(wrapper) = WRAPPERS.into_iter().find(all_start) else { break };
        len += wrapper.len();
    }
    if names.clone().next().is_none() { 0 } else { len }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_are_taken_off_if_all_names_have_them() {
        let prefix = |names: &[&str]| wrapper_prefix(names.iter().copied());
        assert_eq!(prefix(&["module.a", "module.b.c"]), 7);
        assert_eq!(prefix(&["module.a", "b"]), 0);
        assert_eq!(prefix(&["module._orig_mod.a", "module._orig_mod.b"]), 17);
        assert_eq!(prefix(&["_orig_mod.module.a"]), 17);
        assert_eq!(prefix(&["module.module.a"]), 14);
        assert_eq!(prefix(&[&"module.".repeat(9)]), 28);
        assert_eq!(prefix(&[]), 0);
    }
}
