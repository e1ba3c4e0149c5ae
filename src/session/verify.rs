//! Golden vectors: proof that a device computes a model right.

use super::{Batch, Digest, Engine, Model, Net};
use crate::backend::Control;
use crate::error::Result;
use crate::format::{Golden, GoldenInput, Packed};
use crate::lower::InputKind;

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
            let found = digest(net, g, &|_| {})?;
            Ok(GoldenReport { input: g.input, images: g.images, expected: g.digest.clone(), found })
        })
        .collect()
}

/// Runs image by image; `progress` is told how many are done.
fn digest(net: &Net, golden: &Golden, progress: &dyn Fn(usize)) -> Result<String> {
    let shape = net.model().header().graph.input_shape();
    let batches: Vec<Batch> = match golden.input {
        GoldenInput::Pixels => {
            golden.pixels(shape).chunks(shape.elements()).map(|image| Batch::Pixels(image.to_vec())).collect()
        }
        GoldenInput::Tensor => {
            golden.tensor(shape).chunks(shape.elements()).map(|image| Batch::Tensor(image.to_vec())).collect()
        }
    };
    let mut digest = Digest::new();
    for (done, batch) in batches.iter().enumerate() {
        net.logits(batch, &Control::default())?.iter().for_each(|logits| digest.add(logits));
        progress(done + 1);
    }
    Ok(digest.hex())
}

/// Adds golden vectors for every kind of input the model takes, computed on `engine` (the CPU reference when converting).
pub fn add_golden(packed: Packed, engine: &Engine) -> Result<Model> {
    add_golden_with(packed, engine, &|_, _| {})
}

/// [`add_golden`] with a progress callback, which is told (done, total) images.
pub fn add_golden_with(mut packed: Packed, engine: &Engine, progress: &dyn Fn(usize, usize)) -> Result<Model> {
    packed.header.golden.clear();
    let model = Model::try_from(packed.clone())?;
    let mut kinds = vec![GoldenInput::Tensor];
    if model.takes_pixels() {
        kinds.insert(0, GoldenInput::Pixels);
    }
    for (index, &input) in kinds.iter().enumerate() {
        // One program at a time is in memory.
        let net = engine.prepare_for(&model, input.into())?;
        let mut golden = Golden { input, seed: SEED, images: IMAGES, digest: String::new() };
        golden.digest = digest(&net, &golden, &|done| progress(index * IMAGES + done, kinds.len() * IMAGES))?;
        packed.header.golden.push(golden);
    }
    Model::try_from(packed)
}

impl From<GoldenInput> for InputKind {
    fn from(input: GoldenInput) -> Self {
        match input {
            GoldenInput::Pixels => InputKind::Pixels,
            GoldenInput::Tensor => InputKind::Tensor,
        }
    }
}
