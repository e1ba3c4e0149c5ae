//! What logits say.

/// The class with the largest logit, the first of equal ones.
pub(crate) fn best<T: PartialOrd>(logits: &[T]) -> usize {
    let better = |best: usize, at: usize| if logits[at] > logits[best] { at } else { best };
    (0..logits.len()).reduce(better).unwrap_or(0)
}
