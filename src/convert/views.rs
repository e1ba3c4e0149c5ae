//! Named tensors as windows into the bytes of a file: PyTorch's strided views, of which plain arrays are a case.

use std::collections::BTreeMap;
use std::ops::Range;

use super::checkpoint::{MARGIN, MAX_DIMS, MAX_NAME_BYTES, MAX_VARIABLES, Variable, plain_name};
use super::element::Element;

/// Where the elements of a tensor lie.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) element: Element,
    /// Length of each dimension.
    pub(super) shape: Vec<usize>,
    /// Elements from one index to the next, for each dimension.
    pub(super) strides: Vec<usize>,
    /// Place in the file of the storage, from the tensor's first element on.
    pub(super) bytes: Range<usize>,
}

impl View {
    /// An array in C order that fills `bytes`.
    pub(super) fn contiguous(element: Element, shape: Vec<usize>, bytes: Range<usize>) -> Self {
        let mut stride = 1usize;
        let mut strides: Vec<usize> = Vec::new();
        for &len in shape.iter().rev() {
            strides.push(stride);
            stride = stride.saturating_mul(len);
        }
        strides.reverse();
        View { element, shape, strides, bytes }
    }

    /// Checks that every element lies within the storage, and that few elements do not claim to be many.
    fn check(&self, file_len: usize) -> Result<(), String> {
        if self.shape.len() > MAX_DIMS || self.shape.len() != self.strides.len() {
            let (dims, strides) = (self.shape.len(), self.strides.len());
            return Err(format!("{dims} dimensions and {strides} strides, expected as many and at most {MAX_DIMS}"));
        }
        let len =
            self.len().ok_or_else(|| format!("shape {:?} has more elements than can be addressed", self.shape))?;
        let stored = self.bytes.len() / self.element.size().max(1);
        if len == 0 {
            return Ok(());
        }
        if self.last().is_none_or(|last| last >= stored) {
            let View { shape, strides, .. } = self;
            return Err(format!(
                "shape {shape:?} with strides {strides:?} reaches beyond its storage, which has {stored} elements from there"
            ));
        }
        let limit = file_len.saturating_add(MARGIN);
        if len > stored && len.checked_mul(size_of::<f32>()).is_none_or(|bytes| bytes > limit) {
            return Err(format!("shape {:?} repeats {stored} stored elements beyond {limit} bytes", self.shape));
        }
        Ok(())
    }

    /// Number of elements.
    fn len(&self) -> Option<usize> {
        self.shape.iter().try_fold(1usize, |n, &dim| n.checked_mul(dim))
    }

    /// Place of the last element, counted in elements.
    fn last(&self) -> Option<usize> {
        let steps =
            self.shape.iter().zip(&self.strides).map(|(&len, &stride)| len.saturating_sub(1).checked_mul(stride));
        steps.into_iter().try_fold(0usize, |at, step| at.checked_add(step?))
    }

    /// All elements in C order.
    fn read_f32(&self, file: &[u8]) -> Result<Vec<f32>, String> {
        let len = self.len().unwrap_or(usize::MAX);
        let mut out = Vec::new();
        out.try_reserve_exact(len).map_err(|_| format!("not enough memory for an array of shape {:?}", self.shape))?;
        let raw = file.get(self.bytes.clone()).ok_or("the file is shorter than when it was opened")?;
        let (outer, run) = self.runs();
        let size = self.element.size();
        for start in Starts::new(outer, if len == 0 { 0 } else { len / run }) {
            self.element.decode(raw.get(start * size..(start + run) * size).unwrap_or_default(), &mut out);
        }
        if out.len() != len { Err("the file changed while it was read".into()) } else { Ok(out) }
    }

    /// The longest runs of elements that lie side by side in C order: the dimensions outside of them, as length and
    /// stride, and their length.
    fn runs(&self) -> (Vec<(usize, usize)>, usize) {
        // The stride of a dimension of length 1 does not matter.
        let mut outer: Vec<_> =
            self.shape.iter().copied().zip(self.strides.iter().copied()).filter(|d| d.0 != 1).collect();
        let mut run = 1usize;
        while let Some((len, _)) = outer.pop_if(|(_, stride)| *stride == run) {
            run = run.saturating_mul(len);
        }
        (outer, run.max(1))
    }
}

/// Places of the elements of a strided array in C order.
struct Starts {
    /// Length, stride and current index of each dimension.
    dims: Vec<(usize, usize, usize)>,
    at: usize,
    left: usize,
}

