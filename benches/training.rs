//! Convolutions of training on a GPU, forward, back to their inputs and to their weights, against those of the float32 baseline,
//! which only infers: alternating in one process, so that other programs slow down both.
//!
//!     cargo bench --bench training -- [PART_OF_A_GPUS_NAME [NETWORK [BATCH [ROUNDS]]]]
//!
//! Each time is the least of all rounds, in CPU milliseconds for a rasteriser and else in milliseconds. The last lines have the
//! share of the baseline's rate that each direction reaches over all layers.

#![allow(unreachable_pub)] // a program has no callers outside

mod common;

use common::Outcome;
use common::subjects::Device;
use lq_infer::internals::backend::Control;
use lq_infer::internals::backend::gpu::FloatNet;
use lq_infer::internals::bench::{Elapsed, least, random_model, time};
use lq_infer::internals::graph::{Op, Ties};
use lq_infer::internals::train::Timer;
use lq_infer::internals::zoo::Uniform;
use std::collections::BTreeMap;
use std::ops::Range;

/// The directions, by the order in which a step has them.
const DIRECTIONS: [&str; 3] = ["forward", "to the input", "to the weights"];

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let argument = |at: usize, usual: &str| arguments.get(at).cloned().unwrap_or_else(|| usual.to_owned());
    let (device, network) = (argument(0, "llvmpipe"), argument(1, "cifar-resnet-20"));
    let (batch, rounds): (usize, usize) = (argument(2, "32").parse()?, argument(3, "5").parse()?);
    let Device::Gpu(gpu) = Device::open(&device, None, None)? else {
        return Err("training is timed on GPUs only".into());
    };
    let model = random_model(&network, &Uniform::bits(2, 2), 1)?;
    let graph = &model.header().graph;
    let baseline = FloatNet::new(&gpu, graph, &model.packed().params, batch)?;
    let training = Timer::new(&gpu, graph, Ties::Below, batch)?;
    let step = training.launches();
    println!("{network}, batch {batch}, on {} ({})", gpu.info().name, gpu.info().api);
    let mut totals = [[0.0; 2]; 3];
    for node in graph.nodes().iter().filter(|node| matches!(node.op, Op::Conv { .. })) {
        let own = |(at, (name, _)): (usize, &(String, &str))| (*name == node.name).then_some(at);
        let Some(float) = baseline.launches().iter().enumerate().find_map(own) else { continue };
        let ways = ways(&step, &node.name);
        let mut times: BTreeMap<usize, Vec<Elapsed>> = BTreeMap::new();
        for _ in 0..rounds {
            times.entry(usize::MAX).or_default().push(time(|| baseline.rerun(float, 1, &Control::default()))?);
            for (direction, ranges) in ways.iter().enumerate() {
                let run = || ranges.iter().try_for_each(|range| training.rerun(range.clone(), 1));
                times.entry(direction).or_default().push(time(run)?);
            }
        }
        let milliseconds = |times: &[Elapsed]| {
            let least = least(times);
            (if gpu.info().software { least.cpu } else { least.wall }).as_secs_f64() * 1e3
        };
        let usual = milliseconds(&times[&usize::MAX]);
        let found: Vec<f64> = (0..3).map(|direction| milliseconds(&times[&direction])).collect();
        println!("  {:<32} {usual:8.2}, {:8.2} {:8.2} {:8.2}", node.name, found[0], found[1], found[2]);
        for (direction, total) in totals.iter_mut().enumerate().filter(|(at, _)| !ways[*at].is_empty()) {
            *total = [total[0] + usual, total[1] + found[direction]];
        }
    }
    for (direction, [usual, own]) in DIRECTIONS.iter().zip(totals) {
        println!("{direction}: {:.0} % of the rate of the float32 baseline", 100.0 * usual / own);
    }
    Ok(())
}

/// The launches of a layer's directions: forward is the last run of them before the loss, with the order of its weights.
fn ways(step: &[(String, &'static str)], layer: &str) -> [Vec<Range<usize>>; 3] {
    let loss = step.iter().position(|(_, kernel)| *kernel == "train.loss").unwrap_or(step.len());
    let of = |range: Range<usize>, kernels: &[&str]| -> Vec<Range<usize>> {
        let own = range.filter(|&at| step[at].0 == layer && kernels.iter().any(|kernel| step[at].1 == *kernel));
        own.map(|at| at..at + 1).collect()
    };
    let convolutions = ["train.order", "train.tile", "train.point", "train.grouped"];
    let mut forward = of(0..loss, &convolutions);
    // Inference comes first, with the same launches.
    forward.drain(..forward.len() / 2);
    let gradients = ["train.conv_gradient", "train.conv_gradient_sum", "train.conv_gradient_grouped", "train.sum"];
    [forward, of(loss..step.len(), &convolutions), of(loss..step.len(), &gradients)]
}
