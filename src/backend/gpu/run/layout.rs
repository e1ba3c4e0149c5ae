//! The tensors of a recording, and the slots that hold them.

use crate::lower::TensorId;
use crate::plan::{Plan, Slots};

/// What running needs to know of a plan, without its weights.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Name and words per image of each tensor. The first is the input.
    pub tensors: Vec<(String, usize)>,
    /// The slots, and which tensor is in which.
    pub slots: Slots,
    /// The tensor that holds the logits.
    pub output: TensorId,
}

impl Layout {
    /// That of `plan`.
    pub(crate) fn of(plan: &Plan) -> Self {
        Layout {
            tensors: plan.program().tensors.iter().map(|t| (t.name.clone(), t.image_words())).collect(),
            slots: plan.slots().clone(),
            output: plan.program().logits.tensor(),
        }
    }

    /// Words per image of a tensor.
    pub(crate) fn words(&self, tensor: TensorId) -> usize {
        self.tensors[tensor].1
    }

    /// Words per image of the input.
    pub(crate) fn input_words(&self) -> usize {
        self.words(0)
    }

    /// Words per image of the logits.
    pub(crate) fn output_words(&self) -> usize {
        self.words(self.output)
    }
}
