//! Benchmarks of networks and their kernels with criterion, which computes confidence intervals, keeps earlier figures
//! and reports changes.
//!
//!     cargo bench --bench networks -- [PART_OF_A_NAME] [--save-baseline NAME] [--test]
//!
//! `LQ_INFER_BENCH_DEVICES` is a comma-separated list of devices, named as for `--device` of the bench `kernels`. The
//! default is the CPU.

#![allow(unreachable_pub)] // a program has no callers outside

mod common;

use common::steps::distinct_launches;
use common::subjects::Device;
use common::{Outcome, pictures, plan};
use criterion::{Criterion, Throughput};
use lq_infer::internals::bench::time;
use std::time::Duration;

const NETWORKS: [&str; 3] = ["cifar-resnet-20", "vgg-small", "preact-resnet-18"];
/// The network whose kernels are timed one by one.
const KERNELS_OF: &str = "preact-resnet-18";
/// Bits of weights and activations.
const BITS: [[usize; 2]; 3] = [[2, 2], [1, 2], [1, 1]];
const BATCHES: [usize; 2] = [1, 8];

fn main() -> Outcome<()> {
    let criterion = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(500));
    let mut criterion = criterion.measurement_time(Duration::from_secs(2)).configure_from_args();
    let names = std::env::var("LQ_INFER_BENCH_DEVICES").unwrap_or_else(|_| "cpu".into());
    for name in names.split(',') {
        let device = Device::open(name, None, None)?;
        networks(&mut criterion, name, &device)?;
        kernels(&mut criterion, name, &device)?;
    }
    criterion.final_summary();
    Ok(())
}

/// Whole inferences, from pixels to logits.
fn networks(criterion: &mut Criterion, device_name: &str, device: &Device) -> Outcome<()> {
    for (net, bits) in NETWORKS.into_iter().flat_map(|net| BITS.map(|bits| (net, bits))) {
        let plan = plan(net, bits)?;
        let mut group = criterion.benchmark_group(group_name(device_name, net, bits));
        for batch in BATCHES {
            let (subject, input) = (device.prepare(&plan, batch)?, pictures(&plan, batch));
            subject.run(&input)?;
            group.throughput(Throughput::Elements(batch as u64));
            group.bench_function(format!("batch {batch}"), |b| b.iter(|| subject.run(&input).expect("it ran before")));
        }
    }
    Ok(())
}

/// Each kernel and shape, one launch at a time.
fn kernels(criterion: &mut Criterion, device_name: &str, device: &Device) -> Outcome<()> {
    for bits in BITS {
        let plan = plan(KERNELS_OF, bits)?;
        let subject = device.prepare(&plan, 1)?;
        let mut group = criterion.benchmark_group(group_name(device_name, "kernels", bits));
        for (launch, name) in distinct_launches(&*subject, plan.program()) {
            subject.rerun(launch, 1)?;
            // All repeats are one call, so that the time before the first launch hardly matters.
            let repeats = |n: u64| time(|| subject.rerun(launch, n as usize)).expect("it ran before").wall;
            group.bench_function(name, |b| b.iter_custom(repeats));
        }
    }
    Ok(())
}

fn group_name(device: &str, what: &str, [w, a]: [usize; 2]) -> String {
    format!("{device} {what} {w}-{a}")
}
