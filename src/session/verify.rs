//! Golden vectors: proof that a device computes a model right.

use super::net::Batch;
use super::{Digest, Engine, Model, Net};
use crate::backend::Control;
use crate::error::Result;
use crate::format::{Golden, GoldenInput, Packed};

/// Images and seed of the golden vectors that conversion adds.
const IMAGES: usize = 4;
const SEED: u64 = 0x1f0e_5eed;

/// The outcome for one golden vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoldenReport {
    /// What was fed.
    pub input: GoldenInput,
    /// How many images.
    pub images: usize,
    /// Recorded in the file.
    pub expected: String,
    /// Computed now.
    pub found: String,
}

impl GoldenReport {
    /// Whether the device reproduced the recorded digest.
    pub fn holds(&self) -> bool {
        self.expected == self.found
    }
}

/// Runs the golden vectors of the net's model on its device.
pub fn verify(net: &Net) -> Result<Vec<GoldenReport>> {
    let golden = net.model().header().golden.iter();
    golden
        .map(|g| {
            let found = digest(net, g)?;
            Ok(GoldenReport { input: g.input, images: g.images, expected: g.digest.clone(), found })
        })
        .collect()
}

fn digest(net: &Net, golden: &Golden) -> Result<String> {
    let shape = net.model().header().graph.input_shape();
    let batch = match golden.input {
        GoldenInput::Pixels => Batch::Pixels(golden.pixels(shape)),
        GoldenInput::Tensor => Batch::Tensor(golden.tensor(shape)),
    };
    let mut digest = Digest::new();
    for logits in net.logits(&batch, &Control::default())? {
        digest.add(&logits);
    }
    Ok(digest.hex())
}

/// Adds golden vectors for every kind of input the model takes, computed on `engine` (the CPU reference when converting).
pub fn add_golden(packed: Packed, engine: &Engine) -> Result<Model> {
    let model = Model::try_from(packed.clone())?;
    let net = engine.prepare(&model)?;
    let kinds =
        if model.takes_pixels() { vec![GoldenInput::Pixels, GoldenInput::Tensor] } else { vec![GoldenInput::Tensor] };
    let mut packed = packed;
    packed.header.golden.clear();
    for input in kinds {
        let mut golden = Golden { input, seed: SEED, images: IMAGES, digest: String::new() };
        golden.digest = digest(&net, &golden)?;
        packed.header.golden.push(golden);
    }
    Model::try_from(packed)
}