impl Starts {
    fn new(dims: Vec<(usize, usize)>, count: usize) -> Self {
        Starts { dims: dims.into_iter().map(|(len, stride)| (len, stride, 0)).collect(), at: 0, left: count }
    }
}

impl Iterator for Starts {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let at = self.at;
        for (len, stride, index) in self.dims.iter_mut().rev() {
            if *index + 1 < *len {
                *index += 1;
                self.at += *stride;
                break;
            }
            self.at -= *stride * *index;
            *index = 0;
        }
        Some(at)
    }
}

/// The tensors of a file by name.
#[derive(Debug, Default)]
pub(super) struct Views {
    variables: BTreeMap<String, Variable>,
    views: BTreeMap<String, View>,
    name_bytes: usize,
}

impl Views {
    pub(super) fn variables(&self) -> &BTreeMap<String, Variable> {
        &self.variables
    }

    /// Adds a tensor of a file of `file_len` bytes.
    pub(super) fn insert(&mut self, name: &str, view: View, file_len: usize) -> Result<(), String> {
        let name = plain_name("variable", name.as_bytes())?;
        view.check(file_len).map_err(|problem| format!("variable '{name}': {problem}"))?;
        self.name_bytes = self.name_bytes.saturating_add(name.len());
        if self.variables.len() >= MAX_VARIABLES || self.name_bytes > MAX_NAME_BYTES {
            return Err(format!("more than {MAX_VARIABLES} variables or {MAX_NAME_BYTES} bytes of names"));
        }
        let variable = Variable { shape: view.shape.clone(), dtype: view.element.name().into() };
        if self.variables.insert(name.to_owned(), variable).is_some() {
            return Err(format!("variable '{name}' comes twice"));
        }
        self.views.insert(name.to_owned(), view);
        Ok(())
    }

    /// The view of a tensor of floats.
    pub(super) fn float(&self, name: &str) -> Result<&View, String> {
        let view = self.views.get(name).ok_or_else(|| format!("no variable '{name}'"))?;
        if !view.element.is_float() {
            let dtype = view.element.name();
            return Err(format!(
                "variable '{name}' is of type {dtype}, expected float32, float16, bfloat16 or float64"
            ));
        }
        Ok(view)
    }

    /// Reads a tensor of floats out of the file's bytes.
    pub(super) fn read_f32(&self, file: &[u8], name: &str) -> Result<Vec<f32>, String> {
        self.float(name)?.read_f32(file).map_err(|problem| format!("variable '{name}': {problem}"))
    }
}

/// Prefixes that PyTorch's wrappers of models put before every name: `DataParallel` and its kind, and `torch.compile`.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// Most wrappers around each other.
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

    fn read(shape: &[usize], strides: &[usize], stored: usize) -> Result<Vec<f32>, String> {
        let file: Vec<u8> = (0..stored).flat_map(|i| (i as f32).to_le_bytes()).collect();
        let bytes = 0..file.len();
        let view = View { element: Element::F32, shape: shape.to_vec(), strides: strides.to_vec(), bytes };
        view.check(file.len())?;
        view.read_f32(&file)
    }

    #[test]
    fn strides_say_where_elements_lie() {
        assert_eq!(read(&[2, 3], &[3, 1], 6).unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(read(&[3, 2], &[1, 3], 6).unwrap(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(read(&[2, 2, 2], &[4, 1, 2], 8).unwrap(), [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
        assert_eq!(read(&[2, 2], &[4, 1], 6).unwrap(), [0.0, 1.0, 4.0, 5.0]);
        assert_eq!(read(&[3, 2], &[0, 1], 2).unwrap(), [0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
        assert_eq!(read(&[1, 2, 1], &[usize::MAX, 1, 7], 2).unwrap(), [0.0, 1.0]);
        assert_eq!(read(&[], &[], 1).unwrap(), [0.0]);
        assert_eq!(read(&[2, 0], &[usize::MAX, 1], 0).unwrap(), [0.0; 0]);
    }

    #[test]
    fn views_stay_within_their_storage() {
        for (shape, strides, stored, expected) in [
            (&[2, 3][..], &[3, 1][..], 5, "beyond its storage, which has 5"),
            (&[2, 2], &[usize::MAX, 1], 6, "beyond its storage"),
            (&[], &[], 0, "beyond its storage"),
            (&[1 << 40, 1 << 40], &[0, 0], 1, "more elements than can be addressed"),
            (&[1 << 40], &[0], 1, "repeats 1 stored elements"),
            (&[2], &[], 2, "1 dimensions and 0 strides"),
            (&[1; 17], &[1; 17], 2, "17 dimensions"),
        ] {
            let problem = read(shape, strides, stored).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
    }

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
