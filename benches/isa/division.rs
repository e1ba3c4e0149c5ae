//! How dispatches divide their work.

use serde::{Deserialize, Serialize};

/// Images per batch.
pub const BATCHES: [usize; 3] = [1, 8, 64];

/// How a dispatch divides its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Division {
    pub variant: String,
    /// Steps that an invocation makes one after the other.
    pub steps: usize,
    /// Workgroups for each of [`BATCHES`].
    pub workgroups: [u64; 3],
}
