//! Code that the benches share: networks and pictures, networks prepared on devices, and names of launches.

#![allow(dead_code)] // each bench uses only a part of it

pub mod steps;
pub mod subjects;
pub mod verdict;

use lq_infer::internals::bench::random_network;
use lq_infer::internals::lower::PIXEL_ALPHA;
use lq_infer::internals::plan::Plan;
use lq_infer::internals::random::Rng;
use lq_infer::internals::zoo::Uniform;
use std::sync::Arc;

/// Any error will do, since it is only printed.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// A network of the zoo with the given bits of weights and activations, and with random parameters.
pub fn plan(net: &str, [w, a]: [usize; 2]) -> Outcome<Arc<Plan>> {
    Ok(Arc::new(Plan::new(random_network(net, &Uniform::bits(w, a), 1)?)?))
}

/// Random pictures.
pub fn pictures(plan: &Plan, images: usize) -> Vec<u32> {
    let mut rng = Rng::new(2);
    let alpha = u32::from(PIXEL_ALPHA as u8) << 24;
    (0..images * plan.input_words()).map(|_| rng.bits() >> 8 | alpha).collect()
}
