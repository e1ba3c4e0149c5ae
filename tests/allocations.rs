//! A prepared net allocates nothing per inference but what it returns.

mod common;

use common::kernels::{input, resnet20};
use lq_infer::backend::cpu::Cpu;
use lq_infer::backend::{Backend, Control};
use lq_infer::plan::Plan;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Inferences that are counted.
const TURNS: usize = 200;

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: counts, and leaves the work to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller promises what `System` requires.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller promises what `System` requires.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The result, and once in dozens of inferences a block of rayon's queue; not one for each of 29 steps.
#[test]
fn inferences_allocate_their_result_only() {
    let program = resnet20(2).program();
    let plan = Arc::new(Plan::new(program.clone()).unwrap());
    for cpu in Cpu::all() {
        for images in [1, 4] {
            let net = cpu.prepare(plan.clone(), images, &|_, _| {}).unwrap();
            let words = input(&program, images, 1);
            let run = || net.run(&words, images, &Control::default()).unwrap();
            (0..50).for_each(|_| drop(run()));
            let before = ALLOCATIONS.load(Ordering::Relaxed);
            (0..TURNS).for_each(|_| drop(run()));
            let each = (ALLOCATIONS.load(Ordering::Relaxed) - before) as f64 / TURNS as f64;
            assert!((1.0..3.0).contains(&each), "{}, {images} images: {each} allocations each", cpu.instructions());
        }
    }
}
