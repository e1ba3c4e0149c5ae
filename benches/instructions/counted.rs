//! The code that runs under valgrind. For each subject it prints a name and calls [`counted`] three times.

use crate::common::steps::distinct_launches;
use crate::common::subjects::Device;
use crate::common::{Outcome, pictures, plan};
use lq_infer::Result;
use lq_infer::internals::backend::cpu::Cpu;
use std::hint::black_box;
use std::sync::Arc;

/// Bits of weights and activations.
const BITS: [[usize; 2]; 2] = [[2, 2], [1, 2]];

/// Callgrind looks for calls of this function, so it must not be inlined, and must return only when the work is done.
#[inline(never)]
fn counted(work: &dyn Fn(usize) -> Result<()>, repeats: usize) -> Result<()> {
    black_box(work(black_box(repeats)))
}

/// Lets callgrind count one repeat of `work`. The first call allocates memory that the others reuse; nothing may run
/// between those.
fn count(name: &str, work: impl Fn(usize) -> Result<()>) -> Outcome<()> {
    println!("{name}");
    counted(&work, 1)?;
    counted(&work, 1)?;
    Ok(counted(&work, 2)?)
}

pub fn run() -> Outcome<()> {
    // Valgrind counts each thread separately, so everything runs on this one.
    let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build()?);
    for cpu in Cpu::all() {
        let device = Device::Cpu(cpu.clone().with_pool(pool.clone()));
        for bits @ [w, a] in BITS {
            let prefix = format!("{} {w}/{a}", cpu.instructions());
            kernels(&device, &prefix, bits)?;
            network(&device, &prefix, bits)?;
        }
    }
    Ok(())
}

/// Counts one kernel of each kind of a network, and its bit convolutions with few and with many channels.
fn kernels(device: &Device, prefix: &str, bits: [usize; 2]) -> Outcome<()> {
    let plan = plan("preact-resnet-18", bits)?;
    let subject = device.prepare(&plan, 1)?;
    for (launch, name) in distinct_launches(&*subject, plan.program()) {
        if chosen(&name, bits) {
            count(&format!("{prefix} {name}"), |repeats| subject.rerun(launch, repeats))?;
        }
    }
    Ok(())
}

/// Whether to count a kernel at these widths. Widths only affect bit convolutions.
fn chosen(name: &str, bits: [usize; 2]) -> bool {
    let square = name.starts_with("bitconv 3x3 ");
    if square { !name.contains("x512") } else { bits == BITS[0] && !name.starts_with("bitconv") }
}

/// Counts a whole network, from pixels to logits.
fn network(device: &Device, prefix: &str, bits: [usize; 2]) -> Outcome<()> {
    let plan = plan("cifar-resnet-20", bits)?;
    let (subject, input) = (device.prepare(&plan, 1)?, pictures(&plan, 1));
    count(&format!("{prefix} cifar-resnet-20"), |repeats| (0..repeats).try_for_each(|_| subject.run(&input)))
}
