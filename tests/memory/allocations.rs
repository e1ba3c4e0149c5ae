//! A prepared net allocates nothing per inference but what it returns.

use crate::alloc::{allocations, count_allocations};
use crate::common::kernels::{input, resnet20};
use lq_infer::internals::backend::cpu::Cpu;
use lq_infer::internals::backend::{Backend, Control};
use lq_infer::internals::plan::Plan;
use std::sync::Arc;

/// Inferences that are counted.
const TURNS: usize = 100;

/// The result, and once in dozens of inferences a block of rayon's queue; not one for each of 29 steps.
#[test]
fn inferences_allocate_their_result_only() {
    let program = resnet20(2).program();
    let plan = Arc::new(Plan::new(program.clone()).unwrap());
    count_allocations();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).start_handler(|_| count_allocations()).build().unwrap();
    let pool = Arc::new(pool);
    for cpu in Cpu::all().into_iter().map(|cpu| cpu.with_pool(pool.clone())) {
        for images in [1, 4] {
            let net = cpu.prepare(plan.clone(), images, &|_, _| Ok(())).unwrap();
            let words = input(&program, images, 1);
            let run = || net.run(&words, images, &Control::default()).unwrap();
            (0..20).for_each(|_| drop(run()));
            let before = allocations();
            (0..TURNS).for_each(|_| drop(run()));
            let each = (allocations() - before) as f64 / TURNS as f64;
            assert!((1.0..3.0).contains(&each), "{}, {images} images: {each} allocations each", cpu.instructions());
        }
    }
}
