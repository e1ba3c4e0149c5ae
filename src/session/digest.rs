//! The digest of logits, which shows whether two machines computed the same.

use crate::files::hex;
use sha2::{Digest as _, Sha256};

/// SHA-256 over logits as little-endian `f32`, in the order they are added.
#[derive(Clone, Debug, Default)]
pub struct Digest(Sha256);

impl Digest {
    /// An empty digest.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the logits of one image.
    pub fn add(&mut self, logits: &[f32]) {
        for v in logits {
            self.0.update(v.to_le_bytes());
        }
    }

    /// The digest in hex.
    pub fn hex(self) -> String {
        hex(&self.0.finalize())
    }

    /// Digest of one image's logits, in hex.
    pub fn of(logits: &[f32]) -> String {
        let mut digest = Self::new();
        digest.add(logits);
        digest.hex()
    }
}
