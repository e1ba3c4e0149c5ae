//! The plan: where the tensors of a program live. Tensors with disjoint lifetimes share a slot; a slot is a buffer of its
//! own, because GPU APIs order and restrict accesses by whole buffers.

use crate::lower::{Kernel, Program, TensorId};

/// Most words that one image's tensors may take together (1 GiB); a guard against absurd models.
const MAX_ARENA_WORDS: usize = 1 << 28;

/// A program with a slot for every tensor.
#[derive(Clone, Debug)]
pub struct Plan {
    pub program: Program,
    /// Slot of each tensor.
    pub slot_of: Vec<usize>,
    /// 32-bit words per image of each slot.
    pub slots: Vec<usize>,
}

/// What a step does to tensors, as far as their memory is concerned.
#[derive(Clone, Debug, Default)]
pub struct Access {
    pub reads: Vec<TensorId>,
    pub writes: Vec<TensorId>,
    /// What it reads is kept for one step more, so that a backend may do that step together with this one.
    pub keeps: bool,
}

/// Slots of tensors.
#[derive(Clone, Debug)]
pub struct Slots {
    /// Slot of each tensor.
    pub slot_of: Vec<usize>,
    /// 32-bit words per image of each slot.
    pub words: Vec<usize>,
}

impl Slots {
    /// Assigns slots to tensors of so many words greedily in order of execution. No step writes a slot that it or a later
    /// reader still needs. Tensor 0 is there from the beginning, tensor `last` stays to the end.
    ///
    /// # Errors
    /// That the tensors take too much memory.
    pub fn assign(tensors: &[usize], steps: &[Access], last: TensorId) -> Result<Self, String> {
        let last_use = last_uses(tensors.len(), steps, last);
        let mut slots = Slots { slot_of: vec![usize::MAX; tensors.len()], words: Vec::new() };
        let mut free: Vec<usize> = Vec::new();
        slots.place(0, tensors, &mut free);
        let mut kept: Vec<usize> = Vec::new();
        for (step, Access { reads, writes, keeps }) in steps.iter().enumerate() {
            for &tensor in writes {
                // Several steps write the parts of a concatenation.
                if slots.slot_of[tensor] == usize::MAX {
                    slots.place(tensor, tensors, &mut free);
                }
            }
            let mut ended: Vec<TensorId> = reads.iter().copied().filter(|&t| last_use[t] == step).collect();
            ended.sort_unstable();
            ended.dedup();
            free.append(&mut kept);
            let ended = ended.into_iter().map(|t| slots.slot_of[t]);
            if *keeps { kept.extend(ended) } else { free.extend(ended) }
        }
        match slots.words.iter().try_fold(0usize, |sum, &s| sum.checked_add(s)) {
            Some(total) if total <= MAX_ARENA_WORDS => Ok(slots),
            _ => Err("its activations take more than 1 GiB per image".into()),
        }
    }

    /// The best fitting free slot, or the largest one grown, or a new one.
    fn place(&mut self, tensor: TensorId, tensors: &[usize], free: &mut Vec<usize>) {
        let words = tensors[tensor];
        let waste = |slot: usize| (self.words[slot] < words, self.words[slot].abs_diff(words));
        let best = (0..free.len()).min_by_key(|&i| waste(free[i]));
        let slot = match best {
            Some(i) => free.swap_remove(i),
            None => {
                self.words.push(0);
                self.words.len() - 1
            }
        };
        self.words[slot] = self.words[slot].max(words);
        self.slot_of[tensor] = slot;
    }
}

impl Plan {
    /// Assigns [`Slots`].
    ///
    /// # Errors
    /// What [`Program::check`] finds, or that the tensors take too much memory.
    pub fn new(program: Program) -> Result<Self, String> {
        program.check()?;
        let words: Vec<usize> = program.tensors.iter().map(|t| t.image_words()).collect();
        let access = |kernel: &Kernel| {
            let keeps = matches!(kernel, Kernel::MaxPool(_) | Kernel::AvgPool(_));
            Access { reads: kernel.reads(), writes: kernel.writes(), keeps }
        };
        let steps: Vec<Access> = program.steps.iter().map(|step| access(&step.kernel)).collect();
        let Slots { slot_of, words: slots } = Slots::assign(&words, &steps, program.logits.tensor())?;
        Ok(Plan { program, slot_of, slots })
    }

    /// Words per image of the input tensor.
    pub fn input_words(&self) -> usize {
        self.program.tensors[0].image_words()
    }

    /// Words per image of the tensor that holds the logits.
    pub fn output_words(&self) -> usize {
        self.program.tensors[self.program.logits.tensor()].image_words()
    }

    /// Slot of the logits.
    pub fn output_slot(&self) -> usize {
        self.slot_of[self.program.logits.tensor()]
    }
}

/// Index of the last step that reads each tensor; `last` is read after all of them.
fn last_uses(tensors: usize, steps: &[Access], last: TensorId) -> Vec<usize> {
    let mut uses = vec![0; tensors];
    for (index, step) in steps.iter().enumerate() {
        for &tensor in &step.reads {
            uses[tensor] = index;
        }
    }
    uses[last] = usize::MAX;
    uses
}
