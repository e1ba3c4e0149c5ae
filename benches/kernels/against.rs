//! Compares bit convolutions with the same layers of the float32 baseline.

use crate::common::Outcome;
use crate::common::subjects::Device;
use crate::options::Options;
use lq_infer::internals::bench::{Elapsed, StepTimes, Subject, random_model, time_steps};
use lq_infer::internals::graph::{Graph, Op};
use lq_infer::internals::lower::{Program, Work};
use lq_infer::internals::zoo::Uniform;
use std::collections::HashSet;

/// How often the two are measured, alternating.
const TURNS: usize = 2;

/// Times both, alternating, and prints how long the layers with bit convolutions take in each.
pub fn compare(
    device: &Device,
    ours: &dyn Subject,
    program: &Program,
    [w, a]: [usize; 2],
    options: &Options,
) -> Outcome<()> {
    let model = random_model(&options.net, &Uniform::bits(w, a), 1)?;
    let float = device.prepare_float(&model, options.batch)?;
    let is_bits = |layer: &str| program.steps.iter().any(|s| s.name == layer && Work::of(program, &s.kernel).words > 0);
    let layers: HashSet<String> = float.launches().into_iter().map(|l| l.0).filter(|layer| is_bits(layer)).collect();
    let products = products(&model.header().graph, &layers)? as f64 * options.batch as f64;
    println!("against float32: {} layers, {:.3} G products a batch", layers.len(), products / 1e9);
    for _ in 0..TURNS {
        let ours = time_steps(ours, options.rounds)?;
        let theirs = time_steps(&float, options.rounds)?;
        for (layer, kernel, time) in &theirs.launches {
            println!("  {layer:<32} {kernel:<13} {time}");
        }
        let [own, their] = [(&ours, ours.images), (&theirs, theirs.images)]
            .map(|(times, images)| (total(times, &layers), options.batch.div_ceil(images) as u32));
        let (own, their) = (own.0.cpu * own.1, their.0.cpu * their.1);
        let rate = |products: f64, seconds: f64| products / seconds / 1e9;
        let (reached, peak) =
            (rate(products, their.as_secs_f64()), rate(theirs.peak.0 as f64, theirs.peak.1.cpu.as_secs_f64()));
        println!(
            "bits {:.3} CPU-ms, float32 {:.3} CPU-ms ({reached:.2} G products per CPU second, {:.0} % of {peak:.2}): {:.2} times",
            own.as_secs_f64() * 1e3,
            their.as_secs_f64() * 1e3,
            100.0 * reached / peak,
            their.as_secs_f64() / own.as_secs_f64()
        );
    }
    Ok(())
}

/// The total time of these layers' launches.
fn total(times: &StepTimes, layers: &HashSet<String>) -> Elapsed {
    let of_layers = times.launches.iter().filter(|(layer, ..)| layers.contains(layer));
    of_layers.fold(Elapsed::default(), |sum, (.., time)| sum + *time)
}

/// How many products these convolutions add up for one image, including taps outside the input.
fn products(graph: &Graph, layers: &HashSet<String>) -> Outcome<u64> {
    let facts = graph.facts()?;
    let of = |(id, node): (usize, &lq_infer::internals::graph::Node)| match &node.op {
        Op::Conv { window, groups, .. } if layers.contains(&node.name) => {
            (facts[id].shape.elements() * window.taps() * facts[node.inputs[0]].shape.c / groups) as u64
        }
        _ => 0,
    };
    Ok(graph.nodes().iter().enumerate().map(of).sum())
}
