//! Devices: what they can do, whether they compute right, and what is done about one that does not.

use crate::common::devices::{entry, gpus};
use crate::common::program::{json_lines, run, stdout};
use lq_infer::internals::backend::cpu::Cpu;
use lq_infer::internals::backend::reference::{Reference, run_kernel};
use lq_infer::internals::backend::{
    Arena, ArenaLayout, Backend, Control, Detail, Executable, Peak, Timeline, Traced, traced,
};
use lq_infer::internals::bench::check;
use lq_infer::internals::lower::Kernel;
use lq_infer::internals::plan::Plan;
use lq_infer::{DeviceInfo, Result};
use std::sync::Arc;

/// The reference, one kernel of which flips a bit of what it writes.
struct Broken {
    kernel: &'static str,
    /// Whether it does so when it is looked at, too.
    traced: bool,
}

struct BrokenNet {
    plan: Arc<Plan>,
    kernel: &'static str,
    traced: bool,
}

impl Backend for Broken {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn name(&self) -> String {
        "broken".into()
    }

    fn prepare(
        &self,
        plan: Arc<Plan>,
        _: usize,
        _: lq_infer::internals::backend::Progress,
    ) -> Result<Box<dyn Executable>> {
        Ok(Box::new(BrokenNet { plan, kernel: self.kernel, traced: self.traced }))
    }

    fn rate(&self, peak: Peak) -> Result<f64> {
        Reference { parallel: false }.rate(peak)
    }
}

impl BrokenNet {
    /// What the steps write, and the logits.
    fn image(&self, input: &[u32], broken: bool) -> Result<(Vec<Traced>, Vec<u32>)> {
        let layout = ArenaLayout::of(&self.plan);
        let mut arena = Arena::new(&layout, input)?;
        let mut all = Vec::new();
        for (index, step) in self.plan.program().steps.iter().enumerate() {
            all.push(traced(index, &step.kernel.writes(), &mut arena, |arena, outputs| {
                run_kernel(&step.kernel, arena, outputs);
                if broken && step.kernel.name() == self.kernel {
                    outputs[0].data[0] ^= 1;
                }
            }));
        }
        Ok((all, arena.read(self.plan.program().logits.tensor()).to_vec()))
    }
}

impl Executable for BrokenNet {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn max_batch(&self) -> usize {
        4
    }

    fn run(&self, input: &[u32], _: usize, _: &Control) -> Result<Vec<u32>> {
        let images = input.chunks_exact(self.plan.input_words());
        Ok(images
            .map(|image| self.image(image, true))
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .flat_map(|i| i.1)
            .collect())
    }

    fn timed(&self, input: &[u32], images: usize, _: Detail, control: &Control) -> Result<(Vec<u32>, Timeline)> {
        Ok((self.run(input, images, control)?, Timeline::default()))
    }

    fn trace(&self, input: &[u32]) -> Result<Vec<Traced>> {
        Ok(self.image(input, self.traced)?.0)
    }
}

#[test]
fn a_broken_kernel_is_named() {
    for kernel in Kernel::names().into_iter().map(|name| &*name.leak()) {
        let fault = check(&Broken { kernel, traced: true }).unwrap().unwrap_or_else(|| panic!("{kernel} passed"));
        assert_eq!((fault.kernel, fault.differing[0]), (Some(kernel), 1), "{fault}");
        assert!(!fault.layer.is_empty() && fault.to_string().contains(kernel), "{fault}");
    }
    // The same backend with nothing broken is healthy.
    assert_eq!(check(&Broken { kernel: "none", traced: true }).unwrap(), None);
}

#[test]
fn wrong_runs_of_right_kernels_are_noticed() {
    let fault = check(&Broken { kernel: "limbsum", traced: false }).unwrap().unwrap();
    assert_eq!(fault.kernel, None);
    assert!(fault.to_string().contains("whole runs"), "{fault}");
}

#[test]
fn every_device_is_healthy() {
    Cpu::all().iter().for_each(|cpu| assert_eq!(check(cpu).unwrap(), None, "{}", cpu.name()));
    gpus().iter().for_each(|gpu| assert_eq!(check(gpu).unwrap(), None, "{}", gpu.name()));
}

/// What is asked for is done, and the rates are of this world.
#[test]
fn peaks_are_measured() {
    let mut devices: Vec<Box<dyn Backend>> = vec![Box::new(Reference { parallel: false })];
    devices.extend(Cpu::all().into_iter().map(|cpu| Box::new(cpu) as Box<dyn Backend>));
    for gpu in gpus() {
        for peak in [Peak::Words, Peak::ByteProducts, Peak::Bytes] {
            let done = lq_infer::internals::backend::gpu::Probe::new(&gpu, peak).unwrap().run(100_000_000).unwrap();
            assert!((100_000_000..1_000_000_000).contains(&done), "{peak:?}: {done}");
        }
        devices.push(Box::new(gpu));
    }
    for device in devices {
        for peak in [Peak::Words, Peak::ByteProducts, Peak::Bytes] {
            let rate = device.rate(peak).unwrap();
            assert!((1e6..1e17).contains(&rate), "{}: {peak:?} {rate}", device.name());
        }
    }
}

#[test]
fn ids_limits_and_features_are_listed() {
    let lines = json_lines(&run(&["devices", "--json"]));
    let cpu = lines.iter().find(|l| l["name"] == "cpu").unwrap();
    assert_eq!(cpu["id"], "cpu");
    assert!(cpu["processor"]["threads"].as_u64().unwrap() >= 1 && cpu["gpu"].is_null());
    for gpu in gpus() {
        let entry = entry(&lines, &gpu);
        assert_eq!(entry["gpu"]["buffer_bytes"].as_u64(), Some(gpu.info().limits.buffer_bytes));
        assert!(entry["gpu"]["timestamps"].is_boolean() && entry["processor"].is_null());
    }
    let mut ids: Vec<&str> = lines.iter().map(|l| l["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), lines.len(), "ids are unique");
    // An id selects its device, as do the ids that a report names.
    for id in ["cpu-portable", "cpu:cpu-portable"] {
        let verified = json_lines(&run(&["verify", "--json", "--device", id]));
        assert_eq!(verified[0]["device"], "cpu-portable");
    }
    assert_eq!(lq_infer::devices().iter().map(|d: &DeviceInfo| d.id.as_str()).filter(|id| *id == "cpu").count(), 1);

    let text = stdout(&run(&["devices", "--verbose"]));
    assert!(text.contains("id cpu\n") && text.contains("instructions"), "{text}");
    assert!(gpus().is_empty() || text.contains("timestamps"), "{text}");
}
