//! The lowered network: integer tensors and the steps that make them. Every backend executes exactly this.

use super::kernels::Kernel;
use super::tensors::{InputForm, TensorId, TensorSpec, Tensors};
use crate::fixed::{combine_diagonals, scale_by_power};

/// A lowered network for one kind of input.
#[derive(Clone, Debug)]
pub struct Program {
    /// The tensors; number 0 is the input.
    pub tensors: Vec<TensorSpec>,
    /// The steps, in order of execution.
    pub steps: Vec<Step>,
    /// How the host fills the input.
    pub input: InputForm,
    /// How the host makes logits of the last tensor.
    pub logits: Logits,
}

/// One kernel with its operands.
#[derive(Clone, Debug)]
pub struct Step {
    /// The layer it belongs to.
    pub name: String,
    /// What is launched.
    pub kernel: Kernel,
}

/// How the host turns the last tensor into logits, class by class.
#[derive(Clone, Debug, PartialEq)]
pub enum Logits {
    /// `(sum diagonals[d] * 256^d + bias) * 2^-frac`.
    Sums {
        /// The tensor of diagonal sums.
        tensor: TensorId,
        /// Bias of each class.
        bias: Vec<i64>,
        /// Fractional bits of each class.
        frac: Vec<i32>,
    },
    /// value * 2^-frac.
    Values {
        /// The tensor of values.
        tensor: TensorId,
        /// Fractional bits.
        frac: i32,
    },
}

impl Logits {
    /// The logits of one image from the words of its logit tensor. This is the only place where they become floats.
    pub fn to_floats(&self, words: &[u32]) -> Vec<f32> {
        let real = |n: i128, frac: i32| scale_by_power(n as f64, -frac) as f32;
        match self {
            Logits::Values { frac, .. } => words.iter().map(|&w| real(i128::from(w as i32), *frac)).collect(),
            Logits::Sums { bias, frac, .. } => {
                let diagonals = words.len() / bias.len().max(1);
                let classes = words.chunks_exact(diagonals).zip(bias.iter().zip(frac));
                let sum = |d: &[u32]| combine_diagonals(bytemuck::cast_slice(d));
                classes.map(|(d, (&bias, &frac))| real(sum(d) + i128::from(bias), frac)).collect()
            }
        }
    }

    /// The tensor from which the logits are computed.
    pub fn tensor(&self) -> TensorId {
        match self {
            Logits::Sums { tensor, .. } | Logits::Values { tensor, .. } => *tensor,
        }
    }
}

impl Program {
    /// The tensors, for the facts of kernels.
    pub fn view(&self) -> Tensors<'_> {
        Tensors { specs: &self.tensors, input: self.input }
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.tensors[self.logits.tensor()].shape.c
    }
}

/// A line per step: the layer, the kernel, the tensors it writes and those it reads, and details.
impl std::fmt::Display for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tensor = |id: TensorId| format!("%{id}:{} {}", self.tensors[id].shape, self.tensors[id].repr);
        let list = |ids: Vec<TensorId>| ids.into_iter().map(tensor).collect::<Vec<_>>().join(", ");
        writeln!(f, "input {} as {:?}", tensor(0), self.input)?;
        for Step { name, kernel } in &self.steps {
            let (writes, reads, details) = (list(kernel.writes()), list(kernel.reads()), kernel.facts().details());
            let line = format!("{name:<26} {:<9} {writes} <- {reads}  {details}", kernel.name());
            writeln!(f, "{}", line.trim_end())?;
        }
        writeln!(f, "logits %{}", self.logits.tensor())
    }
}
