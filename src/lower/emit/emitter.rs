//! The state of emission, which all its parts add to.

use crate::graph::{Fact, Graph, NodeId, Params};
use crate::lower::affine::Affine;
use crate::lower::chain::Group;
use crate::lower::kernels::Kernel;
use crate::lower::program::Step;
use crate::lower::rows::Row;
use crate::lower::tensors::{Repr, TensorId, TensorSpec};
use crate::tensor::Shape;

/// The tensors that hold one node's result.
#[derive(Clone, Debug, Default)]
pub(super) struct Forms {
    /// Its values.
    pub value: Option<TensorId>,
    /// Its codes.
    pub codes: Option<TensorId>,
    /// The limbs of its values.
    pub limbs: Option<TensorId>,
    /// Number of planes and tensor of the bits of its values.
    pub bits: Option<(usize, TensorId)>,
    /// Whether its planes have been copied to their place in a row.
    pub in_row: bool,
}

/// The graph, what is known about it, and the program so far.
pub(super) struct Emitter<'a> {
    pub graph: &'a Graph,
    pub params: &'a Params,
    pub facts: Vec<Fact>,
    /// Fractional bits per node.
    pub scales: Vec<i32>,
    /// Mean and deviation, if pixels are folded into the first layer.
    pub pixels: Option<([f64; 3], [f64; 3])>,
    pub groups: Vec<Group>,
    pub tensors: Vec<TensorSpec>,
    pub steps: Vec<Step>,
    pub forms: Vec<Forms>,
    pub rows: Vec<Row>,
    pub row_tensors: Vec<Option<TensorId>>,
    /// Most words of weights of a float convolution that is not computed in parts.
    pub most_words: usize,
}

impl<'a> Emitter<'a> {
    /// Name of a node.
    pub(super) fn name(&self, id: NodeId) -> &'a str {
        &self.graph.nodes()[id].name
    }

    /// `affine` followed by batch norms.
    pub(super) fn batch_norms(&self, mut affine: Affine, batch_norms: &[NodeId]) -> Result<Affine, String> {
        for &bn in batch_norms {
            affine.then_batch_norm(self.graph, self.params, bn)?;
        }
        Ok(affine)
    }

    /// Adds a tensor.
    pub(super) fn tensor(&mut self, name: String, shape: Shape, repr: Repr) -> TensorId {
        self.tensors.push(TensorSpec { name, shape, repr });
        self.tensors.len() - 1
    }

    /// Adds a step for node `id`.
    pub(super) fn push(&mut self, id: NodeId, kernel: Kernel) {
        self.steps.push(Step { name: self.name(id).to_owned(), kernel });
    }
}
