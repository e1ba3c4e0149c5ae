//! The plan: where the tensors of a program are stored. Tensors whose lifetimes do not overlap share a slot. Every
//! slot is a buffer of its own, because GPU APIs synchronize and restrict access per buffer.

use crate::lower::{Kernel, Program, TensorId};

/// Most 32-bit words that the tensors of one image may take together (1 GiB). Guards against absurd models.
const MAX_ARENA_WORDS: usize = 1 << 28;

/// A checked program with a slot for every tensor.
///
/// [`Plan::new`] is the only way to make one and nothing can change it afterwards. Backends rely on that: GPU shaders
/// run without bounds checks, so every index they compute must be one that [`Program::check`] has accepted.
///
/// ```compile_fail,E0616
/// fn without_steps(plan: &mut lq_infer::internals::plan::Plan) {
///     plan.program.steps.clear(); // the program is private
/// }
/// ```
///
/// ```compile_fail,E0596
/// fn without_steps(plan: &mut lq_infer::internals::plan::Plan) {
///     plan.program().steps.clear(); // and lent for reading only
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Plan {
    program: Program,
    slots: Slots,
}

/// The tensors that a step reads and writes, and how long it needs their memory.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Tensors that the step reads.
    pub reads: Vec<TensorId>,
    /// Tensors that the step writes.
    pub writes: Vec<TensorId>,
    /// Whether the step's inputs stay alive for one more step, so that a backend can fuse the next step into this one.
    pub keeps_inputs: bool,
}

/// An assignment of tensors to slots.
#[derive(Clone, Debug)]
pub struct Slots {
    /// Slot of each tensor.
    pub slot_of: Vec<usize>,
    /// 32-bit words per image of each slot.
    pub words: Vec<usize>,
}

impl Slots {
    /// Assigns slots greedily, in the order of execution. `tensors` holds the words per image of each tensor. No step
    /// writes to a slot whose contents this step or a later one still reads. Tensor 0, the input, exists from the
    /// start; tensor `last` is kept until the end.
    ///
    /// # Errors
    /// If the tensors take too much memory.
    pub fn assign(tensors: &[usize], steps: &[Access], last: TensorId) -> Result<Self, String> {
        let last_use = last_uses(tensors.len(), steps, last);
        let mut slots = Slots { slot_of: vec![usize::MAX; tensors.len()], words: Vec::new() };
        let mut free: Vec<usize> = Vec::new();
        slots.place(0, tensors, &mut free);
        let mut kept: Vec<usize> = Vec::new();
        for (step, Access { reads, writes, keeps_inputs }) in steps.iter().enumerate() {
            for &tensor in writes {
                // A concatenation is written by several steps, one per member.
                if slots.slot_of[tensor] == usize::MAX {
                    slots.place(tensor, tensors, &mut free);
                }
            }
            let mut ended: Vec<TensorId> = reads.iter().copied().filter(|&t| last_use[t] == step).collect();
            ended.sort_unstable();
            ended.dedup();
            free.append(&mut kept);
            let ended = ended.into_iter().map(|t| slots.slot_of[t]);
            if *keeps_inputs { kept.extend(ended) } else { free.extend(ended) }
        }
        match slots.words.iter().try_fold(0usize, |sum, &s| sum.checked_add(s)) {
            Some(total) if total <= MAX_ARENA_WORDS => Ok(slots),
            _ => Err("its activations take more than 1 GiB per image".into()),
        }
    }

    /// Puts `tensor` into the free slot that wastes least, else into the largest free one, enlarged, else into a new
    /// one.
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
    /// Checks `program` and assigns slots to its tensors.
    ///
    /// # Errors
    /// What [`Program::check`] finds, or that the tensors take too much memory.
    pub fn new(program: Program) -> Result<Self, String> {
        program.check()?;
        let words: Vec<usize> = program.tensors.iter().map(|t| t.image_words()).collect();
        let access = |kernel: &Kernel| {
            let facts = kernel.facts();
            Access { reads: facts.reads(), writes: facts.writes(), keeps_inputs: facts.may_take_the_next() }
        };
        let steps: Vec<Access> = program.steps.iter().map(|step| access(&step.kernel)).collect();
        let slots = Slots::assign(&words, &steps, program.logits.tensor())?;
        Ok(Plan { program, slots })
    }

    /// The program, which has passed [`Program::check`].
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Where its tensors live.
    pub fn slots(&self) -> &Slots {
        &self.slots
    }

    /// 32-bit words per image of the input tensor.
    pub fn input_words(&self) -> usize {
        self.program.tensors[0].image_words()
    }

    /// 32-bit words per image of the tensor that holds the logits.
    pub fn output_words(&self) -> usize {
        self.program.tensors[self.program.logits.tensor()].image_words()
    }
}

/// Index of the last step that reads each tensor; `last` counts as read after all steps.
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
