//! Models to measure: files, networks of the zoo with random parameters, the bundled one.

use super::failure::Failure;
use super::output;
use crate::bench::{ExpectedLogits, Job, Opened, random_model};
use crate::error::Error;
use crate::files::{hex, read_file};
use crate::format::MAX_MODEL;
use crate::graph::Weights;
use crate::session::Model;
use crate::zoo::Uniform;
use clap::Args;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::time::{Duration, Instant};

/// The number of bits that means float.
const FLOAT: usize = 32;
/// Seed of random parameters.
const SEED: u64 = 1;

/// Bits of weights and activations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bits {
    weights: usize,
    activations: usize,
}

/// Parses bits of weights and of activations, such as "1/2".
pub(super) fn parse_bits(text: &str) -> Result<Bits, String> {
    let parsed = text.split_once('/').and_then(|(w, a)| Some((w.parse().ok()?, a.parse().ok()?)));
    match parsed {
        Some((weights @ 1..=8, activations @ (1..=8 | FLOAT))) => Ok(Bits { weights, activations }),
        _ => Err("must be bits of weights and of activations, 1 to 8 (activations also 32: float), such as 1/2".into()),
    }
}

/// Networks of the zoo with random parameters, as arguments of a command.
#[derive(Args, Debug)]
pub(super) struct RandomNets {
    /// Networks of the zoo with random parameters, by id
    #[arg(long = "net", id = "net", value_name = "ID", value_delimiter = ',')]
    nets: Vec<String>,
    /// Bits of weights and activations of these networks; 32 for float activations
    #[arg(
        long,
        value_name = "W/A",
        value_delimiter = ',',
        default_value = "2/2",
        value_parser = parse_bits,
        requires = "net"
    )]
    bits: Vec<Bits>,
}

impl RandomNets {
    /// Each network at each width.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, Bits)> {
        self.nets.iter().flat_map(|net| self.bits.iter().map(move |&bits| (&net[..], bits)))
    }
}

/// A network of the zoo with random parameters.
pub(super) fn random(net: &str, bits: Bits) -> Result<Model, Error> {
    let Bits { weights, activations } = bits;
    let activation_bits = (activations != FLOAT).then_some(activations);
    let model = random_model(net, &Uniform { weights: Weights::Planes { bits: weights }, activation_bits }, SEED)?;
    let found = model.header().graph.widths();
    if activations != FLOAT && found.ends_with("/32") {
        output::note(&format!("note: {net} keeps its activations in float: {weights}/{activations} is {found}"));
    }
    Ok(model)
}

/// A model to measure.
pub(super) struct Subject {
    model: Model,
    /// Where the model comes from, as a report says it.
    source: String,
    load: Duration,
    reference: ExpectedLogits,
}

impl Subject {
    pub(super) fn file(path: &Path) -> Result<Self, Failure> {
        let bytes = read_file(path, MAX_MODEL)?;
        let hash = hex(&Sha256::digest(&bytes));
        Self::new(hash, || Model::from_bytes(&bytes, &path.display().to_string()))
    }

    pub(super) fn random(net: &str, bits: Bits) -> Result<Self, Failure> {
        Self::new(format!("random, seed {SEED}"), || random(net, bits))
    }

    /// Whether both are one model.
    pub(super) fn is_same(&self, other: &Subject) -> bool {
        self.source == other.source && self.model.header().name == other.model.header().name
    }

    pub(super) fn bundled() -> Result<Self, Failure> {
        Self::new("bundled".to_owned(), Model::bundled)
    }

    fn new(source: String, make: impl FnOnce() -> Result<Model, Error>) -> Result<Self, Failure> {
        let start = Instant::now();
        let model = make()?;
        let load = start.elapsed();
        Ok(Subject { reference: ExpectedLogits::new(&model)?, model, source, load })
    }

    /// The measurement of this model on a device. `device` is `None` if it could not be opened.
    pub(super) fn job(&self, batch: usize, budget: Duration, device: Option<&Opened>) -> Job<'_> {
        let Subject { model, source, load, reference } = self;
        let ceiling = device.map(|d| d.ceiling);
        Job { model, source, load: *load, reference, batch, budget, ceiling, against_f32: false }
    }
}
