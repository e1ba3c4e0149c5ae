//! Running a program on backends.

use lq_infer::internals::backend::gpu::{Gpu, adapters};
use lq_infer::internals::backend::{Backend, Control};
use lq_infer::internals::lower::Program;
use lq_infer::internals::plan::Plan;
use std::sync::Arc;

/// All usable adapters. Having none is a failure, unless LQ_INFER_ALLOW_NO_GPU is 1.
pub fn gpus() -> Vec<Gpu> {
    let found = adapters();
    let gpus: Vec<Gpu> =
        found.iter().filter(|a| a.unusable.is_none()).map(|a| a.open().unwrap().with_cache(None)).collect();
    assert!(
        !gpus.is_empty() || may_lack_gpu(),
        "no usable GPU adapter. Install a driver, or the software one (Debian, Ubuntu: mesa-vulkan-drivers), or set \
         LQ_INFER_ALLOW_NO_GPU=1 to do without these tests. Found: {:?}",
        found.iter().map(|a| (&a.info().name, &a.unusable)).collect::<Vec<_>>()
    );
    gpus
}

/// Why tests of GPUs are left out, if they are: there is no GPU, and the person running the tests knows.
pub fn without_gpu() -> Option<String> {
    let none = || adapters().iter().all(|adapter| adapter.unusable.is_some());
    (may_lack_gpu() && none()).then(|| "there is no usable GPU, and LQ_INFER_ALLOW_NO_GPU=1 allows that".to_owned())
}

fn may_lack_gpu() -> bool {
    std::env::var("LQ_INFER_ALLOW_NO_GPU").is_ok_and(|value| value == "1")
}

/// Runs a program and returns the words of its logits.
pub fn run_on(backend: &dyn Backend, program: &Program, words: &[u32], images: usize) -> Vec<u32> {
    let plan = Arc::new(Plan::new(program.clone()).unwrap());
    let net = backend.prepare(plan, images, &|_, _| Ok(())).unwrap();
    assert_eq!(net.max_batch(), images);
    net.run(words, images, &Control::default()).unwrap()
}

/// The line of `lq-infer devices --json` that describes a GPU.
pub fn entry<'a>(lines: &'a [serde_json::Value], gpu: &Gpu) -> &'a serde_json::Value {
    let info = gpu.info();
    lines.iter().find(|l| l["name"] == info.name.as_str() && l["api"] == info.api.as_str()).unwrap()
}
