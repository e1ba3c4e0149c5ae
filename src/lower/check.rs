//! The consistency of a program: every tensor is written before it is read, and every kernel's tables are as long as
//! its tensors say.
//!
//! Lowering produces consistent programs. But the fields of a [`Program`] are public, and backends use them as indices
//! (in shaders without bounds checks), so [`crate::plan::Plan`] accepts only programs that pass this check.

use super::kernels::{Checked, Kernel, need};
use super::program::Program;
use super::tensors::TensorId;
use crate::tensor::Shape;
use std::ops::Range;

/// The words of each tensor's rows that have been written so far.
type Written = Vec<Vec<Range<usize>>>;

impl Program {
    /// Checks all steps.
    ///
    /// # Errors
    /// The first inconsistency, with the name of the layer.
    pub fn check(&self) -> Checked {
        for spec in &self.tensors {
            Shape::new(spec.shape.h, spec.shape.w, spec.shape.c)?;
        }
        let mut written: Written = vec![Vec::new(); self.tensors.len()];
        let input = self.tensors.first().ok_or("the program has no tensors")?;
        written[0].push(0..input.pixel_words());
        for step in &self.steps {
            self.check_step(&step.kernel, &mut written)
                .map_err(|problem| format!("layer '{}': {problem}", step.name))?;
        }
        let logits = self.tensors.get(self.logits.tensor()).ok_or("the logits do not exist")?;
        need(covered(&written[self.logits.tensor()], 0..logits.pixel_words()), "nothing writes the logits")
    }

    /// Checks a kernel, that it reads only what has been written, and that it writes what has not.
    fn check_step(&self, kernel: &Kernel, written: &mut Written) -> Checked {
        let (facts, tensors) = (kernel.facts(), self.view());
        let (reads, writes) = (facts.reads(), facts.writes());
        let exist = |ids: &[TensorId]| ids.iter().all(|&id| id < self.tensors.len());
        need(exist(&reads) && exist(&writes), "uses a tensor that does not exist")?;
        facts.check(tensors)?;
        for id in reads {
            let read = facts.words_read(id, tensors).into_iter().all(|words| covered(&written[id], words));
            need(read, "reads a tensor that nothing has written")?;
        }
        for id in writes {
            let words = facts.words_written(id, tensors);
            let fresh = written[id].iter().all(|w| w.end <= words.start || words.end <= w.start);
            need(fresh, "writes a tensor that is written already")?;
            written[id].push(words);
        }
        Ok(())
    }
}

/// Whether the disjoint ranges `written` cover all of `wanted`.
fn covered(written: &[Range<usize>], wanted: Range<usize>) -> bool {
    let overlap = |w: &Range<usize>| w.end.min(wanted.end).saturating_sub(w.start.max(wanted.start));
    written.iter().map(overlap).sum::<usize>() >= wanted.len()
}
