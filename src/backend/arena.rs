//! The memory of one image on a CPU: the slots of a plan, read and written step by step.

use super::interface::Traced;
use crate::error::{Error, Result};
use crate::lower::{TensorId, TensorSpec};
use crate::plan::{Plan, Slots};

/// Words after the end of every slot, so that fast kernels may copy whole registers.
pub(super) const SLACK: usize = 16;

/// The tensors of a plan and their slots: all that an arena needs of it, without steps and weights.
#[derive(Clone, Debug)]
pub struct ArenaLayout {
    tensors: Vec<TensorSpec>,
    slots: Slots,
    output: TensorId,
}

impl ArenaLayout {
    /// The layout of `plan`.
    pub fn of(plan: &Plan) -> Self {
        ArenaLayout {
            tensors: plan.program().tensors.clone(),
            slots: plan.slots().clone(),
            output: plan.program().logits.tensor(),
        }
    }

    /// The tensor that holds the logits.
    pub fn output(&self) -> TensorId {
        self.output
    }

    /// Words of the input.
    pub fn input_words(&self) -> usize {
        self.tensors[0].image_words()
    }

    /// Words of the tensor that holds the logits.
    pub fn output_words(&self) -> usize {
        self.tensors[self.output].image_words()
    }
}

/// The slots of one image, each followed by `SLACK` words that may be read.
pub struct Arena<'a> {
    layout: &'a ArenaLayout,
    slots: Vec<Vec<u32>>,
}

impl<'a> Arena<'a> {
    /// New slots that hold the input and otherwise zeros.
    pub fn new(layout: &'a ArenaLayout, input: &[u32]) -> Result<Self> {
        let slots = layout.slots.words.iter().map(|&words| zeroed(words + SLACK)).collect::<Result<_>>()?;
        Ok(Self::with_slots(layout, slots, input))
    }

    /// Reuses the slots of an earlier run with the same layout.
    pub fn with_slots(layout: &'a ArenaLayout, mut slots: Vec<Vec<u32>>, input: &[u32]) -> Self {
        slots[layout.slots.slot_of[0]][..input.len()].copy_from_slice(input);
        Arena { layout, slots }
    }

    /// The slots, to be reused.
    pub fn into_slots(self) -> Vec<Vec<u32>> {
        self.slots
    }

    /// The shape and representation of a tensor.
    pub fn spec(&self, id: TensorId) -> &TensorSpec {
        &self.layout.tensors[id]
    }

    /// The words of a tensor.
    pub fn read(&self, id: TensorId) -> &[u32] {
        &self.slots[self.layout.slots.slot_of[id]][..self.spec(id).image_words()]
    }

    /// As [`Arena::read`], followed by `SLACK` words with arbitrary contents.
    pub fn slack(&self, id: TensorId) -> &[u32] {
        &self.slots[self.layout.slots.slot_of[id]][..self.spec(id).image_words() + SLACK]
    }

    /// Lets `run` write the tensors `writes` (one or two) while it reads others: their slots are taken out of the arena
    /// meanwhile.
    pub fn step(&mut self, writes: &[TensorId], run: impl FnOnce(&Arena, &mut [Output])) {
        let mut taken: [Vec<u32>; 2] = Default::default();
        for (slot, &id) in taken.iter_mut().zip(writes) {
            *slot = std::mem::take(&mut self.slots[self.layout.slots.slot_of[id]]);
        }
        let [first, second] = &mut taken;
        match *writes {
            [a] => run(self, &mut [self.output(a, first)]),
            [a, b] => run(self, &mut [self.output(a, first), self.output(b, second)]),
            // No kernel writes more than two, and one that writes none has nothing to do.
            _ => {}
        }
        for (slot, &id) in taken.into_iter().zip(writes) {
            self.slots[self.layout.slots.slot_of[id]] = slot;
        }
    }

    fn output<'b>(&'b self, id: TensorId, slot: &'b mut [u32]) -> Output<'b> {
        let spec = self.spec(id);
        Output { id, spec, data: &mut slot[..spec.image_words()] }
    }
}

/// A tensor that a kernel writes.
pub struct Output<'a> {
    /// The tensor.
    pub id: TensorId,
    /// Its shape and representation.
    pub spec: &'a TensorSpec,
    /// Its words.
    pub data: &'a mut [u32],
}

/// A slot of zeros.
fn zeroed(words: usize) -> Result<Vec<u32>> {
    let mut slot = Vec::new();
    slot.try_reserve_exact(words).map_err(|_| Error::OutOfMemory {
        device: "cpu".into(),
        problem: format!("{} bytes of activations", words * 4),
    })?;
    slot.resize(words, 0);
    Ok(slot)
}

/// Runs step `index`, which writes the tensors `writes`, and records what it wrote.
pub fn traced(index: usize, writes: &[TensorId], arena: &mut Arena, run: impl FnOnce(&Arena, &mut [Output])) -> Traced {
    arena.step(writes, run);
    Traced { step: index, written: writes.iter().map(|&id| (id, arena.read(id).to_vec())).collect() }
}
