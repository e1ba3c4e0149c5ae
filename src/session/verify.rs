//! Golden vectors: proof that a device computes a model right.

use super::input::kinds;
use super::{Batch, Digest, Engine, Model, Net, PrepareOptions};
use crate::backend::Control;
use crate::error::Result;
use crate::format::{Golden, GoldenInput, Packed};
use crate::lower::InputKind;

/// Images of each golden vector that conversion adds, and of one for a network with more than [`LARGE`] multiplications. The
/// reference takes most of a minute for an image of VGG-11 with 8 bits.
const IMAGES: usize = 4;
const IMAGES_IF_LARGE: usize = 2;
const LARGE: u64 = 4_000_000_000;
/// Seed of their noise.
const SEED: u64 = 0x1f0e_5eed;

/// The result of one golden vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoldenReport {
    /// Kind of input.
    pub input: GoldenInput,
    /// Number of images.
    pub images: usize,
    /// Digest that the file records.
    pub expected: String,
    /// Digest that the device computed.
    pub found: String,
}

impl GoldenReport {
    fn new(golden: &Golden, found: String) -> Self {
        GoldenReport { input: golden.input, images: golden.images, expected: golden.digest.clone(), found }
    }

    /// Whether the device reproduced the recorded digest.
    pub fn holds(&self) -> bool {
        self.expected == self.found
    }
}

/// Runs the golden vectors of the net's model on its device.
///
/// # Errors
/// Those of [`Net::logits`].
pub fn verify(net: &Net) -> Result<Vec<GoldenReport>> {
    let golden = net.model().header().golden.iter();
    golden.map(|golden| Ok(GoldenReport::new(golden, digest(net, golden, 1, &|_| {})?))).collect()
}

/// [`verify`] without blocking, as [`Net::logits_async`].
pub fn verify_async(net: &Net) -> impl Future<Output = Result<Vec<GoldenReport>>> + Send + use<> {
    let net = net.clone();
    async move {
        let mut reports = Vec::new();
        for golden in &net.model().header().golden {
            let mut digest = Digest::new();
            for batch in images(net.model(), golden, 1) {
                let logits = net.logits_async(batch, Control::default()).await?;
                logits.iter().for_each(|logits| digest.add(logits));
            }
            reports.push(GoldenReport::new(golden, digest.hex()));
        }
        Ok(reports)
    }
}

/// The images of a golden vector, `together` in a batch.
fn images(model: &Model, golden: &Golden, together: usize) -> Vec<Batch> {
    let shape = model.header().graph.input_shape();
    let size = shape.elements() * together;
    match golden.input {
        GoldenInput::Pixels => golden.pixels(shape).chunks(size).map(|some| Batch::Pixels(some.to_vec())).collect(),
        GoldenInput::Tensor => golden.tensor(shape).chunks(size).map(|some| Batch::Tensor(some.to_vec())).collect(),
    }
}

/// The digest of a golden vector, run `together` images at a time; `progress` is told how many are done.
fn digest(net: &Net, golden: &Golden, together: usize, progress: &dyn Fn(usize)) -> Result<String> {
    let (mut digest, mut done) = (Digest::new(), 0);
    for batch in images(net.model(), golden, together) {
        let logits = net.logits(&batch, &Control::default())?;
        logits.iter().for_each(|logits| digest.add(logits));
        done += logits.len();
        progress(done);
    }
    Ok(digest.hex())
}

/// Adds golden vectors for every kind of input that the model takes, computed on `engine`, which should be the CPU
/// reference.
///
/// # Errors
/// [`crate::Error::BadModel`] if the parts of `packed` do not belong together, and those of [`Engine::prepare`].
pub fn add_golden(packed: Packed, engine: &Engine) -> Result<Model> {
    add_golden_with(packed, engine, &|_, _| {})
}

/// [`add_golden`] with a progress callback, which is told (done, total) images.
///
/// # Errors
/// Those of [`add_golden`].
pub fn add_golden_with(mut packed: Packed, engine: &Engine, progress: &dyn Fn(usize, usize)) -> Result<Model> {
    packed.header.golden.clear();
    let model = Model::try_from(packed.clone())?;
    let (kinds, images) = (kinds(&packed), golden_images(&packed));
    for (index, &kind) in kinds.iter().enumerate() {
        // Only one program at a time is in memory.
        let net = engine.prepare_for(&model, kind, &PrepareOptions::default())?;
        let input = match kind {
            InputKind::Pixels => GoldenInput::Pixels,
            InputKind::Tensor => GoldenInput::Tensor,
        };
        let mut golden = Golden { input, seed: SEED, images, digest: String::new() };
        let tell = |done| progress(index * images + done, kinds.len() * images);
        // The reference runs each image on one thread.
        golden.digest = digest(&net, &golden, rayon::current_num_threads(), &tell)?;
        packed.header.golden.push(golden);
    }
    Model::try_from(packed)
}

/// Images of each of its golden vectors.
fn golden_images(packed: &Packed) -> usize {
    let is_large = packed.header.graph.macs().is_ok_and(|macs| macs > LARGE);
    if is_large { IMAGES_IF_LARGE } else { IMAGES }
}
