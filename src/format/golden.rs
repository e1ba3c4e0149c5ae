//! Golden vectors: generated inputs and the digests of the logits they must give.

use crate::random::Rng;
use crate::tensor::Shape;
use serde::{Deserialize, Serialize};

/// A deterministic input and the digest of the logits it must give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// What is fed.
    pub input: GoldenInput,
    /// Seed of the generator, [`Rng`].
    pub seed: u64,
    /// Images generated one after the other.
    pub images: usize,
    /// SHA-256 of all logits as little-endian `f32`, image by image, in hex.
    pub digest: String,
}

/// What a golden recipe generates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GoldenInput {
    /// 8-bit RGB pixels at network size: the eight bytes of each generated word, least significant first.
    Pixels,
    /// The first layer's tensor: x = s / 32768 for signed 16-bit s, four of each word, least significant first.
    Tensor,
}

impl GoldenInput {
    /// Its name in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            GoldenInput::Pixels => "pixels",
            GoldenInput::Tensor => "tensor",
        }
    }
}

impl Golden {
    /// The generated 8-bit pixels for an input of `shape`.
    pub fn pixels(&self, shape: Shape) -> Vec<u8> {
        let count = self.images * shape.elements();
        self.words(count.div_ceil(8)).flat_map(u64::to_le_bytes).take(count).collect()
    }

    /// The generated tensor for an input of `shape`.
    pub fn tensor(&self, shape: Shape) -> Vec<f32> {
        let count = self.images * shape.elements();
        let numbers = self.words(count.div_ceil(4)).flat_map(|w| (0..4).map(move |k| (w >> (16 * k)) as u16 as i16));
        numbers.map(|s| f32::from(s) / 32768.0).take(count).collect()
    }

    fn words(&self, count: usize) -> impl Iterator<Item = u64> {
        let mut rng = Rng::new(self.seed);
        std::iter::repeat_with(move || rng.next_u64()).take(count)
    }
}
