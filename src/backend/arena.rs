//! Memory of one image on a CPU: the slots of a plan, read and written step by step.

use super::interface::Traced;
use crate::error::{Error, Result};
use crate::lower::{Step, TensorId, TensorSpec};
use crate::plan::Plan;

/// Words past the end of every slot, so that fast kernels may copy by whole registers.
pub const SLACK: usize = 16;

/// The slots of one image, each with [`SLACK`] words past its end that may be read.
pub struct Arena<'a> {
    plan: &'a Plan,
    slots: Vec<Vec<u32>>,
}

impl<'a> Arena<'a> {
    /// Empty slots, and the input in its own.
    pub fn new(plan: &'a Plan, input: &[u32]) -> Result<Self> {
        let slots = plan.slots().iter().map(|&words| zeroed(words + SLACK)).collect::<Result<_>>()?;
        Ok(Self::with_slots(plan, slots, input))
    }

    /// The slots of an earlier run of the same plan.
    pub fn with_slots(plan: &'a Plan, mut slots: Vec<Vec<u32>>, input: &[u32]) -> Self {
        slots[plan.slot_of(0)][..input.len()].copy_from_slice(input);
        Arena { plan, slots }
    }

    pub fn into_slots(self) -> Vec<Vec<u32>> {
        self.slots
    }

    pub fn spec(&self, id: TensorId) -> &TensorSpec {
        &self.plan.program().tensors[id]
    }

    pub fn read(&self, id: TensorId) -> &[u32] {
        &self.slots[self.plan.slot_of(id)][..self.spec(id).image_words()]
    }

    /// As [`Arena::read`], with [`SLACK`] more words of no meaning.
    pub fn slack(&self, id: TensorId) -> &[u32] {
        &self.slots[self.plan.slot_of(id)][..self.spec(id).image_words() + SLACK]
    }

    /// Takes the slots of `writes` (one or two tensors) out of the arena, so that `run` can write them while it reads others.
    pub fn step(&mut self, writes: &[TensorId], run: impl FnOnce(&Arena, &mut [Output])) {
        let mut taken: [Vec<u32>; 2] = Default::default();
        for (slot, &id) in taken.iter_mut().zip(writes) {
            *slot = std::mem::take(&mut self.slots[self.plan.slot_of(id)]);
        }
        let [first, second] = &mut taken;
        match *writes {
            [a] => run(self, &mut [self.output(a, first)]),
            [a, b] => run(self, &mut [self.output(a, first), self.output(b, second)]),
            // No kernel writes more, and one that writes nothing has nothing to do.
            _ => {}
        }
        for (slot, &id) in taken.into_iter().zip(writes) {
            self.slots[self.plan.slot_of(id)] = slot;
        }
    }

    fn output<'b>(&'b self, id: TensorId, slot: &'b mut [u32]) -> Output<'b> {
        let spec = self.spec(id);
        Output { id, spec, data: &mut slot[..spec.image_words()] }
    }
}

/// A tensor that a kernel writes.
pub struct Output<'a> {
    pub id: TensorId,
    pub spec: &'a TensorSpec,
    pub data: &'a mut [u32],
}

fn zeroed(words: usize) -> Result<Vec<u32>> {
    let mut slot = Vec::new();
    slot.try_reserve_exact(words).map_err(|_| Error::OutOfMemory {
        device: "cpu".into(),
        problem: format!("{} bytes of activations", words * 4),
    })?;
    slot.resize(words, 0);
    Ok(slot)
}

/// Runs a step and keeps what it wrote.
pub fn traced(index: usize, step: &Step, arena: &mut Arena, run: impl FnOnce(&Arena, &mut [Output])) -> Traced {
    let writes = step.kernel.writes();
    arena.step(&writes, run);
    Traced { step: index, written: writes.into_iter().map(|id| (id, arena.read(id).to_vec())).collect() }
}
