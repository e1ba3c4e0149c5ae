//! Every way to run a kernel gives the bits of the reference, on every GPU of this machine: odd shapes and channels, strides,
//! dilation, padding, batches.

use crate::common::devices::{gpus, run_on};
use crate::common::kernels::{Problem, bits, input, pictures};
use lq_infer::internals::backend::gpu::Gpu;
use lq_infer::internals::backend::gpu::record::Variant;
use lq_infer::internals::backend::reference::Reference;
use lq_infer::internals::backend::{Backend, Control, Executable};
use lq_infer::internals::plan::Plan;
use lq_infer::internals::tensor::Window;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Images of a batch: more than one tile's worth of rows, and not a multiple of a subgroup.
const IMAGES: usize = 3;

/// Runs `problem` with the first, second, ... variant of each kernel and returns the names of all that ran.
fn check(problem: &Problem) -> BTreeSet<String> {
    let program = problem.program();
    let plan = Arc::new(Plan::new(program.clone()).unwrap());
    let words = input(&program, IMAGES, problem.seed);
    let expected = run_on(&Reference { parallel: false }, &program, &words, IMAGES);
    let mut seen = BTreeSet::new();
    for gpu in gpus() {
        let mut before = Vec::new();
        for nth in 0.. {
            let net = gpu.with_variant(nth).prepare_net(&plan, IMAGES, &|_, _| Ok(())).unwrap();
            let variants: Vec<Variant> = net.dispatches().iter().map(|d| d.variant).collect();
            let result = net.run(&words, IMAGES, &Control::default()).unwrap();
            assert!(result == expected, "{} differs on {:?} with {variants:?}", problem.name, gpu.info().name);
            if variants == before {
                // Each kernel runs in its last variant.
                break;
            }
            seen.extend(variants.iter().map(Variant::to_string));
            before = variants;
        }
    }
    println!("{}: {seen:?}", problem.name);
    seen
}

pub fn tiles_of_square_windows() {
    for (w, a) in [(1, 1), (1, 2), (2, 1), (2, 2), (3, 3)] {
        let window = Window::same(3, 1 + w % 2, [7, 10]);
        let seen = check(&bits(w, a, [[64, 40, 20], [128, 33, 64]][a % 2], [7, 10], window));
        assert!(seen.iter().filter(|v| v.starts_with("tile")).count() > 3, "{seen:?}");
    }
}

pub fn tiles_of_odd_windows() {
    let dilated = Window { dilation: [2, 3], ..Window { before: [2, 3], after: [2, 3], ..Window::valid(3, 1) } };
    let skewed = Window { kernel: [2, 5], stride: [3, 2], before: [1, 2], after: [0, 1], dilation: [1; 2] };
    for window in [Window::valid(1, 2), dilated, skewed] {
        check(&bits(2, 2, [70, 64, 33], [11, 13], window));
        check(&bits(1, 2, [128, 32, 64], [9, 8], window));
    }
}

pub fn strips_of_pictures() {
    let skewed = Window { kernel: [3, 5], stride: [1, 2], before: [1, 3], after: [0, 1], dilation: [1, 2] };
    for (window, channels) in [(Window::same(7, 2, [10, 24]), 40), (Window::same(3, 1, [10, 24]), 64), (skewed, 7)] {
        let seen = check(&pictures(channels, [10, 24], window));
        assert!(seen.iter().any(|v| v.starts_with("strip")), "{seen:?}");
    }
}

/// Tuning keeps choices that later preparations find, and a cache that is damaged is none.
pub fn tuned_choices_are_kept() {
    let program = bits(2, 2, [64, 32, 20], [6, 8], Window::same(3, 1, [6, 8])).program();
    let plan = Arc::new(Plan::new(program.clone()).unwrap());
    let words = input(&program, 1, 7);
    let expected = run_on(&Reference { parallel: false }, &program, &words, 1);
    for gpu in gpus() {
        let folder = tempfile::tempdir().unwrap();
        let gpu = gpu.with_cache(Some(folder.path().to_owned()));
        let tuned = gpu.tune(&plan, 1, &|_, _| {}).unwrap();
        assert!(tuned.len() >= 2 && tuned.iter().all(|t| t.time <= t.default), "{tuned:?}");
        let variants = |gpu: &Gpu| -> Vec<String> {
            let net = gpu.prepare_net(&plan, 1, &|_, _| Ok(())).unwrap();
            assert_eq!(net.run(&words, 1, &Control::default()).unwrap(), expected);
            net.dispatches().iter().map(|d| d.variant.to_string()).collect()
        };
        let found = variants(&gpu);
        assert!(tuned.iter().all(|t| found.contains(&t.variant)), "{tuned:?} {found:?}");
        for file in std::fs::read_dir(folder.path()).unwrap() {
            std::fs::write(file.unwrap().path(), b"not what was written").unwrap();
        }
        assert_eq!(variants(&gpu), variants(&gpu.with_cache(None)));
    }
}
