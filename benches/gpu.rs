//! Times every dispatch of networks of the zoo on a GPU and compares with the device's own peak.
//!
//!     cargo bench --bench gpu -- [--device PART_OF_NAME] [--net ID] [--bits 2/2,1/2,1/1] [--batch 1] [--rounds 15] [--variant 0] [--tune] [--total]
//!
//! CPU milliseconds are summed over threads: what a software rasteriser computes with. Each figure is the least of all rounds.

use lq_infer::backend::gpu::{Gpu, GpuNet, PopcountProbe, adapters};
use lq_infer::backend::{Control, Executable};
use lq_infer::bench::{Elapsed, Rng, Stopwatch, bit_words, is_square_bitconv, random_network};
use lq_infer::lower::{Kernel, PIXEL_ALPHA, Program};
use lq_infer::plan::Plan;
use lq_infer::wgpu;
use lq_infer::zoo::Uniform;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time that the repetitions of one measurement should take together.
const LONG_ENOUGH: Duration = Duration::from_millis(20);
/// Words that the probe counts per round.
const PROBE_WORDS: u64 = 1 << 27;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

struct Options {
    device: String,
    net: String,
    bits: Vec<[usize; 2]>,
    batch: usize,
    rounds: usize,
    /// Only whole inferences; the last thing printed is their median in milliseconds.
    total: bool,
    /// Which variant of each kernel to run instead of the best; past the last is the general one.
    variant: Option<usize>,
    /// Tune first.
    tune: bool,
}

fn main() -> Outcome<()> {
    let start = Instant::now();
    let options = options()?;
    let gpu = open(&options.device)?;
    let gpu = options.variant.map_or(gpu.clone(), |nth| gpu.with_variant(nth));
    println!("{}, {}", gpu.info().name, gpu.info().driver_info);
    for &bits in &options.bits {
        let program = random_network(&options.net, &Uniform::bits(bits[0], bits[1]), 1)?;
        println!("{} {}/{}, batch {}", options.net, bits[0], bits[1], options.batch);
        let plan = Arc::new(Plan::new(program)?);
        if options.tune {
            for t in gpu.tune(&plan, &|_| {})? {
                let [time, default] = [t.time, t.default].map(milliseconds);
                println!("layers like {:<24} {:<40} {time:.3} ms, untuned {default:.3} ms", t.layer, t.variant);
            }
        }
        let net = gpu.prepare_net(plan.clone(), options.batch, &|_, _| {})?;
        let prepared = start.elapsed();
        net.run(&pictures(&plan, options.batch), options.batch, &Control::default())?;
        // Some drivers compile when a pipeline is used for the first time.
        let (prepared, first) = (milliseconds(prepared), milliseconds(start.elapsed()));
        println!("since the start: prepared {prepared:.0} ms, first result {first:.0} ms");
        if !options.total {
            steps(&gpu, &net, &plan.program, &options)?;
        }
        host(&gpu, &net, &plan, &options)?;
        whole(&net, &plan, &options)?;
    }
    Ok(())
}

fn options() -> Outcome<Options> {
    let mut options = Options {
        device: String::new(),
        net: "preact-resnet-18".into(),
        bits: vec![[2, 2], [1, 2], [1, 1]],
        batch: 1,
        rounds: 15,
        total: false,
        variant: None,
        tune: false,
    };
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    while let Some(name) = arguments.next() {
        match name.as_str() {
            "--total" => options.total = true,
            "--tune" => options.tune = true,
            _ => set(&mut options, &name, arguments.next().ok_or_else(|| format!("{name} needs a value"))?)?,
        }
    }
    Ok(options)
}

fn set(options: &mut Options, name: &str, value: String) -> Outcome<()> {
    match name {
        "--device" => options.device = value.to_lowercase(),
        "--net" => options.net = value,
        "--bits" => options.bits = value.split(',').map(widths).collect::<Outcome<_>>()?,
        "--batch" => options.batch = value.parse()?,
        "--variant" => options.variant = Some(value.parse()?),
        "--rounds" => options.rounds = value.parse::<usize>()?.max(1),
        _ => return Err(format!("unknown option {name}").into()),
    }
    Ok(())
}

fn widths(text: &str) -> Outcome<[usize; 2]> {
    let (w, a) = text.split_once('/').ok_or("bits are given as W/A")?;
    Ok([w.parse()?, a.parse()?])
}

/// The first usable adapter with `part` in its name, API or driver.
fn open(part: &str) -> Outcome<Gpu> {
    let matches = |text: &str| text.to_lowercase().contains(part);
    let found = adapters().into_iter().filter(|a| a.unusable.is_none());
    let mut found = found.filter(|a| [&a.info().name, &a.info().api, &a.info().driver].into_iter().any(|s| matches(s)));
    Ok(found.next().ok_or("no such adapter")?.open()?)
}

