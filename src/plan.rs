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

impl Plan {
    /// Assigns slots greedily in order of execution. No step writes a slot that it or a later reader still needs.
    ///
    /// # Errors
    /// What [`Program::check`] finds, or that the tensors take too much memory.
    pub fn new(program: Program) -> Result<Self, String> {
        program.check()?;
        let last_use = last_uses(&program);
        let mut plan = Plan { slot_of: vec![usize::MAX; program.tensors.len()], slots: Vec::new(), program };
        let mut free: Vec<usize> = Vec::new();
        plan.place(0, &mut free);
        let mut pooled: Vec<usize> = Vec::new();
        for step in 0..plan.program.steps.len() {
            let kernel = &plan.program.steps[step].kernel;
            let (reads, writes) = (kernel.reads(), kernel.writes());
            for tensor in writes {
                // Several steps write the parts of a concatenation.
                if plan.slot_of[tensor] == usize::MAX {
                    plan.place(tensor, &mut free);
                }
            }
            let mut ended: Vec<TensorId> = reads.into_iter().filter(|&t| last_use[t] == step).collect();
            ended.sort_unstable();
            ended.dedup();
            free.append(&mut pooled);
            // What a pool reads is kept for one step more, so that a backend may do that step together with the pool.
            let pool = matches!(plan.program.steps[step].kernel, Kernel::MaxPool(_) | Kernel::AvgPool(_));
            let ended = ended.into_iter().map(|t| plan.slot_of[t]);
            if pool { pooled.extend(ended) } else { free.extend(ended) }
        }
        match plan.slots.iter().try_fold(0usize, |sum, &s| sum.checked_add(s)) {
            Some(total) if total <= MAX_ARENA_WORDS => Ok(plan),
            _ => Err("its activations take more than 1 GiB per image".into()),
        }
    }

    /// The best fitting free slot, or the largest one grown, or a new one.
    fn place(&mut self, tensor: TensorId, free: &mut Vec<usize>) {
        let words = self.program.tensors[tensor].image_words();
        let waste = |slot: usize| (self.slots[slot] < words, self.slots[slot].abs_diff(words));
        let best = (0..free.len()).min_by_key(|&i| waste(free[i]));
        let slot = match best {
            Some(i) => free.swap_remove(i),
            None => {
                self.slots.push(0);
                self.slots.len() - 1
            }
        };
        self.slots[slot] = self.slots[slot].max(words);
        self.slot_of[tensor] = slot;
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

/// Index of the last step that reads each tensor; the logits are read after all of them.
fn last_uses(program: &Program) -> Vec<usize> {
    let mut last = vec![0; program.tensors.len()];
    for (index, step) in program.steps.iter().enumerate() {
        for tensor in step.kernel.reads() {
            last[tensor] = index;
        }
    }
    last[program.logits.tensor()] = usize::MAX;
    last
}
