//! What a training needs from the machine that it runs on.

use super::network::Network;
use super::sgd::Descent;
use super::steps::loss::{Targets, Worth};
use crate::error::Result;
use crate::graph::{Graph, Params};

/// How a batch is learned from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lesson<'a> {
    pub labels: &'a [usize],
    pub targets: Targets,
    pub descent: Descent,
}

/// A network on a machine: it learns from batches and infers, and what it keeps from batch to batch can be read and replaced.
pub(super) trait Machine: Send {
    /// Pictures of the largest batch.
    fn capacity(&self) -> usize;

    /// Room for the pictures of the next batch, `[pictures, h, w, c]`.
    fn input(&mut self, pictures: usize) -> &mut [f32];

    /// The logits of the pictures in [`Machine::input`], by the averages of the batch norms.
    fn infer(&mut self, pictures: usize) -> Result<Vec<f32>>;

    /// Learns from the pictures in [`Machine::input`]. Returns what those batches were worth of which that is known only now:
    /// a machine may still be at work on the last one.
    fn learn(&mut self, lesson: &Lesson) -> Result<Vec<Worth>>;

    /// Waits for all batches. Returns what those were worth that [`Machine::learn`] has not returned.
    fn settle(&mut self) -> Result<Vec<Worth>>;

    /// Batches that it has learned from.
    fn set_learned(&mut self, batches: usize);

    /// A float network of the same pictures and classes, whose probabilities are a part of the targets.
    fn set_teacher(&mut self, graph: &Graph, params: &Params) -> Result<()>;

    /// All that is kept, as it is now, in a network on the host.
    fn kept(&mut self) -> Result<&mut Network<f32>>;

    /// Goes on with what is in that network.
    fn keep(&mut self) -> Result<()>;

    /// The first layer whose last result has a number that is not finite. Results whose memory was used again are not seen.
    fn not_finite(&mut self, pictures: usize) -> Option<String>;
}
