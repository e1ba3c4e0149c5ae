//! Networks prepared on devices.

use super::Outcome;
use lq_infer::internals::backend::cpu::{Cpu, CpuNet};
use lq_infer::internals::backend::gpu::{FloatNet, Gpu, GpuNet, Probe, adapters};
use lq_infer::internals::backend::{Backend, Control, Executable, Peak};
use lq_infer::internals::bench::Subject;
use lq_infer::internals::plan::Plan;
use lq_infer::{Model, Result, wgpu};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many words the probe of a CPU thread counts per round.
const CPU_WORDS: u64 = 1 << 29;
/// How many words a GPU's probe counts per round.
const GPU_WORDS: u64 = 1 << 27;
/// How many products a GPU's float probe adds per round.
const PRODUCTS: u64 = 1 << 30;

pub enum Device {
    Cpu(Cpu),
    Gpu(Box<Gpu>),
}

impl Device {
    /// Opens a CPU by its name ("cpu", "cpu-avx2") with a number of threads, by default all. Or opens the first usable
    /// adapter whose name, API or driver contains `name`, with a given variant of its kernels, by default the best.
    pub fn open(name: &str, threads: Option<usize>, variant: Option<usize>) -> Outcome<Self> {
        let name = name.to_lowercase();
        if let Some(cpu) = Cpu::all().into_iter().find(|cpu| cpu.name() == name) {
            return Ok(Device::Cpu(match threads {
                Some(n) => cpu.with_pool(Arc::new(rayon::ThreadPoolBuilder::new().num_threads(n).build()?)),
                None => cpu,
            }));
        }
        let named = |text: &str| text.to_lowercase().contains(&name);
        let mut found = adapters().into_iter().filter(|a| a.unusable.is_none()).filter(|a| {
            let info = a.info();
            named(&info.name) || named(&info.api) || named(&info.driver)
        });
        let gpu = found.next().ok_or_else(|| format!("no device '{name}'"))?.open()?;
        Ok(Device::Gpu(Box::new(variant.map_or(gpu.clone(), |nth| gpu.with_variant(nth)))))
    }

    pub fn tune(&self, plan: &Arc<Plan>) -> Outcome<()> {
        let Device::Gpu(gpu) = self else { return Err("only GPUs can be tuned".into()) };
        for t in gpu.tune(plan, 1, &|_, _| {})? {
            let [time, default] = [t.time, t.default].map(|d| d.as_secs_f64() * 1e3);
            println!("layers like {:<24} {:<40} {time:.3} ms, untuned {default:.3} ms", t.layer, t.variant);
        }
        Ok(())
    }

    pub fn prepare(&self, plan: &Arc<Plan>, images: usize) -> Outcome<Box<dyn Subject>> {
        let plan = plan.clone();
        Ok(match self {
            Device::Cpu(cpu) => {
                let net = cpu.prepare_net(plan.clone(), images);
                Box::new(OnCpu { cpu: cpu.clone(), net, plan, images })
            }
            Device::Gpu(gpu) => {
                let net = gpu.prepare_net(&plan, images, &|_, _| Ok(()))?;
                Box::new(OnGpu { probe: Probe::new(gpu, Peak::Words)?, gpu: (**gpu).clone(), net, plan, images })
            }
        })
    }
}

impl Device {
    /// Prepares the float32 baseline.
    pub fn prepare_float(&self, model: &Model, images: usize) -> Outcome<OnFloat> {
        let Device::Gpu(gpu) = self else { return Err("the network in float32 runs on GPUs only".into()) };
        let net = FloatNet::new(gpu, &model.header().graph, &model.packed().params, images)?;
        Ok(OnFloat { net, probe: Probe::floats(gpu)?, images })
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Device::Cpu(cpu) => write!(f, "{} threads, {}", cpu.threads(), cpu.instructions()),
            Device::Gpu(gpu) => write!(f, "{}, {}", gpu.info().name, gpu.info().driver_info),
        }
    }
}

struct OnCpu {
    cpu: Cpu,
    net: CpuNet,
    plan: Arc<Plan>,
    images: usize,
}

impl Subject for OnCpu {
    fn launches(&self) -> Vec<(String, &'static str)> {
        self.plan.program().steps.iter().map(|s| (s.name.clone(), s.kernel.name())).collect()
    }

    /// Steps run one image at a time.
    fn images(&self) -> usize {
        1
    }

    fn rerun(&self, launch: usize, repeats: usize) -> Result<()> {
        self.net.rerun(launch, repeats)
    }

    fn peak(&self) -> Result<u64> {
        Ok(self.cpu.popcount_peak(CPU_WORDS))
    }

    fn run(&self, input: &[u32]) -> Result<()> {
        self.net.run(input, self.images, &Control::default()).map(drop)
    }
}

struct OnGpu {
    gpu: Gpu,
    net: GpuNet,
    probe: Probe,
    plan: Arc<Plan>,
    images: usize,
}

impl OnGpu {
    fn buffer(&self, words: usize) -> wgpu::Buffer {
        let usage = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let size = (self.images * words) as u64 * 4;
        let descriptor = wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
        self.gpu.device().create_buffer(&descriptor)
    }
}

impl Subject for OnGpu {
    fn launches(&self) -> Vec<(String, &'static str)> {
        self.net.dispatches().iter().map(|d| (d.name.clone(), d.kernel)).collect()
    }

    fn images(&self) -> usize {
        self.images
    }

    fn rerun(&self, launch: usize, repeats: usize) -> Result<()> {
        self.net.rerun(launch, self.images, repeats, &Control::default())
    }

    fn peak(&self) -> Result<u64> {
        self.probe.run(GPU_WORDS)
    }

    fn run(&self, input: &[u32]) -> Result<()> {
        self.net.run(input, self.images, &Control::default()).map(drop)
    }

    /// Excludes waiting for the device.
    fn host_time(&self, rounds: usize) -> Result<Option<Duration>> {
        let (input, output) = (self.buffer(self.plan.input_words()), self.buffer(self.plan.output_words()));
        let mut times = Vec::new();
        for _ in 0..rounds {
            let start = Instant::now();
            let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
            self.net.encode(&mut encoder, &input, &output, self.images)?;
            self.gpu.queue().submit([encoder.finish()]);
            times.push(start.elapsed());
            let _ = self.gpu.device().poll(wgpu::PollType::wait_indefinitely());
        }
        times.sort();
        Ok(times.get(times.len() / 2).copied())
    }
}

/// The float32 baseline.
pub struct OnFloat {
    net: FloatNet,
    probe: Probe,
    images: usize,
}

impl Subject for OnFloat {
    fn launches(&self) -> Vec<(String, &'static str)> {
        self.net.launches()
    }

    fn images(&self) -> usize {
        self.images
    }

    fn rerun(&self, launch: usize, repeats: usize) -> Result<()> {
        self.net.rerun(launch, repeats, &Control::default())
    }

    fn peak(&self) -> Result<u64> {
        self.probe.run(PRODUCTS)
    }

    /// `input` holds the bits of floats.
    fn run(&self, input: &[u32]) -> Result<()> {
        let input: Vec<f32> = input.iter().map(|&bits| f32::from_bits(bits)).collect();
        self.net.run(&input, &Control::default()).map(drop)
    }
}
