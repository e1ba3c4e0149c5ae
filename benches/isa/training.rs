//! The shaders of a step of training.

use crate::common::Outcome;
use crate::shaders::Source;
use lq_infer::internals::bench::model::Machine;
use lq_infer::internals::bench::random_model;
use lq_infer::internals::graph::Ties;
use lq_infer::internals::train::recording;
use lq_infer::internals::zoo::Uniform;
use std::collections::HashSet;

const NETWORK: &str = "cifar-resnet-20";
const BITS: usize = 2;
/// Images per batch.
const BATCH: usize = 128;

/// The distinct shaders of a step on a device.
pub fn shaders(machine: &Machine) -> Outcome<Vec<Source>> {
    let model = random_model(NETWORK, &Uniform::bits(BITS, BITS), 1)?;
    let recording = recording(&model.header().graph, Ties::Below, BATCH, &machine.target(BATCH), false)?;
    let mut seen = HashSet::new();
    let new = recording.dispatches().iter().filter(|dispatch| seen.insert(dispatch.source.clone()));
    Ok(new.map(|d| Source::of(format!("training {NETWORK} {BITS}/{BITS} {} {}", d.name, d.kernel), d)).collect())
}
