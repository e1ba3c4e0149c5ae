//! Times every launch of networks of the zoo on a device, and compares it with the device's peak.
//!
//!     cargo bench --bench kernels -- [--device cpu|cpu-INSTRUCTIONS|PART_OF_A_GPUS_NAME] [--threads N] [--net ID]
//!         [--bits 2/2,1/2,1/1] [--batch 1] [--rounds 15] [--variant N] [--tune] [--total] [--against]
//!
//! CPU milliseconds are summed over threads, including those of a software rasterizer. Each time is the least of all
//! rounds. `--against` also times the float32 baseline (on GPUs only), alternating with the network, and compares its
//! convolutions with the bit convolutions. The last number printed is the median time of whole inferences, from words
//! on the host to words on the host, in milliseconds per image.

#![allow(unreachable_pub)] // a program has no callers outside

mod against;
#[path = "../common/mod.rs"]
mod common;
mod options;

use common::subjects::Device;
use common::{Outcome, pictures, plan};
use lq_infer::internals::bench::{Subject, least, time, time_steps};
use options::Options;
use std::time::Instant;

fn main() -> Outcome<()> {
    let start = Instant::now();
    let options = Options::read()?;
    let device = Device::open(&options.device, options.threads, options.variant)?;
    println!("{device}");
    for &[w, a] in &options.bits {
        let plan = plan(&options.net, [w, a])?;
        println!("{} {w}/{a}, batch {}", options.net, options.batch);
        if options.tune {
            device.tune(&plan)?;
        }
        let subject = device.prepare(&plan, options.batch)?;
        let prepared = start.elapsed().as_secs_f64() * 1e3;
        let input = pictures(&plan, options.batch);
        // Some drivers compile a pipeline when it is first used.
        subject.run(&input)?;
        let first = start.elapsed().as_secs_f64() * 1e3;
        println!("since the start: prepared {prepared:.0} ms, first result {first:.0} ms");
        if !options.total {
            let times = time_steps(&*subject, options.rounds)?;
            print!("{}", times.table(plan.program()));
        }
        if options.against {
            against::compare(&device, &*subject, plan.program(), [w, a], &options)?;
        }
        whole(&*subject, &input, &options)?;
    }
    Ok(())
}

/// Times whole inferences.
fn whole(subject: &dyn Subject, input: &[u32], options: &Options) -> Outcome<()> {
    if let Some(host) = subject.host_time(options.rounds.max(20))? {
        println!("encoding and submitting: median {:.0} us", host.as_secs_f64() * 1e6);
    }
    let mut times = (0..2 * options.rounds).map(|_| time(|| subject.run(input))).collect::<Result<Vec<_>, _>>()?;
    println!("whole: least {}", least(&times));
    times.sort_by_key(|t| t.wall);
    println!("{:.3}", times[times.len() / 2].wall.as_secs_f64() * 1e3 / options.batch as f64);
    Ok(())
}
