//! Options of the calls that prepare networks and classify pictures.

use crate::backend::Control;
use std::sync::Arc;

/// Largest batch that a network can be prepared for.
pub const MAX_BATCH: usize = 4096;

/// How to prepare a network.
#[derive(Clone)]
pub struct PrepareOptions {
    /// Largest batch that memory is set aside for, 1 to [`MAX_BATCH`]. Larger inputs are run in several batches.
    pub max_batch: usize,
    /// Called with (done, total) kernels while they are compiled.
    pub progress: Option<Arc<dyn Fn(usize, usize) + Send + Sync>>,
    /// Cancellation and deadline of the preparation, checked after every kernel.
    pub control: Control,
}

impl Default for PrepareOptions {
    fn default() -> Self {
        PrepareOptions { max_batch: 1, progress: None, control: Control::default() }
    }
}

/// Options of one classification.
#[derive(Clone, Debug, Default)]
pub struct ClassifyOptions {
    /// How many classes to report, most probable first; 5 if `None`.
    pub top_k: Option<usize>,
    /// Cancellation and deadline.
    pub control: Control,
}
