//! How dispatches divide their work.

use serde::{Deserialize, Serialize};

/// How a dispatch divides its work.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Division {
    pub variant: String,
    /// Steps that an invocation makes one after the other.
    pub steps: usize,
    pub workgroups: u64,
}
