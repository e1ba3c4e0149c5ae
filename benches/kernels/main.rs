//! Times every launch of networks of the zoo on a device and compares with the device's own peak.
//!
//!     cargo bench --bench kernels -- [--device cpu|cpu-INSTRUCTIONS|PART_OF_A_GPUS_NAME] [--threads N] [--net ID]
//!         [--bits 2/2,1/2,1/1] [--batch 1] [--rounds 15] [--variant N] [--tune] [--total]
//!
//! CPU milliseconds are summed over threads: what a software rasteriser computes with. Each figure is the least of all rounds.
//! The last number printed is the median of whole inferences (from the host's words to its words) in milliseconds per image.

mod options;
mod subjects;

use lq_infer::bench::{Rng, Subject, least, random_network, time, time_steps};
use lq_infer::lower::PIXEL_ALPHA;
use lq_infer::plan::Plan;
use lq_infer::zoo::Uniform;
use options::{Options, Outcome};
use std::sync::Arc;
use std::time::Instant;
use subjects::Device;

fn main() -> Outcome<()> {
    let start = Instant::now();
    let options = Options::read()?;
    let device = Device::open(&options)?;
    println!("{device}");
    for &[w, a] in &options.bits {
        let program = random_network(&options.net, &Uniform::bits(w, a), 1)?;
        println!("{} {w}/{a}, batch {}", options.net, options.batch);
        let plan = Arc::new(Plan::new(program)?);
        if options.tune {
            device.tune(&plan)?;
        }
        let subject = device.prepare(&plan, &options)?;
        let prepared = start.elapsed().as_secs_f64() * 1e3;
        let input = pictures(&plan, options.batch);
        // Some drivers compile when a pipeline is used for the first time.
        subject.run(&input)?;
        let first = start.elapsed().as_secs_f64() * 1e3;
        println!("since the start: prepared {prepared:.0} ms, first result {first:.0} ms");
        if !options.total {
            let times = time_steps(&*subject, options.rounds)?;
            print!("{}", times.table(&plan.program));
        }
        whole(&*subject, &input, &options)?;
    }
    Ok(())
}

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

/// Pictures of noise.
fn pictures(plan: &Plan, images: usize) -> Vec<u32> {
    let mut rng = Rng::new(2);
    let alpha = u32::from(PIXEL_ALPHA as u8) << 24;
    (0..images * plan.input_words()).map(|_| rng.bits() >> 8 | alpha).collect()
}
