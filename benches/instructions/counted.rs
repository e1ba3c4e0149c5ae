//! What runs under valgrind: names on stdout, and for each of them three calls of [`counted`].

use crate::common::steps::distinct_launches;
use crate::common::subjects::Device;
use crate::common::{Outcome, pictures, plan};
use lq_infer::Result;
use lq_infer::backend::cpu::Cpu;
use std::hint::black_box;
use std::sync::Arc;

/// Bits of weights and activations.
const BITS: [[usize; 2]; 2] = [[2, 2], [1, 2]];

/// Callgrind looks for its calls: it must stay a function, and return only when the work is done.
#[inline(never)]
fn counted(work: &dyn Fn(usize) -> Result<()>, repeats: usize) -> Result<()> {
    black_box(work(black_box(repeats)))
}

/// Lets one repeat of `work` be counted. The first call takes the memory that the others find, and nothing is between
/// those.
fn count(name: &str, work: impl Fn(usize) -> Result<()>) -> Outcome<()> {
    println!("{name}");
    counted(&work, 1)?;
    counted(&work, 1)?;
    Ok(counted(&work, 2)?)
}

pub fn run() -> Outcome<()> {
    // Valgrind counts by thread: all is done by this one.
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

/// One of each kind of the kernels of a network, and its bit convolutions for few channels and for many.
fn kernels(device: &Device, prefix: &str, bits: [usize; 2]) -> Outcome<()> {
    let plan = plan("preact-resnet-18", bits)?;
    let subject = device.prepare(&plan, 1)?;
    for (launch, name) in distinct_launches(&*subject, &plan.program) {
        if chosen(&name, bits) {
            count(&format!("{prefix} {name}"), |repeats| subject.rerun(launch, repeats))?;
        }
    }
    Ok(())
}

/// Bits make a difference to bit convolutions alone.
fn chosen(name: &str, bits: [usize; 2]) -> bool {
    let square = name.starts_with("bitconv 3x3 ");
    if square { !name.contains("x512") } else { bits == BITS[0] && !name.starts_with("bitconv") }
}

/// From pixels to logits.
fn network(device: &Device, prefix: &str, bits: [usize; 2]) -> Outcome<()> {
    let plan = plan("cifar-resnet-20", bits)?;
    let (subject, input) = (device.prepare(&plan, 1)?, pictures(&plan, 1));
    count(&format!("{prefix} cifar-resnet-20"), |repeats| (0..repeats).try_for_each(|_| subject.run(&input)))
}