/// Each dispatch, the probe between them: noise of the machine hits both.
fn steps(gpu: &Gpu, net: &GpuNet, program: &Program, options: &Options) -> Outcome<()> {
    let probe = PopcountProbe::new(gpu)?;
    let count = net.dispatches().len();
    let mut repeats = vec![1; count];
    for (index, repeats) in repeats.iter_mut().enumerate() {
        net.rerun(index, options.batch, 1)?;
        let once = time(|| net.rerun(index, options.batch, 1))?.wall.max(Duration::from_micros(20));
        *repeats = (LONG_ENOUGH.as_nanos() / once.as_nanos()).clamp(1, 1000) as usize;
    }
    probe.run(PROBE_WORDS)?;
    let (mut peaks, mut times) = (Vec::new(), vec![Vec::new(); count]);
    for _ in 0..options.rounds {
        peaks.push(time(|| probe.run(PROBE_WORDS))?);
        for index in 0..count {
            let elapsed = time(|| net.rerun(index, options.batch, repeats[index]))?;
            let each = |d: Duration| d / repeats[index] as u32;
            times[index].push(Elapsed { cpu: each(elapsed.cpu), wall: each(elapsed.wall) });
        }
    }
    report(net, program, options, least(&peaks), &times.iter().map(|t| least(t)).collect::<Vec<_>>());
    Ok(())
}

fn report(net: &GpuNet, program: &Program, options: &Options, peak: Elapsed, times: &[Elapsed]) {
    let kernel = |name: &str, kernel: &str| -> Option<&Kernel> {
        program.steps.iter().find(|s| s.name == name && s.kernel.name() == kernel).map(|s| &s.kernel)
    };
    let rate = |words: u64, time: Duration| words as f64 / time.as_secs_f64() / 1e9;
    let (cpu_peak, wall_peak) = (rate(PROBE_WORDS, peak.cpu), rate(PROBE_WORDS, peak.wall));
    println!("peak: {cpu_peak:.2} Gw per CPU second, {wall_peak:.2} per second");
    let (mut all, mut square, mut square_words) = (Elapsed::default(), Elapsed::default(), 0);
    for (dispatch, &time) in net.dispatches().iter().zip(times) {
        let step = kernel(&dispatch.name, dispatch.kernel);
        let words = step.map_or(0, |k| bit_words(program, k)) * options.batch as u64;
        all = all + time;
        if step.is_some_and(is_square_bitconv) {
            square = square + time;
            square_words += words;
        }
        let speed = if words > 0 { format!("{:.2} Gw/s", rate(words, time.cpu)) } else { String::new() };
        println!("{:<32} {:<10} {}  {speed}", dispatch.name, dispatch.kernel, show(time));
    }
    println!("{} dispatches: {}", times.len(), show(all));
    let share = |time: Duration, peak: f64| 100.0 * rate(square_words, time) / peak;
    let (cpu, wall) = (share(square.cpu, cpu_peak), share(square.wall, wall_peak));
    println!("3x3 bit convolutions: {}, {cpu:.0} % of the peak by CPU time, {wall:.0} % by wall time", show(square));
}

/// What the host does for one inference: encoding and submitting. Waiting for the device is not counted.
fn host(gpu: &Gpu, net: &GpuNet, plan: &Plan, options: &Options) -> Outcome<()> {
    let usage = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let buffer = |words: usize| {
        let size = (options.batch * words) as u64 * 4;
        gpu.device().create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
    };
    let (input, output) = (buffer(plan.input_words()), buffer(plan.output_words()));
    let mut times = Vec::new();
    for _ in 0..options.rounds.max(20) {
        let start = Instant::now();
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        net.encode(&mut encoder, &input, &output, options.batch)?;
        gpu.queue().submit([encoder.finish()]);
        times.push(start.elapsed());
        gpu.device().poll(wgpu::PollType::wait_indefinitely())?;
    }
    times.sort();
    println!("encoding and submitting: median {:.0} us", milliseconds(times[times.len() / 2]) * 1e3);
    Ok(())
}

/// Whole inferences, from the host's words to its words.
fn whole(net: &GpuNet, plan: &Plan, options: &Options) -> Outcome<()> {
    let input = pictures(plan, options.batch);
    let run = || net.run(&input, options.batch, &Control::default()).map(drop);
    time(run)?;
    let mut times = (0..options.rounds).map(|_| time(run)).collect::<Outcome<Vec<_>>>()?;
    let least = least(&times);
    times.sort_by_key(|t| t.wall);
    let median = times[times.len() / 2];
    println!("whole: least {}, median {:.2} ms wall", show(least), milliseconds(median.wall));
    println!("{:.3}", milliseconds(median.wall));
    Ok(())
}

/// Pictures of noise.
fn pictures(plan: &Plan, images: usize) -> Vec<u32> {
    let mut rng = Rng::new(2);
    let alpha = u32::from(PIXEL_ALPHA as u8) << 24;
    (0..images * plan.input_words()).map(|_| rng.bits() >> 8 | alpha).collect()
}

fn time<E>(work: impl FnOnce() -> Result<E, lq_infer::Error>) -> Outcome<Elapsed> {
    let start = Stopwatch::start();
    work()?;
    Ok(start.elapsed())
}

fn least(times: &[Elapsed]) -> Elapsed {
    let of = |part: fn(&Elapsed) -> Duration| times.iter().map(part).min().unwrap_or_default();
    Elapsed { cpu: of(|t| t.cpu), wall: of(|t| t.wall) }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn show(time: Elapsed) -> String {
    format!("{:9.3} CPU-ms {:9.3} ms", milliseconds(time.cpu), milliseconds(time.wall))
}
