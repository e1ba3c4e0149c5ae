//! Times every step of networks of the zoo on the CPU and compares with the processor's own peak.
//!
//!     cargo bench --bench cpu -- [--instructions avx512] [--threads 2] [--net ID] [--bits 2/2,1/2,1/1] [--batch 1]
//!         [--rounds 15] [--total]
//!
//! CPU milliseconds are summed over threads. Each figure is the least of all rounds. The last number printed is the median of
//! whole inferences (from the host's words to its words) in milliseconds per image.

use lq_infer::backend::simd::{Simd, SimdNet};
use lq_infer::backend::{Control, Executable};
use lq_infer::bench::{Rng, Subject, least, random_network, time, time_steps};
use lq_infer::plan::Plan;
use lq_infer::zoo::Uniform;
use std::sync::Arc;

/// Words that each thread's probe counts per round.
const PROBE_WORDS: u64 = 1 << 30;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

struct Options {
    instructions: Option<String>,
    threads: Option<usize>,
    net: String,
    bits: Vec<[usize; 2]>,
    batch: usize,
    rounds: usize,
    /// Only whole inferences.
    total: bool,
}

struct Cpu<'a> {
    simd: &'a Simd,
    net: &'a SimdNet,
    plan: &'a Plan,
}

impl Subject for Cpu<'_> {
    fn launches(&self) -> Vec<(String, &'static str)> {
        self.plan.program.steps.iter().map(|s| (s.name.clone(), s.kernel.name())).collect()
    }

    fn rerun(&self, launch: usize, repeats: usize) -> lq_infer::Result<()> {
        self.net.rerun(launch, repeats)
    }

    fn popcount_peak(&self, words: u64) -> lq_infer::Result<u64> {
        Ok(self.simd.popcount_peak(words))
    }
}

fn main() -> Outcome<()> {
    let options = options()?;
    let simd = backend(&options)?;
    println!("{} threads, {}", simd.threads(), simd.instructions());
    for &bits in &options.bits {
        let program = random_network(&options.net, &Uniform::bits(bits[0], bits[1]), 1)?;
        println!("{} {}/{}, batch {}", options.net, bits[0], bits[1], options.batch);
        let plan = Arc::new(Plan::new(program)?);
        let net = simd.prepare_net(plan.clone(), options.batch);
        if !options.total {
            let times = time_steps(&Cpu { simd: &simd, net: &net, plan: &plan }, PROBE_WORDS, options.rounds)?;
            print!("{}", times.table(&plan.program, 1));
        }
        whole(&net, &plan, &options)?;
    }
    Ok(())
}

fn options() -> Outcome<Options> {
    let mut options = Options {
        instructions: None,
        threads: None,
        net: "preact-resnet-18".into(),
        bits: vec![[2, 2], [1, 2], [1, 1]],
        batch: 1,
        rounds: 15,
        total: false,
    };
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    while let Some(name) = arguments.next() {
        if name == "--total" {
            options.total = true;
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--instructions" => options.instructions = Some(value),
            "--threads" => options.threads = Some(value.parse()?),
            "--net" => options.net = value,
            "--bits" => options.bits = value.split(',').map(widths).collect::<Outcome<_>>()?,
            "--batch" => options.batch = value.parse::<usize>()?.max(1),
            "--rounds" => options.rounds = value.parse::<usize>()?.max(1),
            _ => return Err(format!("unknown option {name}").into()),
        }
    }
    Ok(options)
}

fn widths(text: &str) -> Outcome<[usize; 2]> {
    let (w, a) = text.split_once('/').ok_or("bits are given as W/A")?;
    Ok([w.parse()?, a.parse()?])
}

fn backend(options: &Options) -> Outcome<Simd> {
    let wanted = |simd: &Simd| options.instructions.as_deref().is_none_or(|i| i == simd.instructions());
    let simd = Simd::all().into_iter().find(wanted).ok_or("this processor has no such instructions")?;
    Ok(match options.threads {
        Some(threads) => simd.with_pool(Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).build()?)),
        None => simd,
    })
}

/// Whole inferences.
fn whole(net: &SimdNet, plan: &Plan, options: &Options) -> Outcome<()> {
    let mut rng = Rng::new(2);
    let input: Vec<u32> =
        (0..options.batch * plan.input_words()).map(|_| rng.bits() & 0x00ff_ffff | 0x4000_0000).collect();
    let run = || net.run(&input, options.batch, &Control::default()).map(drop);
    let first = time(run)?;
    let mut times = (0..5 * options.rounds).map(|_| time(run)).collect::<Result<Vec<_>, _>>()?;
    let best = least(&times);
    times.sort_by_key(|t| t.wall);
    let median = times[times.len() / 2].wall.as_secs_f64() * 1e3 / options.batch as f64;
    println!("whole: first {first}, least {best}");
    println!("{median:.3}");
    Ok(())
}
