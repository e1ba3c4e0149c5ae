//! Running a program on backends.

use lq_infer::backend::gpu::{Gpu, adapters};
use lq_infer::backend::{Backend, Control};
use lq_infer::lower::Program;
use lq_infer::plan::Plan;
use std::sync::Arc;

/// All usable adapters. Having none is a failure, unless LQ_INFER_ALLOW_NO_GPU is 1.
pub fn gpus() -> Vec<Gpu> {
    let found = adapters();
    let gpus: Vec<Gpu> =
        found.iter().filter(|a| a.unusable.is_none()).map(|a| a.open().unwrap().with_cache(None)).collect();
    let allowed = std::env::var("LQ_INFER_ALLOW_NO_GPU").is_ok_and(|v| v == "1");
    assert!(
        !gpus.is_empty() || allowed,
        "no usable GPU adapter. Install a driver, or the software one (Debian, Ubuntu: mesa-vulkan-drivers), or set \
         LQ_INFER_ALLOW_NO_GPU=1 to do without these tests. Found: {:?}",
        found.iter().map(|a| (&a.info().name, &a.unusable)).collect::<Vec<_>>()
    );
    gpus
}

/// Runs a program and returns the words of its logits.
pub fn run_on(backend: &dyn Backend, program: &Program, words: &[u32], images: usize) -> Vec<u32> {
    let plan = Arc::new(Plan::new(program.clone()).unwrap());
    let net = backend.prepare(plan, images, &|_, _| {}).unwrap();
    assert_eq!(net.max_batch(), images);
    net.run(words, images, &Control::default()).unwrap()
}
